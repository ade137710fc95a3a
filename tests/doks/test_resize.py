# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A pool gets larger nodes while people use the app: two real nodes, and no request fails.

The account is the stand-in's. Behind the node of its old pool is the local cluster's first node, behind that of the new
one a second one that is started then. Nodes are drained by ``kubectl drain``. The cluster has what counts here of
DigitalOcean's: volumes that follow their pods, two pods of CoreDNS. People come in by the first node, which stands for
the load balancer too. Margins are production's, and so is where database and broker are: not on the node.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.autoscaling.load import Load
from tests.cluster.node import lifecycle
from tests.cluster.paths import TOP
from tests.cluster.state import NODE, SECOND_NODE, load
from tests.doks.conftest import DOKS, Place
from tests.e2e.conftest import Cluster, User, until
from tests.support.patience import patience

TWICE = ("backend-api", "frontend", "sse-gateway")  # what people wait for
OWN = "app.kubernetes.io/name!=kafka"
BROKER = "kafka-0"
RATE = 10.0  # pages a second
_DRAIN_SECONDS = 300
SHARED = {"data": {"config.json": json.dumps({"sharedFileSystemPath": "/var/lib/local-path"})}}
_LEAVING = {"name": "coredns", "lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}
DNS = {
    "spec": {"replicas": 2, "template": {"spec": {"terminationGracePeriodSeconds": 30, "containers": [_LEAVING]}}}
}  # fmt: skip
DNS_BUDGET = {
    "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
    "metadata": {"name": "coredns", "namespace": "kube-system"},
    "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"k8s-app": "kube-dns"}}},
}  # fmt: skip


class Machines:
    """The two nodes, in the order in which the account starts its own."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.work: list[Future[None]] = []
        self._started: dict[str, str] = {}
        self._threads = ThreadPoolExecutor()

    def start(self, node: dict[str, Any]) -> Callable[[], bool]:
        self._started[node["id"]] = real = (NODE, SECOND_NODE)[len(self._started)]
        return (
            (lambda: True) if real == NODE else self._begin(lambda: lifecycle.add_second_node(load(self.cluster.name)))
        )

    def drain(self, node: dict[str, Any]) -> Callable[[], bool]:
        how = ("--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={_DRAIN_SECONDS}s", f"--pod-selector={OWN}")
        drain = ("kubectl", "drain", self._started[node["id"]], *how)
        return self._begin(lambda: self.cluster.run(*drain, timeout=2 * _DRAIN_SECONDS).check_returncode())

    def _begin(self, what: Callable[[], None]) -> Callable[[], bool]:
        future = self._threads.submit(what)
        self.work.append(future)
        return future.done


@pytest.fixture
def machines(place: Place, cluster: Cluster) -> Iterator[Machines]:
    place.cloud.account.machines = found = Machines(cluster)
    yield found
    place.cloud.account.machines = None


@pytest.fixture
def inventory(place: Place, tmp_path: Path) -> None:
    """The local one, with two pods of what people wait for, and production's margins."""
    shutil.copytree(TOP / "inventories", tmp_path / "inventories")
    file = tmp_path / "inventories/local/group_vars/all/services.yml"
    said = yaml.safe_load(file.read_text())
    for name in TWICE:
        said["services"][name]["scale"] = 2
    said["app_service_values"] = {"minReadySeconds": 10}
    file.write_text(yaml.safe_dump(said))
    place.inventory = str(tmp_path / "inventories/local")


def like_digitalocean(cluster: Cluster) -> None:
    system = ("-n", "kube-system")
    cluster.kubectl("patch", "configmap", "local-path-config", *system, "--patch", json.dumps(SHARED))
    cluster.kubectl("rollout", "restart", "deployment/local-path-provisioner", *system)
    cluster.kubectl("patch", "deployment", "coredns", *system, "--patch", json.dumps(DNS))
    assert cluster.run("bash", "-c", f"kubectl apply -f - <<< '{json.dumps(DNS_BUDGET)}'").returncode == 0
    for name in ("local-path-provisioner", "coredns"):
        cluster.kubectl("rollout", "status", f"deployment/{name}", *system, "--timeout=60s")


def where(cluster: Cluster) -> dict[str, set[str]]:
    """Node -> pods on it that run, of all namespaces."""
    found: dict[str, set[str]] = {}
    for pod in json.loads(cluster.kubectl("get", "pods", "-A", "-o", "json"))["items"]:
        if pod["status"]["phase"] == "Running" and not pod["metadata"].get("deletionTimestamp"):
            found.setdefault(pod["spec"]["nodeName"], set()).add(pod["metadata"]["name"])
    return found


def ready(cluster: Cluster) -> bool:
    """Whether every Deployment and StatefulSet has all its pods."""
    found = json.loads(cluster.kubectl("get", "deployments,statefulsets", "-A", "-o", "json"))["items"]
    return all(each["status"].get("readyReplicas", 0) == each["spec"]["replicas"] for each in found)


def user_of(url: str) -> User:
    http = httpx.Client(base_url=url, timeout=patience(10), headers={"Origin": url})
    for step in ("register", "login"):
        answer = http.post(f"/api/auth/{step}", json={"username": "resize", "password": "of-the-nodes"})
        assert answer.status_code in (200, 201), answer.text
    return User(http, "resize")


def test_no_request_fails(place: Place, cluster: Cluster, machines: Machines, inventory: None) -> None:
    like_digitalocean(cluster)
    pool = {"name": "app", "size": "s-2vcpu-4gb", "count": 1}
    place.play("site.yml", cluster_doks={**DOKS, "node_pools": [pool]})
    until(place.answers, 60, "the app answers")
    until(lambda: ready(cluster), 120, "everything is ready")
    assert set(where(cluster)) == {NODE}
    larger = {**DOKS, "node_pools": [{**pool, "size": "s-4vcpu-8gb"}], "allow_replace": True}
    url = str(cluster.facts["url"])
    user = user_of(url)
    task = user.add("rent", due="2027-01-31", recurrence="monthly")

    with Load(url) as people:
        people.rate = RATE
        until(lambda: people.requests > 50, 60, "people use it")
        began = time.monotonic()
        place.play("playbooks/cluster.yml", cluster_doks=larger)
        print(f"the pool has its new node after {time.monotonic() - began:.0f} s")
        until(lambda: ready(cluster), 300, "everything is ready again")
        sofar = people.requests
        until(lambda: people.requests > sofar + 50, 60, "people still use it")
    print(people)
    assert Counter(people.failures) == {}
    assert [each.exception() for each in machines.work] == [None, None]

    (there,) = place.cloud.account.listed()
    pools = [(each["name"], each["size"], len(each["nodes"])) for each in there["node_pools"]]
    assert pools == [("app", "s-4vcpu-8gb", 1)]
    assert where(cluster).pop(NODE, set()) == {BROKER}
    assert user.http.post(f"/api/tasks/{task['id']}/complete").status_code == 200
    until(lambda: [each for each in user.tasks() if not each["completed_at"]], 60, "the broker passes on what happens")
    assert "changed=0" in place.play("playbooks/cluster.yml", cluster_doks={**larger, "allow_replace": False})
