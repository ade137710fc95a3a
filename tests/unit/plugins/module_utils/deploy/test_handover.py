"""Who owns which fields after the handover. tests/integration/releases/test_drift.py asks a real API server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.handover import (
    MANAGER,
    hand_over,
    handed_over,
    take_over,
)
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Conflict
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, Resource

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store

Object = dict[str, Any]
ITEM = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"}}


def entry(manager: str, spec: Object, operation: str = "Update", **more: str) -> Object:
    return {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsV1": {"f:spec": spec}, **more}


HELM = entry("helm", {"f:template": {"f:spec": {}}}, "Apply")
STATUS = entry("kube-controller-manager", {}, subresource="status")
EDITED = entry("kubectl-edit", {"f:template": {"f:labels": {}}, "f:paused": {}})
SCALED = entry("kubectl", {"f:replicas": {}}, subresource="scale")


def live(*entries: Object) -> Object:
    return {**ITEM, "metadata": {"name": "api", "managedFields": list(entries)}}


def test_helm_gets_the_fields_of_people_and_controllers_keep_theirs() -> None:
    found = handed_over(live(EDITED, HELM, STATUS, SCALED), [])
    fields: Object = {"f:template": {"f:spec": {}, "f:labels": {}}, "f:paused": {}, "f:replicas": {}}
    assert found == [entry("helm", fields, "Apply"), STATUS]


def test_what_is_to_stay_belongs_to_nobody() -> None:
    assert handed_over(live(HELM, SCALED), [("f:spec", "f:replicas")]) == [HELM]


def test_fields_of_another_version_belong_to_nobody() -> None:
    assert handed_over(live(HELM, {**EDITED, "apiVersion": "apps/v2"}), []) == [HELM]


def test_finalizers_stay_and_are_not_helms_to_remove() -> None:
    kube = FakeKube()
    held: Object = {"f:metadata": {"f:finalizers": {".": {}, 'v:"x/y"': {}}, "f:labels": {"f:a": {}}}}
    kube.put(DEPLOYMENT, "ns", live(HELM, {**EDITED, "fieldsV1": held}))
    hand_over(kube, "ns", ITEM, scaled=False)
    (helm,) = kube.get(DEPLOYMENT, "ns", "api")["metadata"]["managedFields"]
    assert helm["fieldsV1"] == {**HELM["fieldsV1"], "f:metadata": {"f:labels": {"f:a": {}}}}


def test_nothing_is_written_where_nobody_else_wrote() -> None:
    kube = FakeKube()
    kube.put(DEPLOYMENT, "ns", live(HELM, STATUS))
    hand_over(kube, "ns", ITEM, scaled=False)
    assert kube.writes == []


def test_an_object_that_is_gone_is_left_to_helm() -> None:
    kube = FakeKube()
    hand_over(kube, "ns", ITEM, scaled=False)
    assert kube.writes == []


def test_without_server_side_apply_the_object_is_applied_in_the_place_of_others() -> None:
    kube = FakeKube()
    kube.put(DEPLOYMENT, "ns", live(entry("Helm", {}), entry("helm", {}), EDITED))
    hand_over(kube, "ns", {**ITEM, "spec": {"replicas": 1}}, scaled=False)
    found = kube.get(DEPLOYMENT, "ns", "api")
    assert found["spec"] == {"replicas": 1}
    assert MANAGER not in str(found)


def test_a_write_in_between_is_tried_again_a_few_times() -> None:
    class Busy(FakeKube):
        conflicts = 1

        def before(self, verb: str, resource: Resource, name: str) -> None:
            if verb == "patch" and self.conflicts:
                self.conflicts -= 1
                raise Conflict("Somebody else wrote first.", 409)

    kube = Busy()
    kube.put(DEPLOYMENT, "ns", live(HELM, EDITED))
    hand_over(kube, "ns", ITEM, scaled=False)
    assert len(kube.get(DEPLOYMENT, "ns", "api")["metadata"]["managedFields"]) == 1
    kube.put(DEPLOYMENT, "ns", live(HELM, EDITED))
    kube.conflicts = 9
    with pytest.raises(Conflict):
        hand_over(kube, "ns", ITEM, scaled=False)


def test_all_objects_of_a_release_are_taken_over() -> None:
    kube = FakeKube()
    store(kube, "api", 1, "superseded", manifest=json.dumps(ITEM))
    store(kube, "api", 2, "failed", manifest=json.dumps(ITEM))  # a rollback that failed leaves nothing deployed
    kube.put(DEPLOYMENT, "ns", live(HELM, EDITED))
    storage = HelmReader(kube, "ns")
    take_over(kube, storage, storage.history("api"))
    assert [each["manager"] for each in kube.get(DEPLOYMENT, "ns", "api")["metadata"]["managedFields"]] == ["helm"]
    take_over(kube, storage, [])
