from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster import machine
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
