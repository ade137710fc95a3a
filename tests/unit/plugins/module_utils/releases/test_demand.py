"""Requests of pods with their sidecars, an autoscaler's minimum, and the wave whose rollout needs most."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.releases.demand import demand

_SIDECAR = {
    "dapr.io/enabled": "true", "dapr.io/sidecar-cpu-request": "20m", "dapr.io/sidecar-memory-request": "64Mi",
}  # fmt: skip


def template(cpu: str = "100m", memory: str = "128Mi", **notes: str) -> dict[str, Any]:
    container = {"name": "app", "resources": {"requests": {"cpu": cpu, "memory": memory}}}
    return {"metadata": {"annotations": notes}, "spec": {"containers": [container]}}


def workload(kind: str, name: str, *, notes: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    pod = template(**(notes or {}))
    inner = {"jobTemplate": {"spec": {"template": pod}}} if kind == "CronJob" else {"template": pod}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {**inner, **spec}}


def lines(*waves: dict[str, list[dict[str, Any]]]) -> list[tuple[str, int, str, str]]:
    return [(each["name"], each["pods"], each["cpu"], each["memory"]) for each in demand(waves)]


def test_pods_and_their_sidecars() -> None:
    plain, dapr = workload("StatefulSet", "db", replicas=3), workload("StatefulSet", "api", notes=_SIDECAR)
    off = workload("StatefulSet", "off", notes={**_SIDECAR, "dapr.io/enabled": "false"})
    assert lines({"db": [plain], "api": [dapr], "off": [off]}) == [
        ("db", 3, "100m", "128Mi"),
        ("api", 1, "120m", "192Mi"),
        ("off", 1, "100m", "128Mi"),
    ]


def test_the_kinds_of_workloads() -> None:
    agent, night = workload("DaemonSet", "agent"), workload("CronJob", "night")
    other = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": []}}
    found = demand([{"x": [agent, night, workload("Job", "once"), other]}])
    assert [(each["name"], each["pods"], each["every_node"]) for each in found] == [
        ("x: agent", 1, True), ("x: night", 1, False), ("x: once", 1, False),
    ]  # fmt: skip


def test_an_autoscalers_minimum_counts() -> None:
    target = {"kind": "Deployment", "name": "web"}
    scaler = {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}}
    web = workload("Deployment", "web")
    for spec, pods in (({"minReplicas": 4, "maxReplicas": 9}, 4), ({"maxReplicas": 9}, 1)):
        assert lines({"web": [web, {**scaler, "spec": {"scaleTargetRef": target, **spec}}]})[0][:2] == ("web", pods)


def test_the_wave_whose_rollout_needs_most() -> None:
    one = {"a": [workload("Deployment", "a", replicas=2)]}
    two = {"b": [workload("Deployment", "b")], "c": [workload("Deployment", "c", strategy={"type": "Recreate"})],
           "d": [workload("Deployment", "d", replicas=8)]}  # fmt: skip
    added = [each[:2] for each in lines(one, two) if "rolled out" in each[0]]
    assert added == [("b, while it is rolled out", 1), ("d, while it is rolled out", 2)]
    assert not [each for each in lines({}) if "rolled out" in each[0]]
