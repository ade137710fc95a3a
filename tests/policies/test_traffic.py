"""The table of allowed connections, by traffic: between all pods, and towards what lies around."""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.table import allowed
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, POD, SERVICE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.readiness.fields import Object

from tests.cluster import state
from tests.cluster.build.images import PYTHON
from tests.cluster.node import lifecycle, network
from tests.cluster.paths import TOP
from tests.integration.support import apply, eventually
from tests.policies.traffic import End, passing, process_of
from tests.support.environ import ANSIBLES_OUTPUT

APP, BROKER, DAPR, SYSTEM, OTHER = "todo-local", "kafka", "dapr-system", "kube-system", "another"
PUBLIC, METADATA = "203.0.113.7", "169.254.169.254"  # of the internet (RFC 5737), and of a cloud's node
DAPRS = (3500, 3501, 50001, 50002, 9090)  # HTTP, health, gRPC, between sidecars, metrics
EVERYWHERE = ("anywhere", "any address")  # places of the table
NAMESPACES = (APP, BROKER, DAPR, SYSTEM, OTHER)


@dataclass(frozen=True)
class Place:
    """A running pod."""

    name: str  # of its workload
    namespace: str
    address: str
    process: int
    ports: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Town:
    """The cluster, the app's connections as the collection describes them, and all pods."""

    cluster: state.Cluster
    kube: KubeSession
    table: dict[tuple[str, str], str]

    def places(self) -> list[Place]:
        return [place for name in NAMESPACES for place in self._in(name)]

    def _in(self, namespace: str) -> Iterator[Place]:
        for pod in self.kube.list_(POD, namespace)[0]:
            spec, status = pod["spec"], pod["status"]
            if spec.get("hostNetwork") or status.get("phase") != "Running" or pod["metadata"].get("deletionTimestamp"):
                continue
            every = [*spec["containers"], *spec.get("initContainers", [])]
            ports = {port["containerPort"] for each in every for port in each.get("ports") or ()}
            yield Place(workload(pod), namespace, status["podIP"], process_of(pod), tuple(sorted(ports | {*DAPRS})))

    def lets(self, source: str, target: str, port: int) -> bool:
        """Whether the table has a connection."""
        ports = self.table.get((source, target), "")
        return ports == "any port" or port in numbers(ports)


def workload(pod: Object) -> str:
    labels = pod["metadata"]["labels"]
    return str(labels.get("app.kubernetes.io/instance") or labels.get("app") or pod["metadata"]["name"])


def numbers(ports: str) -> set[int]:
    return {int(each) for each in re.findall(r"(?<![\d/])(\d+)(?![\d/])", ports.replace("/TCP", ""))}


def plan(cluster: str) -> dict[tuple[str, str], str]:
    """The table as plan.yml -v shows it: ports by source and target."""
    argv = ["ansible-playbook", "playbooks/plan.yml", "-i", "inventories/local", "-v"]
    env = {**os.environ, "TODO_CLOUD_CLUSTER": cluster, **ANSIBLES_OUTPUT}
    done = subprocess.run(argv, cwd=TOP, env=env, capture_output=True, text=True, check=True, timeout=300)
    rows = re.findall(r"^\s*- '?([^\s'][^']*?) +-> (.+?) +: ([^']+?)'?$", done.stdout, re.MULTILINE)
    return {(source, target): ports for source, target, ports in rows}


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """A namespace that is another environment's, an address of the internet and that of a cloud's metadata."""
    cluster = state.load(os.environ["TODO_CLOUD_TEST_CLUSTER"])
    with KubeSession.from_params({"kubeconfig": cluster.kubeconfig}, user_agent="todo.cloud tests") as kube:
        labels = {"app": "visitor"}
        command = ["python3", "-m", "http.server", "8080"]
        pod = {"containers": [{"name": "app", "image": PYTHON, "command": command, "ports": [{"containerPort": 8080}]}]}
        spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
        apply(kube, OTHER, [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OTHER}},
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "visitor"}, "spec": spec},
        ])  # fmt: skip
        found = Town(cluster, kube, plan(cluster.name))
        eventually("visitor", lambda: any(place.namespace == OTHER for place in found.places()), 60)
        lead_outside(cluster)
        yield found


def lead_outside(cluster: state.Cluster) -> None:
    """This machine plays what lies outside, at the other end of the node's link."""
    for address in (PUBLIC, METADATA):
        subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", cluster.subnets.veth], check=True)
        lifecycle.execute(cluster, ["ip", "route", "replace", address, "via", cluster.subnets.machine_ip])


def test_the_table_is_that_of_what_is_deployed(town: Town) -> None:
    kinds = [
        town.kube.resource("networking.k8s.io/v1", "NetworkPolicy"),
        DEPLOYMENT,
        town.kube.resource("apps/v1", "StatefulSet"),
    ]
    live = [
        {**item, "kind": kind.kind, "apiVersion": kind.api_version}
        for kind in kinds
        for item in town.kube.list_(kind, APP)[0]
    ]
    deployed = {(each.source, each.target): each.ports for each in allowed(live, APP)}
    assert deployed == town.table
    assert len(deployed) > 10


def test_between_pods(town: Town) -> None:
    check_pods(town)


def check_pods(town: Town) -> None:
    """Every pod of the app towards every port of every pod, and every pod towards the app's."""
    places = town.places()
    wrong, tried = [], 0

    def one(source: Place) -> tuple[Place, set[End]]:
        targets = [place for place in places if place != source and APP in (place.namespace, source.namespace)]
        return source, passing(source.process, [End(t.address, port) for t in targets for port in t.ports])

    with ThreadPoolExecutor(4) as pool:
        for source, reached in pool.map(one, places):
            for target in places:
                if target == source or APP not in (target.namespace, source.namespace):
                    continue
                for port in target.ports:
                    tried += 1
                    is_open = End(target.address, port) in reached
                    if is_open != expected(town, source, target, port):
                        wrong.append(f"{source} -> {target}:{port} is {'open' if is_open else 'closed'}")
    print(f"{tried} connections between {len(places)} pods")
    assert not wrong, "\n".join(wrong)
    assert tried > 300


def expected(town: Town, source: Place, target: Place, port: int) -> bool:
    if source.namespace == target.namespace == APP:
        return town.lets(source.name, target.name, port)
    if source.namespace == APP:
        places = (f"namespace {target.namespace}", *EVERYWHERE)
        return any(town.lets(source.name, place, port) for place in places)
    if source.namespace == BROKER:  # whose own policy lets nothing out
        return False
    return town.lets(f"namespace {source.namespace}", target.name, port) or _public(town, target, port)


def _public(town: Town, target: Place, port: int) -> bool:
    """The local inventory's public endpoint is open to every address."""
    return any(town.lets(place, target.name, port) for place in EVERYWHERE)


def test_around(town: Town) -> None:
    """What lies around: the database on the node, the registry, the API server, the internet, a cloud's metadata."""
    node, services = town.cluster.node_ip, town.kube.get(SERVICE, "default", "kubernetes")["spec"]["clusterIP"]
    ends = [End(node, 5432), End(node, 5000), End(node, 6443), End(node, 10250), End(services, 443)]
    ends += [End(PUBLIC, 443), End(PUBLIC, 80), End(METADATA, 80)]
    wrong, opened = [], set()
    for place in town.places():
        if place.namespace != APP:
            continue
        reached = passing(place.process, ends)
        opened |= {(place.name, end) for end in reached}
        wanted = {end for end in ends if around(town, place, end)}
        wrong += [f"{place} -> {end} is {'open' if end in reached else 'closed'}" for end in reached ^ wanted]
    assert not wrong, "\n".join(wrong)
    assert ("backend-api", End(node, 5432)) in opened
    assert not {end for _, end in opened} & {End(METADATA, 80), End(node, 10250), End(node, 5000)}


def around(town: Town, place: Place, end: End) -> bool:
    """What the table says of an address: by itself, as a part of the internet, or anywhere."""
    targets = [target for source, target in town.table if source == place.name and covers(target, end.address)]
    return any(town.lets(place.name, target, end.port) for target in targets)


def covers(target: str, address: str) -> bool:
    if target in EVERYWHERE or (target == "internet" and address == PUBLIC):
        return True
    return "/" in target and ipaddress.ip_address(address) in ipaddress.ip_network(target)


def test_from_this_machine(town: Town) -> None:
    """A client outside reaches the public endpoint and nothing else."""
    places = [place for place in town.places() if place.namespace == APP]
    ends = {End(place.address, port): (place, port) for place in places for port in place.ports}
    reached = passing(None, ends)
    wanted = {end for end, (place, port) in ends.items() if _public(town, place, port)}
    assert reached == wanted
    assert reached


def test_names(town: Town) -> None:
    """DNS answers every pod of the app, by UDP."""
    server = town.cluster.subnets.dns_ip
    ask = f"dns_answers({server!r}, 'kafka.kafka.svc.cluster.local', 3)"
    script = f"from tests.cluster.node.network import dns_answers; raise SystemExit(not {ask})"
    for place in town.places():
        if place.namespace == APP:
            argv = ["nsenter", f"--net=/proc/{place.process}/ns/net", "python3", "-c", script]
            assert subprocess.run(argv, cwd=TOP, check=False, timeout=30).returncode == 0, place


def test_the_policies_hold_after_a_restart_of_the_node(town: Town) -> None:
    lifecycle.down(town.cluster, purge=False)
    lifecycle.up(town.cluster.name)
    lead_outside(town.cluster)
    name = "kubernetes.default.svc.cluster.local"
    eventually("DNS answers", lambda: network.dns_answers(town.cluster.subnets.dns_ip, name))
    eventually("app", lambda: ready(town), 180)
    time.sleep(5)
    check_pods(town)


def ready(town: Town) -> bool:
    found = town.kube.list_(DEPLOYMENT, APP)[0]
    return bool(found) and all(item["status"].get("availableReplicas", 0) >= item["spec"]["replicas"] for item in found)
