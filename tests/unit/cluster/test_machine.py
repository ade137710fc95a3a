from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cluster import machine
from tests.cluster.errors import ClusterError
from tests.cluster.machine import Tool

ABSENT = Tool("no-such-command-anywhere", "no-such-package")


def test_nothing_is_installed_when_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_apt", lambda arguments: pytest.fail("apt-get was called"))

    machine.ready_to_build([Tool("sh", "dash"), Tool("/bin/s?", "dash")])


def test_of_two_that_need_a_package_one_installs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both begin at once; apt-get would refuse to read its lists for the second."""
    asked: list[str] = []
    looks, both = itertools.count(), threading.Barrier(2)

    def which(name: str, **_: object) -> str | None:
        if name == ABSENT.needs and next(looks) < 2:
            both.wait(60)  # neither is quicker
        return name if name == "apt-get" or "install" in asked else None

    def apt(arguments: list[str]) -> None:
        asked.append(arguments[0])

    monkeypatch.setattr(machine, "cache", lambda: tmp_path)
    monkeypatch.setattr(machine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "_apt", apt)
    monkeypatch.setattr(machine.shutil, "which", which)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(machine.ready_to_build, ([ABSENT], [ABSENT])))
    assert asked == ["update", "install"]


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
