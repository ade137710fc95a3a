# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What only the real API server says: Pod Security of pods that run, admission of pods that come back, evictions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.check import SidecarCheck
from ansible_collections.todo.cloud.plugins.module_utils.dapr.restart import BUDGET, Restart
from ansible_collections.todo.cloud.plugins.module_utils.environments.admission import Admission
from ansible_collections.todo.cloud.plugins.module_utils.environments.pod_rules import PodRules, refused_for
from ansible_collections.todo.cloud.plugins.module_utils.environments.pod_security import ENFORCE
from ansible_collections.todo.cloud.plugins.module_utils.environments.tightening import Wanted, compare
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import objects_of
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Refused
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, NAMESPACE, POD, SERVICE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.support import ModuleRun, apply, eventually
from tests.support.patience import patience

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


RULES: dict[str, Any] = {"mode": "deny", "registries": ["docker.io/library/", "docker.io/todo-app/"], "probes": True}
LIMITED = {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}}
GOOD: dict[str, Any] = {
    "name": "web", "image": "docker.io/library/busybox:1.36", "resources": LIMITED,
    "readinessProbe": {"exec": {"command": ["true"]}},
}  # fmt: skip
ELSEWHERE = "images from elsewhere than docker.io/library/, docker.io/todo-app/: "
# What of a pod is against the rules, and the policy's words.
POD_CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "good": ({}, []),
    "digest": ({"image": f"docker.io/library/busybox@sha256:{'0' * 64}"}, []),
    "latest-and-digest": ({"image": f"docker.io/library/busybox:latest@sha256:{'0' * 64}"}, []),
    "no-limits": ({"resources": {}}, ["without requests and limits of CPU and memory: web"]),
    "no-cpu-limit": (
        {"resources": {"requests": LIMITED["requests"], "limits": {"memory": "32Mi"}}},
        ["without requests and limits of CPU and memory: web"],
    ),
    "latest": (
        {"image": "docker.io/library/busybox:latest"},
        ["images without a tag, or with latest: docker.io/library/busybox:latest"],
    ),
    "no-tag": (
        {"image": "docker.io/library/busybox"},
        ["images without a tag, or with latest: docker.io/library/busybox"],
    ),
    "short": ({"image": "busybox:1.36"}, [f"{ELSEWHERE}busybox:1.36"]),
    "lookalike": ({"image": "docker.io/library-evil/x:1"}, [f"{ELSEWHERE}docker.io/library-evil/x:1"]),
    "port-no-tag": (
        {"image": "reg.example:5000/x"},
        ["images without a tag, or with latest: reg.example:5000/x", f"{ELSEWHERE}reg.example:5000/x"],
    ),
    "no-probe": ({"readinessProbe": None}, ["without a readiness or liveness probe: web"]),
}


def pod_of(case: str, **more: Any) -> dict[str, Any]:
    container = {key: value for key, value in {**GOOD, **POD_CASES[case][0]}.items() if value is not None}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, **more.pop("spec", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{case}", **more}, "spec": spec}


def more_pods() -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Beside one container: init containers, sidecars, annotations, pods that end."""
    init = {"name": "init", "image": "docker.io/library/busybox:1.36"}
    sidecar = {**GOOD, "name": "mesh", "image": "quay.io/x/mesh:2", "restartPolicy": "Always"}
    return {
        **{case: (pod_of(case), words) for case, (_container, words) in POD_CASES.items()},
        "init": (
            pod_of("good", spec={"initContainers": [init]}),
            ["without requests and limits of CPU and memory: init"],
        ),
        "sidecar": (pod_of("good", spec={"initContainers": [sidecar]}), [f"{ELSEWHERE}quay.io/x/mesh:2"]),
        "annotation": (
            pod_of("good", annotations={"dapr.io/sidecar-image": "evil.example/daprd:1"}),
            [f"{ELSEWHERE}evil.example/daprd:1"],
        ),
        "volume": (
            pod_of("good", spec={"volumes": [{"name": "a", "image": {"reference": "evil.example/tools:1"}}]}),
            [f"{ELSEWHERE}evil.example/tools:1"],
        ),
        "job": (pod_of("no-probe", spec={"restartPolicy": "Never"}), []),
    }


@pytest.fixture
def admitting(kube: KubeSession, namespace: str) -> Iterator[Callable[[str], None]]:
    """Sets the rules of a namespace; its other parts are off."""
    off = {"quota": None, "limitRange": {"enabled": False}, "networkPolicies": {"enabled": False}}
    made: list[dict[str, Any]] = []

    def admit(mode: str) -> None:
        values = {"environment": "staging", **off, "admission": {**RULES, "mode": mode}}
        made[:] = objects_of(HelmCli(kube.kubeconfig).template(ApplyRequest("environment", namespace, CHART, values)))
        apply(kube, namespace, made)

    yield admit
    for each in made:
        kube.delete(kube.resource(each["apiVersion"], each["kind"]), "", each["metadata"]["name"])


def denied(kube: KubeSession, namespace: str, pod: dict[str, Any]) -> str:
    try:
        kube.create(POD, namespace, pod, dry_run=True)
    except Refused as exc:
        return str(exc.failure.details.get("api_message") or exc)
    return ""


def test_pods_that_the_policy_refuses(kube: KubeSession, namespace: str, admitting: Callable[[str], None]) -> None:
    """The API server's answer is that of the comparison, pod by pod."""
    admitting("deny")
    rules = PodRules(tuple(RULES["registries"]))
    eventually("the policy", lambda: denied(kube, namespace, pod_of("latest")))
    for case, (pod, words) in more_pods().items():
        answer = denied(kube, namespace, pod)
        assert list(refused_for(rules, pod, {})) == words, case
        assert bool(answer) == bool(words), (case, answer)
        assert not words or any(each in answer for each in words), (case, answer)
        assert not answer or f"ValidatingAdmissionPolicy '{namespace}-pods'" in answer


def test_what_a_running_pod_becomes_is_looked_at_too(
    kube: KubeSession, namespace: str, admitting: Callable[[str], None]
) -> None:
    kube.create(POD, namespace, pod_of("no-probe"))
    admitting("deny")
    eventually("the policy", lambda: denied(kube, namespace, pod_of("latest")))
    labelled = kube.patch(POD, namespace, "pod-no-probe", {"metadata": {"labels": {"a": "b"}}})
    assert labelled["metadata"]["labels"] == {"a": "b"}, "a label may change, whatever the pod is"
    image = {"spec": {"containers": [{"name": "web", "image": "evil.example/x:1"}]}}
    strategic = "application/strategic-merge-patch+json"
    with pytest.raises(Refused, match=r"images from elsewhere"):
        kube.patch(POD, namespace, "pod-no-probe", image, content_type=strategic, dry_run=True)
    debug = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "evil.example/x:1"}]}}
    with pytest.raises(Refused, match=r"images from elsewhere"):
        kube.patch(POD, namespace, "pod-no-probe", debug, content_type=strategic, subresource="ephemeralcontainers")
    resized = {"spec": {"containers": [{"name": "web", "resources": {"limits": {"cpu": "50m"}}}]}}
    with pytest.raises(Refused, match=r"without a readiness or liveness probe"):
        kube.patch(POD, namespace, "pod-no-probe", resized, content_type=strategic, subresource="resize")


def test_warned_first_and_compared_before_it_denies(
    kube: KubeSession, shop: str, admitting: Callable[[str], None]
) -> None:
    helm = HelmCli(kube.kubeconfig)
    off = {"quota": None, "limitRange": {"enabled": False}, "networkPolicies": {"enabled": False}}

    def compared(mode: str) -> Any:
        values = {"environment": "staging", **off, "admission": {**RULES, "mode": mode}}
        return compare(kube, helm, Wanted(shop, {}, "environment", CHART, values))

    warned = compared("warn")
    assert warned.refused == []
    assert any("environment_admission warn, not refused" in line for line in warned.lines)
    refused = compared("deny")
    reasons = [each.reason for each in refused.refused if each.variable == "environment_admission"]
    assert reasons == [
        "without requests and limits of CPU and memory: web",
        "without a readiness or liveness probe: web",
    ]
    assert "Nothing was written. environment_admission: warn or off" in str(refused.failure())
    admitting("warn")
    kube.create(POD, shop, pod_of("latest"), dry_run=True)
    admitting("deny")
    assert compared("deny").refused == [], "what holds already is not compared again"


def test_the_verdict_quotes_the_policy(
    kube: KubeSession, namespace: str, admitting: Callable[[str], None], module: Callable[..., ModuleRun]
) -> None:
    admitting("deny")
    eventually("the policy", lambda: denied(kube, namespace, pod_of("latest")))
    kube.create(DEPLOYMENT, namespace, WEB)
    run = module(
        "rollout_wait", {"workloads": [{"name": "web", "namespace": namespace}], "timeout": round(patience(60))}
    )
    assert run.failed
    (failure,) = run.result["failures"]
    assert failure["code"] == "admission_denied"
    assert f"ValidatingAdmissionPolicy '{namespace}-pods'" in failure["message"]
    assert "without requests and limits of CPU and memory: web" in failure["message"]
