"""The spec and status of a custom resource, where a chart's own type may have anything, as a wait looks at it."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.readiness.graces import WAITS
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judge
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import tree_of

from tests.fuzz.frame import Target
from tests.support.states import LATER, at

COUNTS = {
    "apiVersion": "example.org/v1", "kind": "Cluster",
    "spec": {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
    "status": {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 3, "active": 1, "failed": 0, "succeeded": 0,
               "observedGeneration": 2, "updateRevision": "x-5", "phase": "Running"},
}  # fmt: skip
CONDITIONS = {
    "apiVersion": "example.org/v1", "kind": "Route",
    "spec": {"parentRefs": [{"name": "gateway"}]},
    "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "NotYet", "message": "soon"}],
               "parents": [{"parentRef": {"name": "gateway"}, "controllerName": "x",
                            "conditions": [{"type": "Accepted", "status": "True", "observedGeneration": 1}]}]},
}  # fmt: skip
KNOWN = [
    {"apiVersion": f"{group}/v1", "kind": kind, "spec": {}, "status": CONDITIONS["status"]}
    for group, kind in (("cert-manager.io", "Certificate"), ("argoproj.io", "Rollout"), ("kafka.strimzi.io", "Kafka"))
]
POD = {
    "kind": "Pod",
    "metadata": {"name": "x-0", "uid": "p", "ownerReferences": [{"uid": "u", "controller": True}]},
    "spec": {"containers": [{"name": "app"}]},
    "status": {"phase": "Running", "containerStatuses": [{"name": "app", "state": {"running": {}}}]},
}


def attempt(item: Any) -> None:
    """Looked at twice, with a pod of its own; its identity is the API server's."""
    if not isinstance(item, dict):
        return
    made = {"name": "x", "uid": "u", "generation": 2, "creationTimestamp": "2026-11-21T10:00:00Z"}
    known = {key: item.get(key) for key in ("spec", "status")}
    kind = {key: str(item.get(key)) for key in ("apiVersion", "kind")}
    tree, judge = tree_of({**known, **kind, "metadata": made}, [POD]), Judge({WAITS: 5.0}, 3.0)
    for seconds in (0, 60):
        found = judge.look(tree, at(seconds, LATER))
        assert isinstance(found.status.message, str)


TARGET = Target("custom_status", (COUNTS, CONDITIONS, *KNOWN), attempt)
