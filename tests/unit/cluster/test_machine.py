from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import summary
from tests.cluster import cgroups, machine, say, venv
from tests.cluster.errors import ClusterError
from tests.cluster.machine import Tool

ABSENT = Tool("no-such-command-anywhere", "no-such-package")


def test_nothing_is_installed_when_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_apt", lambda arguments: pytest.fail("apt-get was called"))

    machine.ready_to_build([Tool("sh", "dash"), Tool("/bin/s?", "dash")])


def test_without_root_the_packages_to_install_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "geteuid", lambda: 1000)

    with pytest.raises(ClusterError, match="sudo apt-get install no-such-package"):
        machine.ready_to_build([ABSENT])


def test_without_debian_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "which", lambda *_, **__: None)

    with pytest.raises(ClusterError, match="install what Debian has as no-such-package"):
        machine.ready_to_build([ABSENT])


def test_a_cluster_without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "geteuid", lambda: 1000)

    with pytest.raises(ClusterError, match=r"needs root .* LOCAL_CLUSTER=kind"):
        machine.ready_to_run()


def test_a_cache_that_a_node_would_hide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "cache", lambda: Path("/var/lib/todo-cloud"))

    with pytest.raises(ClusterError, match="point TODO_CLOUD_CACHE elsewhere"):
        machine.ready_to_run()


def test_another_pin_is_another_environment() -> None:
    names = {venv.folder_name(text, python) for text in ("a==1", "a==2") for python in ("3.11.7", "3.12.1")}

    assert len(names) == 4
    assert venv.folder_name("a==1", sys.version) == venv.folder_name("a==1", sys.version)


def test_all_requirements_are_pinned() -> None:
    lines = [line for line in venv.REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]

    assert [line for line in lines if "==" not in line or "://" in line] == []


def test_progress_counts_from_the_start_of_the_whole_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(say.time, "time", lambda: 1083.9)
    monkeypatch.setenv("TODO_CLOUD_STARTED", "1000")

    say.say("etcd built")

    assert capsys.readouterr().out == "[ 1:23] etcd built\n"


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


def test_the_closing_line_counts_all_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = tmp_path / "1.xml", tmp_path / "2.xml"
    one.write_text('<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1"/></testsuites>')
    two.write_text('<testsuites><testsuite tests="3" failures="0" errors="0" skipped="0"/></testsuites>')

    assert summary.main([str(one), str(two)]) == 1
    assert summary.main([str(two)]) == 0
    assert summary.main([str(two), str(tmp_path / "missing.xml")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["5 passed, 2 failed, 1 skipped", "3 passed, 0 failed"]
    assert lines[-1] == "3 passed, 1 failed"
