"""What every cluster has inside: CoreDNS, the default storage class, metrics-server unless the inventory deploys it,
and when asked for fake nodes and what enforces network policies.
"""

from __future__ import annotations

import json
import string
import subprocess

from tests.cluster.build import images
from tests.cluster.errors import ClusterError
from tests.cluster.node import network
from tests.cluster.node.settings import CLUSTER_DOMAIN
from tests.cluster.paths import BIN, HERE
from tests.cluster.state import Cluster

_FAKE = {"kwok.x-k8s.io/node": "fake"}
_LIMIT_SECONDS = 300
_POLICIES = "network-policies.yaml"
_METRICS_SERVER = "metrics-server.yaml"


def apply(cluster: Cluster) -> None:
    """Bring the manifests into the cluster.

    Raises:
        ClusterError: kubectl refuses.
    """
    files = sorted((HERE / "node" / "manifests").glob("*.yaml"))
    left_out = {_POLICIES} if not cluster.policies else set()
    left_out |= {_METRICS_SERVER} if cluster.metrics_server else set()
    documents = [manifest(file.read_text(), cluster) for file in files if file.name not in left_out]
    nodes = [json.dumps(fake_node(number)) for number in range(cluster.kwok_nodes)]
    _kubectl(cluster, ["apply", "--validate=ignore", "--filename=-"], "\n---\n".join([*documents, *nodes]))


def manifest(text: str, cluster: Cluster) -> str:
    """A manifest with the cluster's addresses and the images' names in it."""
    return string.Template(text).substitute(
        domain=CLUSTER_DOMAIN,
        dns_ip=cluster.subnets.dns_ip,
        coredns=images.COREDNS_IMAGE,
        metrics_server=images.METRICS_IMAGE,
        local_path=images.LOCAL_PATH_IMAGE,
        busybox=images.BUSYBOX,
        network_policies=images.NETWORK_POLICIES_IMAGE,
        policy_queue=network.POLICY_QUEUE,
    )


def wait_for_node(cluster: Cluster, name: str) -> None:
    """Until a node is ready.

    Raises:
        ClusterError: it is not within 300 s.
    """
    limit = f"--timeout={_LIMIT_SECONDS}s"
    _kubectl(cluster, ["wait", limit, "--for=create", f"node/{name}"])
    _kubectl(cluster, ["wait", limit, "--for=condition=Ready", f"node/{name}"])


def fake_nodes_missing(cluster: Cluster) -> bool:
    """Whether the cluster has fewer fake nodes than it should."""
    if not cluster.kwok_nodes:
        return False
    found = _kubectl(cluster, ["get", "nodes", "--selector=type=kwok", "--output=name"])
    return len(found.split()) < cluster.kwok_nodes


def fake_node(number: int) -> dict[str, object]:
    """A Node that kwok plays. Only pods that tolerate its taint land there."""
    name = f"kwok-{number}"
    room = {"cpu": "32", "memory": "256Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": _FAKE,
            "labels": {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
        "spec": {"taints": [{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}]},
        "status": {"allocatable": room, "capacity": room},
    }


def _kubectl(cluster: Cluster, arguments: list[str], document: str | None = None) -> str:
    argv = [
        str(BIN / "kubectl"),
        f"--kubeconfig={cluster.kubeconfig}",
        f"--request-timeout={_LIMIT_SECONDS}s",
        *arguments,
    ]
    done = subprocess.run(argv, input=document, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"`kubectl {arguments[0]}` fails in cluster {cluster.name}: {done.stderr.strip()[-300:]}")
    return done.stdout
