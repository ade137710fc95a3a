from __future__ import annotations

from pathlib import Path

from tests.cluster.node import cgroups


def test_cgroup_folders_of_both_versions(tmp_path: Path) -> None:
    first = tmp_path / "1"
    for name in ("cpu", "memory", "unified"):
        (first / name).mkdir(parents=True)
    (first / "cpuacct").symlink_to("cpu")
    second = tmp_path / "2"
    second.mkdir()
    (second / "cgroup.controllers").write_text("cpu memory")

    assert cgroups.folders("x", first) == [first / "cpu" / "x", first / "memory" / "x", first / "unified" / "x"]
    assert cgroups.folders("x", second) == [second / "x"]


def test_what_a_group_has_used_by_both_versions(tmp_path: Path) -> None:
    assert cgroups.cpu_seconds("x", tmp_path / "none") == 0
    one = tmp_path / "1" / "cpuacct" / "x"
    one.mkdir(parents=True)
    assert cgroups.cpu_seconds("x", tmp_path / "1") == 0
    (one / "cpuacct.usage").write_text("2500000000\n")
    assert cgroups.cpu_seconds("x", tmp_path / "1") == 2.5
    two = tmp_path / "2" / "x"
    two.mkdir(parents=True)
    (tmp_path / "2" / "cgroup.controllers").write_text("cpu")
    (two / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1000000\n")
    assert cgroups.cpu_seconds("x", tmp_path / "2") == 1.5
