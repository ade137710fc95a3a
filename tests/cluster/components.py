"""The programs of a node: their command lines and their configuration files. Nothing is started here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import postgres, registry
from tests.cluster.images import PAUSE
from tests.cluster.machine import CNI_PLUGINS
from tests.cluster.paths import BIN
from tests.cluster.state import NODE, Cluster

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
CLUSTER_DOMAIN = "cluster.local"
_ETCD = "http://127.0.0.1:2379"
_QUICK = ("--kube-api-qps=500", "--kube-api-burst=1000", "--leader-elect=false", "--bind-address=127.0.0.1")


@dataclass(frozen=True)
class Component:
    """A program of the node.

    Attributes:
        name: of its log file too.
        argv: its command line.
        needs_api: it is started when the API server answers.
    """

    name: str
    argv: tuple[str, ...]
    needs_api: bool = False


def components(cluster: Cluster) -> list[Component]:
    """All programs of a cluster's node, in the order in which they start."""
    config = cluster.folder / "config"
    found = [
        Component("registry", _command("registry", "serve", str(config / "registry.json"))),
        Component("postgres", postgres.command(cluster.node_ip)),
        Component("etcd", _etcd()),
        Component("kube-apiserver", _api_server(cluster)),
        Component("containerd", _command("containerd", "--config", str(config / "containerd.toml"))),
        Component("kube-controller-manager", _controller_manager(cluster), needs_api=True),
        Component("kube-scheduler", _with_kubeconfig(cluster, "kube-scheduler", "scheduler"), needs_api=True),
        Component("kubelet", _kubelet(cluster), needs_api=True),
        Component("kube-proxy", _command("kube-proxy", f"--config={config / 'kube-proxy.json'}"), needs_api=True),
    ]
    if cluster.kwok_nodes:
        found.append(Component("kwok", _kwok(cluster), needs_api=True))
    return found


def write_files(cluster: Cluster) -> None:
    """Write the configuration files of all programs to ``config/`` in the cluster's folder."""
    config = cluster.folder / "config"
    (config / "certs.d" / "_default").mkdir(parents=True, exist_ok=True)
    (config / "cni").mkdir(exist_ok=True)
    mirror = f'[host."http://{cluster.registry}"]\n  capabilities = ["pull", "resolve"]\n'
    (config / "certs.d" / "_default" / "hosts.toml").write_text(mirror)
    (config / "containerd.toml").write_text(containerd_settings(config))
    registry.write_settings(config / "registry.json", cluster.registry)
    (config / "resolv.conf").write_text("nameserver 127.0.0.1\n")  # nothing answers there: names outside fail at once
    documents: dict[str, Mapping[str, Any]] = {
        "cni/10-todo-cloud.conflist": _pod_network(cluster),
        "kubelet.json": _kubelet_settings(cluster),
        "kube-proxy.json": _proxy_settings(cluster),
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


def _command(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(BIN / name), *arguments)


def _etcd() -> tuple[str, ...]:
    peer = "http://127.0.0.1:2380"
    urls = (f"--listen-client-urls={_ETCD}", f"--advertise-client-urls={_ETCD}", f"--listen-peer-urls={peer}")
    return _command("etcd", "--data-dir=/var/lib/etcd", *urls, "--unsafe-no-fsync", "--log-level=warn")


def _api_server(cluster: Cluster) -> tuple[str, ...]:
    pki = cluster.folder / "pki"
    return _command(
        "kube-apiserver",
        f"--etcd-servers={_ETCD}",
        f"--advertise-address={cluster.node_ip}",
        "--secure-port=6443",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        f"--service-cluster-ip-range={cluster.subnets.services}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
    )


def _with_kubeconfig(cluster: Cluster, name: str, user: str, *arguments: str) -> tuple[str, ...]:
    file = cluster.folder / "pki" / f"{user}.kubeconfig"
    kubeconfigs = (f"--{use}kubeconfig={file}" for use in ("", "authentication-", "authorization-"))
    return _command(name, *kubeconfigs, *_QUICK, *arguments)


def _controller_manager(cluster: Cluster) -> tuple[str, ...]:
    pki = cluster.folder / "pki"
    return _with_kubeconfig(
        cluster,
        "kube-controller-manager",
        "controller-manager",
        f"--service-account-private-key-file={pki}/sa.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--client-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--service-cluster-ip-range={cluster.subnets.services}",
        "--use-service-account-credentials=true",
        "--flex-volume-plugin-dir=/var/lib/kubelet/volumeplugins",
    )


def _kubelet(cluster: Cluster) -> tuple[str, ...]:
    return _command(
        "kubelet",
        f"--config={cluster.folder / 'config' / 'kubelet.json'}",
        f"--kubeconfig={cluster.folder / 'pki' / 'kubelet.kubeconfig'}",
        f"--hostname-override={NODE}",
        f"--node-ip={cluster.node_ip}",
    )


def _kwok(cluster: Cluster) -> tuple[str, ...]:
    return _command(
        "kwok",
        f"--kubeconfig={cluster.folder / 'pki' / 'kwok.kubeconfig'}",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        f"--cidr={cluster.subnets.fake_pods}",
        f"--node-ip={cluster.node_ip}",
    )


def _kubelet_settings(cluster: Cluster) -> dict[str, Any]:
    pki = cluster.folder / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cluster.cgroup}",
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{pki}/kubelet-server.crt",
        "tlsPrivateKeyFile": f"{pki}/kubelet-server.key",
        "clusterDomain": CLUSTER_DOMAIN,
        "clusterDNS": [cluster.subnets.dns_ip],
        "resolvConf": str(cluster.folder / "config" / "resolv.conf"),
        "volumePluginDir": "/var/lib/kubelet/volumeplugins",
        "serializeImagePulls": False,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        "nodeStatusUpdateFrequency": "5s",
        "shutdownGracePeriod": "0s",
    }


def _proxy_settings(cluster: Cluster) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": str(cluster.subnets.pods),
        "hostnameOverride": NODE,
        "clientConnection": {"kubeconfig": str(cluster.folder / "pki" / "kube-proxy.kubeconfig")},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "metricsBindAddress": "127.0.0.1:10249",
    }


def _pod_network(cluster: Cluster) -> dict[str, Any]:
    """A veth pair per pod, routed by the node (plugin ptp): unlike a bridge it needs no br_netfilter for Services."""
    addresses = {"type": "host-local", "ranges": [[{"subnet": str(cluster.subnets.pods)}]], "routes": [{"dst": "0.0.0.0/0"}]}
    return {
        "cniVersion": "1.0.0",
        "name": "todo-cloud",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
        ],
    }
