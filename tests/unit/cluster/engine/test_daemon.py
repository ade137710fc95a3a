from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cluster.engine import daemon
from tests.cluster.errors import ClusterError
from tests.cluster.subnets import SLOTS, EngineSubnets, Subnets


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "debian-20.10").mkdir()
    monkeypatch.setattr(daemon, "pid", lambda *_: None)
    monkeypatch.setattr(daemon.network, "detach", lambda net: None)
    return tmp_path


def test_nothing_of_the_daemon_lies_outside_its_folder_and_its_namespaces(folder: Path) -> None:
    argv = daemon.command(folder, EngineSubnets(1))

    assert argv[0] == f"{folder}/debian-20.10/usr/sbin/dockerd"
    places = [word.partition("=")[2].removeprefix("unix://") for word in argv if "/" in word.partition("=")[2]]
    assert [
        p
        for p in places
        if not p.startswith((str(folder), "/run/docker", "/todo-cloud-engine", "10.24", "base=", "limited="))
    ] == []
    assert "--ip=10.241.8.2" in argv


def test_its_commands_use_its_own_programs_and_no_proxy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    environment = daemon.environment(folder)

    assert environment["DOCKER_HOST"] == f"unix://{folder}/docker.sock"
    assert environment["PATH"].startswith(f"{folder}/debian-20.10/usr/sbin:")
    assert "HTTPS_PROXY" not in environment


def test_it_keeps_its_networks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "machine_routes", lambda: [EngineSubnets(0).all])
    assert daemon._choose_subnets(folder).slot == 1
    monkeypatch.setattr(daemon, "machine_routes", list)
    assert daemon._choose_subnets(folder).slot == 1

    monkeypatch.setattr(daemon, "machine_routes", lambda: [EngineSubnets(1).all])
    with pytest.raises(ClusterError, match="engine stop --purge"):
        daemon._choose_subnets(folder)
    assert json.loads((folder / "engine.json").read_text()) == {"slot": 1}


def test_its_networks_are_apart_from_those_of_clusters_and_of_other_engines() -> None:
    engines = [EngineSubnets(slot) for slot in range(SLOTS)]
    assert len({net.veth for net in engines}) == SLOTS
    for number, net in enumerate(engines):
        assert not any(net.all.overlaps(other.all) for other in engines[number + 1 :])
        assert net.link.subnet_of(net.all)
        assert net.pool.subnet_of(net.all)
        assert not net.pool.overlaps(net.link)
        assert not any(Subnets(slot).overlap([net.all]) for slot in range(SLOTS))
