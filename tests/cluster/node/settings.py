"""The configuration files of a node's programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cluster.build import registry
from tests.cluster.build.images import PAUSE
from tests.cluster.machine import CNI_PLUGINS
from tests.cluster.state import Cluster, Node

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
CLUSTER_DOMAIN = "cluster.local"


def write_files(cluster: Cluster) -> None:
    """Write the configuration files of all programs to ``config/`` in the cluster's folder."""
    write_node_files(cluster, cluster.node)
    registry.write_settings(cluster.node.config / "registry.json", cluster.registry)


def write_node_files(cluster: Cluster, node: Node) -> None:
    """Those of the programs that each node has, to ``config/`` in its folder."""
    config = node.config
    (config / "certs.d" / "_default").mkdir(parents=True, exist_ok=True)
    (config / "cni").mkdir(exist_ok=True)
    mirror = f'[host."http://{cluster.registry}"]\n  capabilities = ["pull", "resolve"]\n'
    (config / "certs.d" / "_default" / "hosts.toml").write_text(mirror)
    (config / "containerd.toml").write_text(containerd_settings(config))
    (config / "resolv.conf").write_text("nameserver 127.0.0.1\n")  # nothing answers there: names outside fail at once
    documents: dict[str, Mapping[str, Any]] = {
        "cni/10-todo-cloud.conflist": _pod_network(node),
        "kubelet.json": _kubelet_settings(cluster, node),
        "kube-proxy.json": _proxy_settings(cluster, node),
    }
    for name, document in documents.items():
        (config / name).write_text(json.dumps(document, indent=2))


def containerd_settings(config: Path) -> str:
    """containerd.toml; every pull of whatever registry goes to the local one (``_default`` in certs.d)."""
    return f"""version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.cri.v1.images"]
  discard_unpacked_layers = true
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{PAUSE}"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "{config / "certs.d"}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{CNI_PLUGINS}"]
    conf_dir = "{config / "cni"}"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def _kubelet_settings(cluster: Cluster, node: Node) -> dict[str, Any]:
    pki = cluster.folder / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.cgroup}",
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{pki}/kubelet-server{node.suffix}.crt",
        "tlsPrivateKeyFile": f"{pki}/kubelet-server{node.suffix}.key",
        "clusterDomain": CLUSTER_DOMAIN,
        "clusterDNS": [cluster.subnets.dns_ip],
        "resolvConf": str(node.config / "resolv.conf"),
        "volumePluginDir": "/var/lib/kubelet/volumeplugins",
        "serializeImagePulls": False,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
        },
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",  # when pods see a changed ConfigMap; Dapr's control plane waits for its trust bundle
        "shutdownGracePeriod": "0s",
    }


def _proxy_settings(cluster: Cluster, node: Node) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": str(node.pods),
        "hostnameOverride": node.name,
        "clientConnection": {"kubeconfig": str(cluster.folder / "pki" / "kube-proxy.kubeconfig")},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "metricsBindAddress": "127.0.0.1:10249",
    }


def _pod_network(node: Node) -> dict[str, Any]:
    """A veth pair per pod, routed by the node (plugin ptp): unlike a bridge it needs no br_netfilter for Services."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": str(node.pods)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "1.0.0",
        "name": "todo-cloud",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
        ],
    }
