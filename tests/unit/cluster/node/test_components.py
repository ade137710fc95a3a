from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.cluster.node import addons, settings
from tests.cluster.node.components import components, node_components
from tests.cluster.paths import HERE
from tests.cluster.state import Cluster


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr("tests.cluster.state.CLUSTERS", tmp_path)
    url = "postgresql://{}:secret-of-{}@10.240.7.2:5432/x"
    return Cluster(
        name="one",
        provider="local",
        slot=7,
        node_ip="10.240.7.2",
        kubeconfig=str(tmp_path / "one" / "kubeconfig"),
        registry="10.240.7.2:5000",
        database_url=url.format("todo", "todo"),
        database_url_admin=url.format("postgres", "postgres"),
    )


def argv_of(cluster: Cluster, name: str) -> tuple[str, ...]:
    return next(entry.argv for entry in components(cluster) if entry.name == name)


def test_controllers_wait_for_the_api_server(cluster: Cluster) -> None:
    at_once = [entry.name for entry in components(cluster) if not entry.needs_api]

    assert at_once == ["registry", "postgres", "etcd", "kube-apiserver", "containerd"]


def test_every_program_is_in_the_cluster_s_own_networks(cluster: Cluster) -> None:
    for name in ("kube-apiserver", "kube-controller-manager"):
        assert "--service-cluster-ip-range=10.96.56.0/21" in argv_of(cluster, name)
    assert "--node-ip=10.240.7.2" in argv_of(cluster, "kubelet")


def test_no_secret_is_on_a_command_line(cluster: Cluster) -> None:
    assert not [word for entry in components(cluster) for word in entry.argv if "secret-of" in word]


def test_kwok_runs_only_when_asked_for(cluster: Cluster) -> None:
    assert "kwok" not in {entry.name for entry in components(cluster)}

    with_nodes = Cluster(**{**cluster.facts(), "kwok_nodes": 2})
    assert "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake" in argv_of(with_nodes, "kwok")
    assert "--node-lease-duration-seconds=40" in argv_of(with_nodes, "kwok")


def test_configuration_files_can_be_read(cluster: Cluster) -> None:
    settings.write_files(cluster)
    config = cluster.folder / "config"

    containerd = tomllib.loads((config / "containerd.toml").read_text())
    mirror = tomllib.loads((config / "certs.d" / "_default" / "hosts.toml").read_text())
    kubelet = json.loads((config / "kubelet.json").read_text())
    network = json.loads((config / "cni" / "10-todo-cloud.conflist").read_text())

    images = containerd["plugins"]["io.containerd.cri.v1.images"]
    assert images["registry"]["config_path"] == str(config / "certs.d")
    assert list(mirror["host"]) == ["http://10.240.7.2:5000"]
    assert kubelet["cgroupRoot"] == "/todo-cloud-7-one"
    assert kubelet["clusterDNS"] == ["10.96.56.10"]
    assert network["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.244.7.0/24"}]]


def test_the_second_node_has_its_own_name_keys_pods_and_cgroup(cluster: Cluster) -> None:
    settings.write_node_files(cluster, node := cluster.second_node)
    (config,) = [path.parent for path in cluster.folder.rglob("kubelet.json")]

    kubelet = json.loads((config / "kubelet.json").read_text())
    network = json.loads((config / "cni" / "10-todo-cloud.conflist").read_text())
    proxy = json.loads((config / "kube-proxy.json").read_text())
    names = [entry.name for entry in node_components(cluster, node)]

    assert names == ["containerd", "kubelet", "kube-proxy"]
    assert (kubelet["cgroupRoot"], kubelet["clusterDNS"]) == ("/todo-cloud-7-one-node2", ["10.96.56.10"])
    assert kubelet["tlsCertFile"].endswith("/pki/kubelet-server-node2.crt")
    assert network["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.249.7.0/24"}]]
    assert (proxy["clusterCIDR"], proxy["hostnameOverride"]) == ("10.249.7.0/24", "node2")


def test_manifests_are_complete(cluster: Cluster) -> None:
    for path in (HERE / "node" / "manifests").glob("*.yaml"):
        documents = list(yaml.safe_load_all(addons.manifest(path.read_text(), cluster)))

        assert all({"apiVersion", "kind", "metadata"} <= set(document) for document in documents), path
    scripts = addons.manifest((HERE / "node" / "manifests" / "local-path.yaml").read_text(), cluster)
    assert '"$VOL_DIR"' in scripts


def test_a_fake_node_takes_only_pods_that_tolerate_it() -> None:
    node = json.loads(json.dumps(addons.fake_node(3)))

    assert node["metadata"]["name"] == "kwok-3"
    assert node["spec"]["taints"][0]["effect"] == "NoSchedule"
