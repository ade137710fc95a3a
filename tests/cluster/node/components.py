"""The programs of a node: their command lines. Nothing is started here."""

from __future__ import annotations

from dataclasses import dataclass

from tests.cluster.build.parts import KWOK_STAGES, OLDEST
from tests.cluster.node import postgres
from tests.cluster.node.settings import CLUSTER_DOMAIN
from tests.cluster.paths import BIN, cache
from tests.cluster.state import Cluster, Node

_ETCD = "http://127.0.0.1:2379"
_QUICK = ("--kube-api-qps=500", "--kube-api-burst=1000", "--leader-elect=false", "--bind-address=127.0.0.1")

_STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    *(f"pod/fast/pod-{what}.yaml" for what in ("ready", "complete", "delete")),
    "pod/chaos/pod-container-running-failed.yaml",
    "pod/chaos/pod-init-container-running-failed.yaml",
)


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
    containerd, *others = node_components(cluster, cluster.node)
    found = [
        Component("registry", _command("registry", "serve", str(cluster.node.config / "registry.json"))),
        Component("postgres", postgres.command(cluster.node_ip)),
        Component("etcd", _etcd()),
        Component("kube-apiserver", _api_server(cluster)),
        containerd,
        Component("kube-controller-manager", _controller_manager(cluster), needs_api=True),
        Component("kube-scheduler", _with_kubeconfig(cluster, "kube-scheduler", "scheduler"), needs_api=True),
        *others,
    ]
    if cluster.kwok_nodes:
        found.append(Component("kwok", _kwok(cluster), needs_api=True))
    return found


def node_components(cluster: Cluster, node: Node) -> list[Component]:
    """Those that each node has: containerd first."""
    config = node.config
    proxy = _kubernetes(cluster, "kube-proxy", f"--config={config / 'kube-proxy.json'}")
    return [
        Component("containerd", _command("containerd", "--config", str(config / "containerd.toml"))),
        Component("kubelet", _kubelet(cluster, node), needs_api=True),
        Component("kube-proxy", proxy, needs_api=True),
    ]


def _command(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(BIN / name), *arguments)


def _kubernetes(cluster: Cluster, name: str, *arguments: str) -> tuple[str, ...]:
    return _command(f"{name}{OLDEST if cluster.oldest else ''}", *arguments)


def _etcd() -> tuple[str, ...]:
    peer = "http://127.0.0.1:2380"
    urls = (f"--listen-client-urls={_ETCD}", f"--advertise-client-urls={_ETCD}", f"--listen-peer-urls={peer}")
    return _command("etcd", "--data-dir=/var/lib/etcd", *urls, "--unsafe-no-fsync", "--log-level=warn")


def _api_server(cluster: Cluster) -> tuple[str, ...]:
    pki = cluster.folder / "pki"
    return _kubernetes(
        cluster,
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
    return _kubernetes(cluster, name, *kubeconfigs, *_QUICK, *arguments)


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


def _kubelet(cluster: Cluster, node: Node) -> tuple[str, ...]:
    return _kubernetes(
        cluster,
        "kubelet",
        f"--config={node.config / 'kubelet.json'}",
        f"--kubeconfig={cluster.folder / 'pki' / f'kubelet{node.suffix}.kubeconfig'}",
        f"--hostname-override={node.name}",
        f"--node-ip={node.ip}",
    )


def _kwok(cluster: Cluster) -> tuple[str, ...]:
    stages = cache() / KWOK_STAGES.place
    return _command(
        "kwok",
        *(f"--config={stages / file}" for file in _STAGES),
        f"--kubeconfig={cluster.folder / 'pki' / 'kwok.kubeconfig'}",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-lease-duration-seconds=40",  # else its nodes are not ready after a minute, and neither are their pods
        f"--cidr={cluster.subnets.fake_pods}",
        f"--node-ip={cluster.node_ip}",
    )
