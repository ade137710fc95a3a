"""Room for pods: requests as the scheduler adds them up, against what nodes have left."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.preflight.capacity import (
    Wanted,
    maxima,
    more_pods,
    quantity,
    requests_of,
    shortages,
)

Object = dict[str, Any]


def node(name: str = "n", cpu: str = "2", memory: str = "4Gi", **spec: Any) -> Object:
    return {"metadata": {"name": name, "labels": {"disk": "ssd"}}, "spec": spec,
            "status": {"allocatable": {"cpu": cpu, "memory": memory}}}  # fmt: skip


def pod(cpu: str = "1", memory: str = "1Gi", **spec: Any) -> Object:
    return {"spec": {"containers": [{"resources": {"requests": {"cpu": cpu, "memory": memory}}}], **spec}}


def lacking(wanted: Wanted, nodes: list[Object], *pods: Object) -> bool:
    return bool(shortages([wanted], nodes, pods))


@pytest.mark.parametrize(
    ("text", "number"),
    [("100m", 0.1), ("2", 2), ("1.5", 1.5), ("1Ki", 1024), ("1Gi", 1024**3), ("1G", 1e9), ("1e3", 1000), ("5E", 5e18),
     ("", 0), ("lots", 0), (None, 0), ("1.2.3", 0), (0.5, 0.5)],
)  # fmt: skip
def test_quantities(text: object, number: float) -> None:
    assert quantity(text) == pytest.approx(number)


def test_requests_are_those_of_containers_and_sidecars_or_of_the_largest_init_container() -> None:
    one = {"resources": {"requests": {"cpu": "1"}}}
    limited = {"resources": {"limits": {"cpu": "500m"}}}
    spec = {"containers": [one, limited], "initContainers": [{**one, "restartPolicy": "Always"}, one]}
    assert requests_of(spec)["cpu"] == pytest.approx(2.5)
    assert requests_of({"containers": [limited], "initContainers": [one]})["cpu"] == pytest.approx(1)
    assert requests_of({**spec, "overhead": {"cpu": "100m"}})["cpu"] == pytest.approx(2.6)
    assert requests_of({"containers": None})["memory"] == 0


def test_room_is_what_running_pods_leave() -> None:
    wanted = Wanted("api", "Deployment api", pod(), count=1)
    running = {**pod("1500m"), "metadata": {}, "status": {"phase": "Running"}}
    running["spec"]["nodeName"] = "n"
    assert not lacking(wanted, [node()])
    assert lacking(wanted, [node()], running)
    assert not lacking(wanted, [node()], {**running, "status": {"phase": "Succeeded"}})
    assert not lacking(wanted, [node(), node("other")], running)
    assert lacking(Wanted("api", "Deployment api", pod(), count=3), [node()])


def workload(kind: str = "Deployment", replicas: int = 4, **strategy: Any) -> Object:
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "api"},
            "spec": {"replicas": replicas, "strategy": strategy}}  # fmt: skip


@pytest.mark.parametrize(
    ("strategy", "surge"),
    [
        ({}, 1),
        ({"rollingUpdate": {"maxSurge": "30%"}}, 2),
        ({"rollingUpdate": {"maxSurge": 3}}, 3),
        ({"rollingUpdate": {"maxSurge": 0}}, 0),
        ({"rollingUpdate": {"maxSurge": "some"}}, 1),
        ({"type": "Recreate"}, 0),
    ],
)
def test_a_rollout_adds_its_surge(strategy: Object, surge: int) -> None:
    assert more_pods(workload(**strategy), workload()) == (surge, surge)


def test_pods_that_an_autoscaler_may_add() -> None:
    scaler = {"kind": "HorizontalPodAutoscaler", "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "api"},
              "maxReplicas": 10}}  # fmt: skip
    scaled = {"kind": "ScaledObject", "spec": {"scaleTargetRef": {"name": "web"}, "maxReplicaCount": 3}}
    assert maxima([scaler, scaled, workload()]) == {("Deployment", "api"): 10, ("Deployment", "web"): 3}
    assert more_pods(workload(), None) == (4, 4)
    assert more_pods(workload(), None, 10) == (4, 10)
    assert more_pods(workload(), workload(replicas=6), 10) == (2, 4)
    assert more_pods(workload("StatefulSet"), workload("StatefulSet"), 5) == (0, 1)


def test_no_room_for_an_autoscalers_maximum() -> None:
    wanted = Wanted("api", "Deployment api", pod(), count=1, most=4)
    (problem,) = shortages([wanted], [node(cpu="3")], [])
    assert "no room for 1 of 3 more, which its autoscaler may ask for" in problem.message
    assert not problem.certain
    assert not lacking(wanted, [node(cpu="4", memory="8Gi")])


def test_more_than_any_node_has() -> None:
    (problem,) = shortages([Wanted("api", "Deployment api", pod("64"))], [node()], [])
    assert not problem.certain
    assert "64000m CPU" in problem.message


def test_nodes_count_where_the_pod_may_run() -> None:
    taint = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
    wanted = Wanted("api", "Deployment api", pod())
    assert lacking(wanted, [node(taints=[taint])])
    for toleration in ({"operator": "Exists"}, {"key": "gpu", "value": "yes"}, {"key": "gpu", "operator": "Exists"}):
        assert not lacking(Wanted("api", "Deployment api", pod(tolerations=[toleration])), [node(taints=[taint])])
    assert lacking(Wanted("api", "Deployment api", pod(tolerations=[{"key": "cpu"}])), [node(taints=[taint])])
    assert not lacking(Wanted("api", "Deployment api", pod(nodeSelector={"disk": "ssd"})), [node()])
    assert lacking(Wanted("api", "Deployment api", pod(nodeSelector={"disk": "hdd"})), [node()])


def test_without_nodes_to_look_at_nothing_is_said() -> None:
    assert not lacking(Wanted("api", "Deployment api", pod()), [])
    assert not lacking(Wanted("api", "Deployment api", pod()), [node(unschedulable=True)])
