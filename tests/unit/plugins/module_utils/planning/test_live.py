"""What counts as a write by somebody since a release was verified."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.planning.live import (
    DRIFTED,
    Listing,
    by_release,
    digests_of,
    is_written,
    listings_of,
)

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
DEPLOYMENTS, SERVICES = Listing("apps/v1", "Deployment"), Listing("v1", "Service")


def digest(*entries: Object, replicas: int = 1) -> str:
    item = {"metadata": {"managedFields": list(entries)}, "spec": {"replicas": replicas}}
    return digests_of({DEPLOYMENTS: {"api": {"api": item}}}, "api", [DEPLOYMENTS])["apps/v1 Deployment"]


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


def test_an_object_that_is_gone_or_new_counts() -> None:
    item: Object = {"metadata": {"managedFields": [copy.deepcopy(HELM)]}}
    listed = {SERVICES: {"api": {"a": item, "b": item}}, DEPLOYMENTS: {"api": {"a": item}}}
    remembered = digests_of(listed, "api", [SERVICES, DEPLOYMENTS])
    assert [(key, len(found)) for key, found in remembered.items()] == [("v1 Service", 12), ("apps/v1 Deployment", 12)]
    assert not is_written(remembered, listed, "api")
    assert is_written(remembered, {**listed, SERVICES: {"api": {"a": item}}}, "api")
    assert is_written(remembered, {**listed, SERVICES: {}}, "api")
    assert is_written(remembered, {**listed, DEPLOYMENTS: listed[SERVICES]}, "api")


def test_what_could_not_be_listed_says_nothing_and_drifted_stays_so() -> None:
    remembered = digests_of({SERVICES: {}}, "api", [SERVICES])
    assert not is_written(remembered, {}, "api")
    assert not is_written({}, {SERVICES: {}}, "api")
    assert digests_of({}, "api", [SERVICES]) == {}
    assert is_written({DRIFTED: ""}, {}, "api")
    assert not is_written({"no listing at all": "x", "": "x"}, {}, "api")


def test_the_kinds_of_a_release_each_once_and_where_its_objects_are() -> None:
    manifest = """
    {apiVersion: v1, kind: Service, metadata: {name: a}}
    ---
    {apiVersion: v1, kind: Service, metadata: {name: b, namespace: ns}}
    ---
    {apiVersion: v1, kind: Service, metadata: {name: c, namespace: other}}
    ---
    {apiVersion: batch/v1, kind: Job, metadata: {name: d}, spec: {ttlSecondsAfterFinished: 5}}
    ---
    {kind: Odd}
    """
    found = listings_of(manifest.replace("\n    ", "\n"), "ns")
    assert found == [SERVICES, Listing("v1", "Service", "other")]
    assert Listing.of(each.text for each in found) == found


def test_objects_belong_to_the_release_that_helm_names_of_this_namespace() -> None:
    def item(called: str, **notes: str) -> Object:
        return {"metadata": {"name": called, "annotations": {f"meta.helm.sh/release-{k}": v for k, v in notes.items()}}}

    items = [item("a", name="api", namespace="ns"), item("b", name="api", namespace="other"), item("c")]
    assert by_release([*items, {"metadata": {"name": "d"}}], "ns") == {"api": {"a": items[0]}}
