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
