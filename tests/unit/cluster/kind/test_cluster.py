from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import state
from tests.cluster.errors import ClusterError
from tests.cluster.kind import checks, cluster
from tests.cluster.kind.program import Program
from tests.cluster.paths import TOP
from tests.cluster.state import PUBLIC_PORT, Cluster

DOCKER = Program("docker")
ROLES = ("ingress", "cert_manager")


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
        *("--kubeconfig", "/cache/kubeconfig", "--wait", "600s"),
    ]
    assert cluster.create_arguments(one, Path("/x"), "own/node:1")[-2:] == ["--image", "own/node:1"]


def test_the_node_s_image_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cluster.image(DOCKER) == "", "kind's own, which kind pins by digest"
    monkeypatch.setenv("TODO_CLOUD_KIND_IMAGE", "own/node:1")
    assert cluster.image(DOCKER) == "own/node:1"


def test_public_endpoints_are_ports_of_the_machine(one: Cluster) -> None:
    config = cluster.configuration(one, "127.0.0.1", 0, {PUBLIC_PORT: 30081, 443: 32443})

    (node,) = config["nodes"]
    assert node["extraPortMappings"] == [
        {"containerPort": PUBLIC_PORT, "hostPort": 30081, "listenAddress": "127.0.0.1"},
        {"containerPort": 443, "hostPort": 32443, "listenAddress": "127.0.0.1"},
    ]
    assert config["networking"] == {"apiServerAddress": "127.0.0.1"}
    assert cluster.configuration(one, "10.0.0.2", 36443, {})["networking"]["apiServerPort"] == 36443


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

    made = cluster._node(one, DOCKER)
    assert (made.url, made.http_port, made.https_port) == ("http://127.0.0.1:30080", 32080, 32443)
    assert [words[:2] for words in calls] == [("delete", "cluster"), ("create", "cluster")]
    calls.clear()
    monkeypatch.setattr(cluster, "_wait", lambda cluster: None)
    cluster._node(one, DOCKER)
    assert calls == [], "what is complete and runs is left as it is"


@pytest.mark.parametrize(("port", "asked", "has"), [(32443, True, True), (32443, False, False), (0, False, False)])
def test_https_is_there_where_it_was_asked_for(
    one: Cluster, monkeypatch: pytest.MonkeyPatch, port: int, asked: bool, has: bool
) -> None:
    found = again(one, monkeypatch, port, asked)

    assert found.https is has
    assert (one.folder / "pki" / "public-ca.key").exists() is has
    assert again(found, monkeypatch, port, False).https is has, "a cluster that has it keeps it"


def test_a_cluster_without_a_port_for_https_says_so(one: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterError, match="without a port for HTTPS: remove it with `make down`"):
        again(one, monkeypatch, 0, True)


def again(one: Cluster, monkeypatch: pytest.MonkeyPatch, port: int, asked: bool) -> Cluster:
    """`up` of a cluster that is there."""
    state.save(replace(one, https_port=port))
    cluster._complete(one).touch()
    engine(monkeypatch, {"one-control-plane": container(one)})
    monkeypatch.setattr(cluster, "_wait", lambda cluster: None)
    monkeypatch.setattr(cluster.database, "address_of", lambda name, program: "172.18.0.2")
    monkeypatch.setattr(cluster.database, "start", lambda cluster, program: cluster)
    monkeypatch.setattr(cluster.images, "ensure", lambda program, https: None)
    monkeypatch.setattr(cluster.images, "load", lambda *_: None)
    monkeypatch.setattr(cluster, "_tools", lambda https: None)
    return cluster.up("one", https=asked)


def test_a_published_chart_is_taken_once(one: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "cache", lambda: tmp_path)
    monkeypatch.setattr(cluster, "BIN", tmp_path / "bin")
    helm = tmp_path / "bin" / "helm"
    helm.parent.mkdir()
    helm.write_text('#!/bin/sh\nfor word; do :; done; mkdir "$word/x"; echo "$@" | cut -d" " -f1-4 >>"$0.calls"\n')
    helm.write_text(helm.read_text() + 'touch "$word/x/Chart.yaml"\n')
    helm.chmod(0o755)
    for _ in range(2):
        cluster._chart("Shop", "charts/shop-1", ["oci://registry.example/shop", "--version", "1"])

    assert (tmp_path / "charts/shop-1/Chart.yaml").exists()
    assert (tmp_path / "bin/helm.calls").read_text() == "pull oci://registry.example/shop --version 1\n"
    helm.write_text("#!/bin/sh\necho no such host >&2; exit 1\n")
    with pytest.raises(ClusterError, match="Shop's chart cannot be had: no such host"):
        cluster._chart("Shop", "charts/shop-2", ["oci://registry.example/shop"])


def test_charts_are_of_the_versions_that_the_roles_have() -> None:
    roles = [yaml.safe_load((TOP / "roles" / role / "defaults/main.yml").read_text()) for role in ROLES]
    assert [roles[0]["ingress_chart_ref"], roles[0]["ingress_chart_version"]] == [
        cluster.TRAEFIK_CHARTS, cluster.TRAEFIK_CHART,
    ]  # fmt: skip
    assert [roles[1]["cert_manager_chart_ref"], roles[1]["cert_manager_chart_version"]] == [
        cluster.CERT_MANAGER_CHARTS, cluster.CERT_MANAGER,
    ]  # fmt: skip


def test_a_stopped_node_is_started(one: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    state.save(one)
    cluster._complete(one).touch()
    monkeypatch.setattr(cluster, "_wait", lambda cluster: None)
    calls = engine(monkeypatch, {"one-control-plane": container(one, running=False)})

    cluster._node(one, DOCKER)
    assert calls == [("start", "one-control-plane")]
