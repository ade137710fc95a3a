from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import state
from tests.cluster.errors import ClusterError
from tests.cluster.kind import checks, cluster
from tests.cluster.kind.program import Program
from tests.cluster.state import PUBLIC_PORT, Cluster

DOCKER = Program("docker")


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(state, "CLUSTERS", tmp_path)
    monkeypatch.setattr(cluster, "CLUSTERS", tmp_path)
    monkeypatch.setattr(checks, "check", lambda program, address: None)
    monkeypatch.setattr(cluster, "find", lambda: DOCKER)
    return Cluster("one", "kind", -1, "", "/cache/kubeconfig", "", "", "", engine="docker")


def engine(monkeypatch: pytest.MonkeyPatch, containers: dict[str, Any], clusters: str = "") -> list[tuple[str, ...]]:
    calls: list[tuple[str, ...]] = []

    def called(self: Program, *words: str, more: Mapping[str, str] | None = None) -> str:
        calls.append(words)
        return clusters

    monkeypatch.setattr(Program, "inspect", lambda self, name: containers.get(name, {}))
    monkeypatch.setattr(Program, "kind", called)
    monkeypatch.setattr(Program, "run", called)
    monkeypatch.setattr(Program, "there", lambda self, *words: False)
    return calls


def container(owner: Cluster | None, running: bool = True) -> dict[str, Any]:
    mounts = [{"Source": f"/host_mnt{owner.folder}/mark"}] if owner else [{"Source": "/lib/modules"}]
    return {"Id": "1", "State": {"Running": running}, "Mounts": mounts}


def test_create(one: Cluster) -> None:
    argv = cluster.create_arguments(one, Path("/cache/kind.json"), "")

    assert argv == [
        *("create", "cluster", "--name", "one", "--config", "/cache/kind.json"),
        *("--kubeconfig", "/cache/kubeconfig", "--wait", "180s"),
    ]
    assert cluster.create_arguments(one, Path("/x"), "own/node:1")[-2:] == ["--image", "own/node:1"]


def test_the_node_s_image_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cluster.image(DOCKER) == "", "kind's own, which kind pins by digest"
    monkeypatch.setenv("TODO_CLOUD_KIND_IMAGE", "own/node:1")
    assert cluster.image(DOCKER) == "own/node:1"


def test_the_public_endpoint_is_a_port_of_the_machine(one: Cluster) -> None:
    config = cluster.configuration(one, "127.0.0.1", 0, 30081)

    (node,) = config["nodes"]
    assert node["extraPortMappings"] == [
        {"containerPort": PUBLIC_PORT, "hostPort": 30081, "listenAddress": "127.0.0.1"}
    ]
    assert config["networking"] == {"apiServerAddress": "127.0.0.1"}
    assert cluster.configuration(one, "10.0.0.2", 36443, 30080)["networking"]["apiServerPort"] == 36443


def test_a_cluster_of_that_name_that_is_somebody_else_s_is_refused(
    one: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = engine(monkeypatch, {}, clusters="one other")

    with pytest.raises(ClusterError, match="did not make, and leaves alone"):
        cluster.up("one")
    assert calls == [("get", "clusters")]
    assert not state.exists("one")


def test_a_container_that_is_somebody_else_s_is_refused(one: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    state.save(one)
    calls = engine(monkeypatch, {"one-control-plane": container(None)})

    with pytest.raises(ClusterError, match="Container one-control-plane was not made by this project"):
        cluster.up("one")
    assert calls == []


def test_down_leaves_somebody_else_s_cluster_alone(one: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    state.save(one)
    calls = engine(monkeypatch, {"one-control-plane": container(None)})

    cluster.down(one, purge=True)
    assert [words for words in calls if words[0] == "delete"] == []
    assert not state.exists("one")


def test_a_stopped_engine_of_make_engine_is_started_to_remove_what_is_in_it(
    one: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = replace(one, engine_host=cluster.daemon.host())
    state.save(ours)
    engine(monkeypatch, {"one-control-plane": container(ours)})
    started: list[str] = []
    monkeypatch.setattr(cluster.daemon, "pid", lambda *_: None)
    monkeypatch.setattr(cluster.daemon, "start", lambda: started.append("engine"))
    assert not cluster.running(ours)

    monkeypatch.setattr(cluster.daemon, "FOLDER", tmp_path)
    cluster.down(ours, purge=False)
    assert started == ["engine"]
    monkeypatch.setattr(cluster.daemon, "FOLDER", tmp_path / "gone")
    cluster.down(ours, purge=True)
    assert started == ["engine"]
    assert not state.exists("one")


def test_down_removes_ours(one: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    state.save(one)
    calls = engine(monkeypatch, {"one-control-plane": container(one)})

    cluster.down(one, purge=False)
    assert ("delete", "cluster", "--name", "one", "--kubeconfig", "/cache/kubeconfig") in calls
    assert state.exists("one")


def test_what_is_left_of_a_removed_cluster_is_found(one: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, {})
    assert cluster.remains(one) == []

    engine(monkeypatch, {"todo-cloud-one-postgres": container(one)}, clusters="f00d")
    monkeypatch.setattr(Program, "there", lambda self, *words: words[-1].endswith(("postgres", "frontend:v1.0.0")))
    one.folder.mkdir()
    assert cluster.remains(one) == [
        "container f00d is there still",
        "container todo-cloud-one-postgres is there still",
        "volume todo-cloud-one-postgres is there still",
        "image ghcr.io/todo-app/frontend:v1.0.0 is there still",
        f"{one.folder} is there still",
    ]


def test_what_a_killed_creation_left_is_made_anew(one: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    state.save(one)
    calls = engine(monkeypatch, {"one-control-plane": container(one)})
    monkeypatch.setattr(cluster, "_free_port", lambda address, ports: ports[0])

    cluster._node(one, DOCKER)
    assert [words[:2] for words in calls] == [("delete", "cluster"), ("create", "cluster")]
    calls.clear()
    monkeypatch.setattr(cluster, "_wait", lambda cluster: None)
    cluster._node(one, DOCKER)
    assert calls == [], "what is complete and runs is left as it is"


def test_a_stopped_node_is_started(one: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    state.save(one)
    cluster._complete(one).touch()
    monkeypatch.setattr(cluster, "_wait", lambda cluster: None)
    calls = engine(monkeypatch, {"one-control-plane": container(one, running=False)})

    cluster._node(one, DOCKER)
    assert calls == [("start", "one-control-plane")]
