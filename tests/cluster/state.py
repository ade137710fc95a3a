"""What is remembered of a cluster: its slot and its secrets, in ``clusters/<name>/cluster.json``."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import secrets
import subprocess
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.cluster.errors import ClusterError
from tests.cluster.locks import locked
from tests.cluster.paths import CLUSTERS
from tests.cluster.subnets import SLOTS, Subnets

REGISTRY_PORT = 5000
PUBLIC_PORT = 30080
NODE = "node1"
SECOND_NODE = "node2"


@dataclass(frozen=True)
class Node:
    """A machine of a cluster, with a kubelet of its own.

    Attributes:
        name: as the API server knows it.
        ip: its address.
        pods: the network of its pods.
        cgroup: the cgroup that they live under.
        folder: its state and its logs.
        suffix: of the files of its kubelet's keys in the cluster's ``pki/``.
    """

    name: str
    ip: str
    pods: ipaddress.IPv4Network
    cgroup: str
    folder: Path
    suffix: str = ""

    @property
    def config(self) -> Path:
        return self.folder / "config"


@dataclass(frozen=True)
class Cluster:
    """One cluster, running or not.

    Attributes:
        name: lower-case letters, digits and hyphens.
        provider: ``local`` or ``kind``.
        slot: decides the subnets; -1 with kind, which has its own.
        node_ip: address of the node, reachable from the machine and from pods.
        kubeconfig: path of the administrator's kubeconfig.
        registry: ``host:port`` of the image registry; empty with kind.
        database_url: connection string of the database ``todo`` for its owner.
        database_url_admin: the same for the superuser.
        database_ip: address of the database server.
        url: where the application's public endpoint answers on this machine (the frontend's NodePort).
        kwok_nodes: number of fake nodes beside the real one.
        policies: whether network policies are enforced.
        https: whether inventories/local has Traefik, cert-manager and a public name there.
        http_port, https_port: where these answer, at the address of ``url``; 0: there are none.
        metrics_server: whether inventories/local deploys metrics-server there, in place of the cluster's own.
        monitoring: whether inventories/local deploys metrics, alerts and logs there.
        oldest: whether its Kubernetes is the oldest one that is supported.
        engine: with kind, the container engine's command.
        engine_host: with kind, the engine's address as ``DOCKER_HOST`` has it; empty: the command's own choice.
    """

    name: str
    provider: str
    slot: int
    node_ip: str
    kubeconfig: str
    registry: str
    database_url: str
    database_url_admin: str
    database_ip: str = ""
    url: str = ""
    kwok_nodes: int = 0
    policies: bool = False
    https: bool = False
    http_port: int = 0
    https_port: int = 0
    metrics_server: bool = False
    monitoring: bool = False
    oldest: bool = False
    engine: str = ""
    engine_host: str = ""

    @property
    def folder(self) -> Path:
        return folder_of(self.name)

    @property
    def subnets(self) -> Subnets:
        return Subnets(self.slot)

    @property
    def cgroup(self) -> str:
        """The cgroup that all pods live under."""
        return f"todo-cloud-{self.slot}-{self.name}"

    @property
    def node(self) -> Node:
        """The machine that has the control plane too."""
        return Node(NODE, self.node_ip, self.subnets.pods, self.cgroup, self.folder)

    @property
    def second_node(self) -> Node:
        """A machine that may be added, for pods alone."""
        net = self.subnets
        cgroup = f"{self.cgroup}-{SECOND_NODE}"
        suffix = f"-{SECOND_NODE}"
        return Node(SECOND_NODE, net.second_node_ip, net.second_pods, cgroup, self.folder / SECOND_NODE, suffix)

    @property
    def public_ip(self) -> str:
        """Where the public endpoints answer on this machine."""
        return urlsplit(self.url).hostname or self.node_ip

    @property
    def admin_password(self) -> str:
        return urlsplit(self.database_url_admin).password or ""

    @property
    def todo_password(self) -> str:
        return urlsplit(self.database_url).password or ""

    def facts(self) -> dict[str, Any]:
        """What ``status --json`` prints and cluster.json holds."""
        return asdict(self)


def folder_of(name: str) -> Path:
    """The state folder of a cluster.

    Raises:
        ClusterError: the name does not suit.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,29}", name):
        raise ClusterError(
            f"{name!r} is not a valid cluster name: up to 30 lower-case letters, digits and hyphens, a letter first."
        )
    return CLUSTERS / name


def load(name: str) -> Cluster:
    """The cluster of that name.

    Raises:
        ClusterError: there is none.
    """
    path = folder_of(name) / "cluster.json"
    if not path.exists():
        raise ClusterError(f"There is no cluster {name}: start it with `python3 -m tests.cluster up {name}`.")
    known = {field.name for field in fields(Cluster)}  # a checkout of another age may have written more
    return Cluster(**{key: value for key, value in json.loads(path.read_text()).items() if key in known})


def exists(name: str) -> bool:
    """Whether a cluster of that name has state."""
    return (folder_of(name) / "cluster.json").exists()


def known() -> list[Cluster]:
    """All clusters that have state, by name."""
    return [load(path.parent.name) for path in sorted(CLUSTERS.glob("*/cluster.json"))]


def save(cluster: Cluster) -> None:
    """Write cluster.json, readable by its owner only (it holds passwords), all or nothing."""
    cluster.folder.mkdir(parents=True, exist_ok=True)
    fresh = cluster.folder / ".cluster.json.new"
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump(cluster.facts(), handle, indent=2)
    fresh.replace(cluster.folder / "cluster.json")


def load_or_create(
    name: str,
    kwok_nodes: int | None,
    *,
    policies: bool = False,
    https: bool = False,
    metrics_server: bool = False,
    monitoring: bool = False,
    oldest: bool = False,
) -> Cluster:
    """The cluster of that name, in a free slot when it is new; ``kwok_nodes`` None keeps the number it has, and a
    cluster that enforces policies, has HTTPS or monitoring, leaves metrics-server to the inventory, or is of the
    oldest Kubernetes, goes on to.

    Raises:
        ClusterError: no slot is free.
    """
    with locked(CLUSTERS / ".lock", "the list of clusters"):
        cluster = load(name) if exists(name) else _new(name, _free_slot())
        if kwok_nodes is not None:
            cluster = replace(cluster, kwok_nodes=kwok_nodes)
        cluster = replace(
            cluster,
            policies=cluster.policies or policies,
            https=cluster.https or https,
            metrics_server=cluster.metrics_server or metrics_server,
            monitoring=cluster.monitoring or monitoring,
            oldest=cluster.oldest or oldest,
            http_port=80,
            https_port=443,
        )
        save(cluster)
    return cluster


def database_urls(host: str) -> tuple[str, str]:
    """Connection strings with fresh passwords: the database ``todo`` for its owner, and the superuser's."""
    owner, admin = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    return f"postgresql://todo:{owner}@{host}:5432/todo", f"postgresql://postgres:{admin}@{host}:5432/postgres"


def _new(name: str, slot: int) -> Cluster:
    node_ip = Subnets(slot).node_ip
    owner, admin = database_urls(node_ip)
    return Cluster(
        name=name,
        provider="local",
        slot=slot,
        node_ip=node_ip,
        kubeconfig=str(folder_of(name) / "kubeconfig"),
        registry=f"{node_ip}:{REGISTRY_PORT}",
        database_url=owner,
        database_url_admin=admin,
        database_ip=node_ip,
        url=f"http://{node_ip}:{PUBLIC_PORT}",
    )


def _free_slot() -> int:
    taken = {cluster.slot for cluster in known()}
    routes = machine_routes()
    for slot in range(SLOTS):
        if slot not in taken and not Subnets(slot).overlap(routes):
            return slot
    raise ClusterError(
        f"All {SLOTS} places for clusters are taken: remove one with `python3 -m tests.cluster down NAME --purge`."
    )


def machine_routes() -> list[ipaddress.IPv4Network]:
    """The networks this machine has routes to, without the default route."""
    out = subprocess.run(["ip", "-json", "-4", "route"], capture_output=True, text=True, check=True).stdout
    targets = [route["dst"] for route in json.loads(out or "[]")]
    return [ipaddress.IPv4Network(target, strict=False) for target in targets if target != "default"]
