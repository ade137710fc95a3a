"""Start, stop and look at local clusters."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.cluster import namespaces
from tests.cluster.build import compiler, images
from tests.cluster.errors import ClusterError
from tests.cluster.locks import locked
from tests.cluster.machine import ready_to_run
from tests.cluster.node import addons, cgroups, network, pki, postgres
from tests.cluster.node.settings import write_files, write_node_files
from tests.cluster.paths import CLUSTERS
from tests.cluster.say import Step, say
from tests.cluster.state import Cluster, load_or_create, machine_routes

_UP_LIMIT_SECONDS = 300
_DOWN_PATIENCE_SECONDS = 10


def up(
    name: str,
    kwok_nodes: int | None = None,
    *,
    policies: bool = False,
    https: bool = False,
    metrics_server: bool = False,
    monitoring: bool = False,
    oldest: bool = False,
) -> Cluster:
    """Start a cluster and wait until DNS and the database answer; a running one is left as it is.

    Args:
        name: of the cluster; its state is kept between stop and start.
        kwok_nodes: fake nodes to have beside the real one; None keeps their number.
        policies: enforce network policies; its program is a part of `build --edge`.
        https: have inventories/local deploy Traefik and cert-manager; `build --https` has built them.
        metrics_server: have inventories/local deploy metrics-server, in place of the cluster's own.
        monitoring: have inventories/local deploy metrics, alerts and logs; `build --monitoring` has built them.
        oldest: run the oldest supported Kubernetes, which `build --kubernetes-oldest` has built.

    Raises:
        ClusterError: this machine cannot run one, or the cluster does not get ready within 300 s.
    """
    ready_to_run()
    _check_parts(kwok_nodes)
    images.build(images.system_images())
    wanted = {"policies": policies, "https": https, "metrics_server": metrics_server, "monitoring": monitoring}
    cluster = load_or_create(name, kwok_nodes, oldest=oldest, **wanted)
    with locked(CLUSTERS / f".{name}.lock", f"cluster {name}"):
        step = Step()
        found = pid(cluster)
        if found and _answers(cluster) and not addons.fake_nodes_missing(cluster):
            say(f"cluster {name} is up already")
            return cluster
        if not found:
            found = _start(cluster)
        os.kill(found, signal.SIGHUP)
        network.attach(cluster.subnets, found)
        _wait_until_ready(cluster)
        say(f"cluster {name} is up: API server, DNS, registry and database answer at {cluster.node_ip} ({step})")
    return cluster


def down(cluster: Cluster, *, purge: bool) -> None:
    """Stop a cluster and remove what it has on this machine; with ``purge`` its state too.

    Raises:
        ClusterError: something does not go away.
    """
    with locked(CLUSTERS / f".{cluster.name}.lock", f"cluster {cluster.name}"):
        step = Step()
        _stop(cluster, _second_command(cluster))
        was = _stop(cluster, _node_command(cluster))
        network.detach(cluster.subnets)
        cgroups.remove(cluster.second_node.cgroup)
        cgroups.remove(cluster.cgroup)
        if purge:
            shutil.rmtree(cluster.folder)
        kept = "its state is removed" if purge else "its state is kept"
        say(f"cluster {cluster.name} {'is stopped' if was else 'was stopped already'}, {kept} ({step})")


def pid(cluster: Cluster) -> int | None:
    """The process number, as this machine counts, of the node's process 1; None when the cluster is stopped."""
    return namespaces.first_process(_node_command(cluster))


def add_second_node(cluster: Cluster) -> None:
    """Add a node to a running cluster, and wait until it is ready. ``down`` removes it too.

    Raises:
        ClusterError: it does not get ready.
    """
    node, first = cluster.second_node, pid(cluster)
    for name in ("containerd", "kubelet", "pods", "log"):
        (node.folder / name).mkdir(parents=True, exist_ok=True)
    write_node_files(cluster, node)
    cgroups.remove(node.cgroup)
    cgroups.make(node.cgroup)
    step = Step()
    with (node.folder / "log" / "node.log").open("a") as log:
        found = namespaces.start(_second_command(cluster), log)
    if not (first and found):
        raise ClusterError(f"The second node of {cluster.name} does not start; its log is {node.folder}/log/node.log.")
    network.attach_second(cluster.subnets, first, found)
    addons.wait_for_node(cluster, node.name)
    say(f"node {node.name} of cluster {cluster.name} is ready ({step})")


def execute(cluster: Cluster, command: list[str]) -> int:
    """Run a command in the node's namespaces and return its exit code.

    Raises:
        ClusterError: the cluster is stopped.
    """
    found = pid(cluster)
    if not found:
        raise ClusterError(
            f"Cluster {cluster.name} is stopped: start it with `python3 -m tests.cluster up {cluster.name}`."
        )
    env = {**os.environ, "KUBECONFIG": cluster.kubeconfig}
    return subprocess.run(
        ["nsenter", f"--target={found}", "--pid", "--mount", "--net", "--uts", "--ipc", "--", *command],
        env=env,
        check=False,
    ).returncode


def _check_parts(kwok_nodes: int | None) -> None:
    absent = [
        entry.name for entry in compiler.missing() if not entry.for_tests or (entry.name == "kwok" and kwok_nodes)
    ]
    if absent:
        raise ClusterError(f"Not built yet: {', '.join(absent)}. Run `python3 -m tests.cluster build --tests`.")


def _node_command(cluster: Cluster) -> list[str]:
    return [sys.executable, "-m", "tests.cluster.node", cluster.name, str(cluster.folder)]


def _second_command(cluster: Cluster) -> list[str]:
    return [*_node_command(cluster), cluster.second_node.name]


def _start(cluster: Cluster) -> int:
    taken = cluster.subnets.overlap(machine_routes())
    if taken:
        network.detach(cluster.subnets)  # what a killed node may leave
        taken = cluster.subnets.overlap(machine_routes())
    if taken:
        raise ClusterError(
            f"Cluster {cluster.name} needs addresses that this machine uses already ({taken}): give it others with "
            f"`python3 -m tests.cluster down {cluster.name} --purge`, then `up`."
        )
    for name in ("etcd", "containerd", "kubelet", "volumes", "postgres", "pods", "log", "config"):
        (cluster.folder / name).mkdir(exist_ok=True)
    pki.ensure(cluster)
    write_files(cluster)
    cgroups.remove(cluster.cgroup)  # of a killed node: the kubelet would look for their containers, 3 s each
    cgroups.make(cluster.cgroup)
    with (cluster.folder / "log" / "node.log").open("a") as log:
        if found := namespaces.start(_node_command(cluster), log):
            return found
    raise ClusterError(f"The node of cluster {cluster.name} does not start; its log is {cluster.folder}/log/node.log.")


def _wait_until_ready(cluster: Cluster) -> None:
    deadline = time.monotonic() + _UP_LIMIT_SECONDS
    log = cluster.folder / "log"

    def alive() -> None:
        if not pid(cluster):
            raise ClusterError(f"The node of cluster {cluster.name} ended: {_tail(log / 'node.log')}")

    with _api(cluster) as api:
        _until(
            lambda: _is_ok(api, "/readyz"),
            deadline,
            alive,
            f"the API server of cluster {cluster.name} does not answer; its log is {log}/kube-apiserver.log",
        )
    addons.apply(cluster)
    postgres.wait(cluster, deadline, alive)
    _until(lambda: _dns(cluster), deadline, alive, f"DNS of cluster {cluster.name} does not answer; logs are in {log}")


def _until(condition: Callable[[], bool], deadline: float, alive: Callable[[], None], failure: str) -> None:
    while not condition():
        alive()
        if time.monotonic() > deadline:
            raise ClusterError(f"Within {_UP_LIMIT_SECONDS} s {failure}.")
        time.sleep(0.05)


def _answers(cluster: Cluster) -> bool:
    with _api(cluster) as api:
        return _is_ok(api, "/readyz") and _dns(cluster)


def _dns(cluster: Cluster) -> bool:
    return network.dns_answers(cluster.subnets.dns_ip, "kubernetes.default.svc.cluster.local")


def _api(cluster: Cluster) -> httpx.Client:
    folder = cluster.folder / "pki"
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / "admin.crt", folder / "admin.key")
    return httpx.Client(base_url=f"https://{cluster.node_ip}:6443", verify=context, timeout=2, trust_env=False)


def _is_ok(api: httpx.Client, path: str) -> bool:
    try:
        return api.get(path).status_code == 200
    except httpx.TransportError:
        return False


def _tail(log: Path) -> str:
    return " / ".join(log.read_text().splitlines()[-3:]) if log.exists() else "it wrote no log"


def _stop(cluster: Cluster, command: list[str]) -> bool:
    """Stop a node: in order first, by force after that. Returns whether it ran."""
    try:
        return namespaces.stop(command, _DOWN_PATIENCE_SECONDS)
    except TimeoutError as error:
        raise ClusterError(f"A node of cluster {cluster.name} does not end: {error}.") from error
