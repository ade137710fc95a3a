"""Status of an environment, and its sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, POD
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.releases.status import set_info
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import Target
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import WaitOptions

from tests.support.custom_kinds import DATABASE, custom, operators
from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store
from tests.unit.plugins.module_utils.planning.test_plan import deployment
from tests.unit.plugins.module_utils.records.samples import MEMBER, RECORD


def test_status_of_an_environment() -> None:
    kube = FakeKube()
    uid = store(kube, revision=3, labels={"todo.cloud/environment": "staging"})
    store(kube, "loose", labels={"todo.cloud/environment": "staging"})
    RecordStore(kube, "ns", "staging").write(
        replace(RECORD, members={"api": replace(MEMBER, uid=uid), "lost": replace(MEMBER, name="lost")})
    )
    kube.put(DEPLOYMENT, "ns", {k: v for k, v in deployment().items() if k != "kind"})
    container = {"name": "app", "image": "r/api:1"}
    owner = [{"kind": "ReplicaSet", "uid": "rs", "controller": True}]
    kube.put(POD, "ns", {
        "metadata": {"name": "api-1", "labels": {"app": "api"}, "ownerReferences": owner},
        "spec": {"containers": [container]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                   "containerStatuses": [{"name": "app", "imageID": "r/api@sha256:1", "restartCount": 2}]},
    })  # fmt: skip
    info = set_info(kube, "ns", "staging", status=True)
    api, loose, lost = (info["status"][name] for name in ("api", "loose", "lost"))
    assert (api["verified"], api["replicas"], api["restarts"], api["sidecars"]) == (True, "1/1", 2, "-")
    assert (api["images"], api["digests"], api["state"]) == (["r/api:1"], {"app": "sha256:1"}, "Current")
    assert (loose["verified"], loose["by_hand"]) == (False, True)
    assert (lost["status"], lost["state"]) == ("absent", "NotFound")
    assert api.keys() == loose.keys() == lost.keys()
    assert info["current"] == 0, "a member is missing"
    assert info["lock"]["held"] is False


def test_rules_of_the_inventory_say_what_custom_resources_mean() -> None:
    kube = operators(FakeKube())
    uid = store(kube, revision=3, labels={"todo.cloud/environment": "staging"})
    target = Target(DATABASE.api_version, DATABASE.kind, "ns", "db", "api")
    records = RecordStore(kube, "ns", "staging")
    records.write(replace(RECORD, members={"api": replace(MEMBER, uid=uid, targets=(target,))}))
    kube.put(DATABASE, "ns", custom(DATABASE, "db", {"phase": "Failed"}))

    def state(rules: dict[str, Any]) -> Any:
        wait = WaitOptions.from_params({"readiness_rules": rules})
        return set_info(kube, "ns", "staging", status=True, wait=wait)["status"]["api"]["state"]

    assert state({}) == "Failed"
    assert state({"db.example.org/Database": {"ready": "status.phase == 'Failed'"}}) == "Current"


def test_sets_can_be_asked_for() -> None:
    kube = FakeKube()
    records = RecordStore(kube, "ns", "staging")
    for number in (1, 2):
        records.write(replace(RECORD, id=number))
    records.withdraw(2, "left")

    def sets(**options: Any) -> list[dict[str, Any]]:
        return list(set_info(kube, "ns", "staging", **options)["sets"])

    assert [each["id"] for each in sets()] == [2, 1]
    assert [each["id"] for each in sets(verified_only=True)] == [1]
    assert sets(at="1")[0]["releases"]["api"]["revision"] == 3
    with pytest.raises(TodoCloudError, match="no release set"):
        sets(at="9")
