# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What only the real API server says: Pod Security of pods that run, admission of pods that come back, evictions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.check import SidecarCheck
from ansible_collections.todo.cloud.plugins.module_utils.dapr.restart import BUDGET, Restart
from ansible_collections.todo.cloud.plugins.module_utils.environments.admission import Admission
from ansible_collections.todo.cloud.plugins.module_utils.environments.pod_security import ENFORCE
from ansible_collections.todo.cloud.plugins.module_utils.environments.tightening import Wanted, compare
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, NAMESPACE, POD, SERVICE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.support import eventually

CHART = str(Path(__file__).parents[2] / "charts" / "environment")
CONTAINER: dict[str, Any] = {
    "name": "web", "image": "docker.io/library/busybox:1.36", "command": ["sleep", "600"],
    "ports": [{"name": "http", "containerPort": 8080}],
    "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"memory": "3Gi"}},
}  # fmt: skip
TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"terminationGracePeriodSeconds": 0, "containers": [CONTAINER]},
}
WEB = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
}  # fmt: skip


@pytest.fixture
def shop(kube: KubeSession, namespace: str) -> str:
    """A namespace where something runs that is neither restricted nor small."""
    kube.create(DEPLOYMENT, namespace, WEB)
    ports = [{"port": 80, "targetPort": "http"}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    kube.create(SERVICE, namespace, {**service, "spec": {"selector": {"app": "web"}, "ports": ports}})
    eventually("a pod", lambda: running(kube, namespace))
    return namespace


def running(kube: KubeSession, namespace: str) -> list[Any]:
    pods = kube.list_(POD, namespace)[0]
    return [p for p in pods if p["status"].get("phase") == "Running" and not p["metadata"].get("deletionTimestamp")]


def test_what_runs_is_compared_with_what_the_namespace_is_about_to_get(kube: KubeSession, shop: str) -> None:
    helm = HelmCli(kube.kubeconfig)
    values = {"environment": "staging"}
    found = compare(kube, helm, Wanted(shop, {ENFORCE: "restricted"}, "environment", CHART, values))
    reasons = {each.variable: each.reason for each in found.refused}
    assert "runAsNonRoot != true" in reasons["environment_pod_security"]
    assert "exceed the maximum 2Gi" in reasons["environment_quota"]
    assert "Service web leads to" in reasons["environment_policies"]
    assert all(each.pods.startswith("web-") for each in found.refused)
    assert ENFORCE not in kube.get(NAMESPACE, "", shop)["metadata"]["labels"]
    off = {**values, "quota": None, "limitRange": {"enabled": False}, "networkPolicies": {"enabled": False}}
    assert compare(kube, helm, Wanted(shop, {ENFORCE: "baseline"}, "environment", CHART, off)).refused == []


def test_the_namespace_is_opened_for_what_comes_back(kube: KubeSession, make_namespace: Callable[..., str]) -> None:
    namespace = make_namespace(**{ENFORCE: "restricted"})
    found = Admission(kube, namespace, [json.dumps(WEB)])
    found.check(kube)
    assert "runAsNonRoot != true" in found.refused[0]
    assert "lowered from restricted to baseline" in found.open(kube, lambda line: None)
    assert kube.get(NAMESPACE, "", namespace)["metadata"]["labels"][ENFORCE] == "baseline"
    assert Admission(kube, namespace, [json.dumps(WEB)]).refused == []


def test_an_eviction_asks_the_disruption_budget(kube: KubeSession, shop: str) -> None:
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "all"}}
    selector = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}
    kube.create(BUDGET, shop, {**budget, "spec": {"minAvailable": 1, "selector": selector}})
    eventually("a budget", lambda: (kube.get(BUDGET, shop, "all").get("status") or {}).get("currentHealthy"))
    (pod,) = running(kube, shop)
    restart = Restart(kube, shop, lambda line: None, Deadline.after(3))
    assert restart._evict(pod) == "disruption budget all allows no disruption now"
    assert [each["metadata"]["uid"] for each in running(kube, shop)] == [pod["metadata"]["uid"]]
    kube.delete(BUDGET, shop, "all")
    another = {**pod, "metadata": {**pod["metadata"], "uid": "another"}}
    assert Restart(kube, shop, lambda line: None, Deadline.after(3))._evict(another) == ""
    assert [each["metadata"]["uid"] for each in running(kube, shop)] == [pod["metadata"]["uid"]]
    assert Restart(kube, shop, lambda line: None, Deadline.after(9))._evict(pod) == ""
    eventually(
        "another pod", lambda: [p for p in running(kube, shop) if p["metadata"]["uid"] != pod["metadata"]["uid"]]
    )
    assert SidecarCheck(kube, shop, shop).look().lacking == []
