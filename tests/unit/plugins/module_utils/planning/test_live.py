"""What counts as a write by somebody since a release was verified."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.planning.live import live_digest

Object = dict[str, Any]
IMAGE: Object = {
    "f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {".": {}, "f:image": {}, "f:name": {}}}}}
}
RESTART: Object = {"f:template": {"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}}}


def entry(manager: str, spec: Object, *, time: str = "2026-11-22T10:00:00Z", **more: str) -> Object:
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": {"f:spec": spec}, **more}


HELM = entry("helm", {"f:replicas": {}, **IMAGE}, time="2026-11-22T09:00:00Z", operation="Apply")
WITHOUT_REPLICAS = entry("helm", IMAGE, time="2026-11-22T09:00:00Z", operation="Apply")
SCALED: Object = {"f:replicas": {}}


def digest(*entries: Object, replicas: int = 1) -> str:
    return live_digest(
        {("Deployment", "api"): {"metadata": {"managedFields": list(entries)}, "spec": {"replicas": replicas}}}
    )


FRESH = digest(HELM)


@pytest.mark.parametrize(
    "entries",
    [
        [HELM, entry("kube-controller-manager", {}, subresource="status")],
        [WITHOUT_REPLICAS, entry("kube-controller-manager", SCALED, subresource="scale")],  # an autoscaler
        [HELM, entry("kubectl-rollout", RESTART)],
        [HELM, {**entry("holder", {}), "fieldsV1": {"f:metadata": {"f:finalizers": {".": {}, 'v:"x/y"': {}}}}}],
        [HELM, entry("todo.cloud", RESTART)],
        [HELM, entry("cert-manager-cainjector", IMAGE)],
        [HELM, entry("rollouts", {"f:note": {}}), entry("rollouts", {}, subresource="status")],  # its own controller
        [entry("kube-controller-manager", {}), HELM],
    ],
)
def test_what_controllers_write_and_restarts_are_no_write_by_somebody(entries: list[Object]) -> None:
    assert digest(*entries, replicas=4) == FRESH


@pytest.mark.parametrize(
    "entries",
    [
        [HELM, entry("kubectl-edit", {"f:paused": {}})],
        [WITHOUT_REPLICAS, entry("kubectl", SCALED, subresource="scale")],
        [entry("helm", {"f:replicas": {}}, time="2026-11-22T09:00:00Z", operation="Apply")],  # a field was removed
        [{**HELM, "time": "2026-11-22T09:00:01Z"}],  # by Helm's name
        [],
    ],
)
def test_what_somebody_writes_or_removes_counts(entries: list[Object]) -> None:
    assert digest(*entries) != FRESH


def test_each_manual_scale_counts_although_it_has_no_time() -> None:
    manual = [WITHOUT_REPLICAS, entry("kubectl", SCALED, time="", subresource="scale")]
    assert digest(*manual, replicas=2) != digest(*manual, replicas=3)


def test_an_object_that_is_gone_counts_and_nothing_has_no_digest() -> None:
    item: Object = {"metadata": {"managedFields": [copy.deepcopy(HELM)]}}
    both = live_digest({("ConfigMap", "a"): item, ("ConfigMap", "b"): item})
    assert len({both, live_digest({("ConfigMap", "a"): item}), live_digest({})}) == 3
    assert (len(both), live_digest({})) == (12, "")
