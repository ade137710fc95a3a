"""Status of an environment, and its sets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.filter.environment_table import environment_table
from ansible_collections.todo.cloud.plugins.module_utils.environments.links import NETWORK_POLICY
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    POD,
    WELL_KNOWN,
    Resource,
)
from ansible_collections.todo.cloud.plugins.module_utils.planning.snapshot import take
from ansible_collections.todo.cloud.plugins.module_utils.records.packing import pack
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.releases.status import set_info
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import Target
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import WaitOptions

from tests.support import states
from tests.support.custom_kinds import DATABASE, custom, operators
from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store
from tests.unit.plugins.module_utils.environments.test_table import policy, workload
from tests.unit.plugins.module_utils.planning.test_plan import deployment
from tests.unit.plugins.module_utils.records.samples import MEMBER, RECORD

AUTOSCALER = WELL_KNOWN["autoscaling/v2", "HorizontalPodAutoscaler"]


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


def test_what_keeps_a_service_from_being_well_is_said() -> None:
    """One pod serves; the other finds no node. The autoscaler gets no metrics."""
    kube = FakeKube()
    uid = store(kube, revision=3, labels={"todo.cloud/environment": "staging"})
    target = Target("apps/v1", "Deployment", "ns", "api", "api")
    records = RecordStore(kube, "ns", "staging")
    records.write(replace(RECORD, members={"api": replace(MEMBER, uid=uid, targets=(target,))}))
    item = {k: v for k, v in deployment().items() if k != "kind"}
    kube.put(DEPLOYMENT, "ns", {**item, "spec": {**item["spec"], "replicas": 2}})
    owner = [{"kind": "ReplicaSet", "uid": "rs", "controller": True}]
    starting = {"phase": "Running", "containerStatuses": [{"name": "app", "state": {"running": {}}}]}
    refused = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available",
    }
    for number, status in enumerate([starting, {"phase": "Pending", "conditions": [refused]}], 1):
        kube.put(POD, "ns", {
            "metadata": {"name": f"api-{number}", "labels": {"app": "api"}, "ownerReferences": owner},
            "spec": {"containers": [{"name": "app", "readinessProbe": {}}]}, "status": status,
        })  # fmt: skip
    kube.put(AUTOSCALER, "ns", states.objects("autoscaler-no-metrics")[0])
    well = states.objects("autoscaler-active")[0]
    kube.put(AUTOSCALER, "ns", {**well, "metadata": {"name": "well"}})
    busy = states.objects("autoscaler-at-maximum")[0]
    kube.put(AUTOSCALER, "ns", {**busy, "metadata": {"name": "busy"}})
    info = set_info(kube, "ns", "staging", status=True)
    why = "1/2 updated: pod api-2 cannot be scheduled: 0/1 nodes are available"
    assert (info["status"]["api"]["state"], info["status"]["api"]["message"]) == ("InProgress", why)
    most, note = info["notes"]
    assert most == "HorizontalPodAutoscaler busy: it is at its maximum of 5 pods, and the load asks for more"
    assert info["autoscalers"][0] == {"name": "busy", "now": 5, "min": 2, "max": 5}
    assert "autoscaler well: 3 pods now, 2 to 5" in environment_table(info)
    assert note.startswith(
        "HorizontalPodAutoscaler hpa-no-metrics: it gets no metrics, so it does not scale: FailedGetRes"
    )
    assert [f"api: {why}", most, note] == environment_table(info)[-3:]


def test_connections_that_policies_cut_are_named_with_the_policy() -> None:
    kube, deny = FakeKube(), policy("all", selector={})
    out = policy("web", egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}], "ports": [{"port": 5432}]}])
    store(kube, "web", manifest="\n---\n".join(map(json.dumps, (workload("web"), deny, out))))
    kube.put(NETWORK_POLICY, "ns", deny)
    info = set_info(kube, "ns", "staging", status=True)
    cut = "cut by policy: web -> 10.0.0.5/32 : 5432 (NetworkPolicy policy-web does not exist any more)"
    assert (info["notes"], info["unread"]) == ([cut], [])
    assert environment_table(info)[-1] == cut
    kube.put(NETWORK_POLICY, "ns", out)
    assert set_info(kube, "ns", "staging", status=True)["notes"] == []


class Blind(FakeKube):
    """Credentials that read everything but network policies."""

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if resource is NETWORK_POLICY and verb != "put":
            raise Forbidden("no", 403)


def test_without_the_right_to_read_policies_that_is_said() -> None:
    info = set_info(Blind(), "ns", "staging", status=True)
    assert info["unread"] == ["network policies may not be read, so cut connections are not known"]


class Oncall(FakeKube):
    """Credentials that read everything but Secrets."""

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if resource.kind == "Secret" and verb != "put":
            raise Forbidden('The credentials may not list secrets in namespace "ns".', 403)


def test_without_the_right_to_read_secrets() -> None:
    kube = Oncall()
    target = Target("apps/v1", "Deployment", "ns", "api", "api")
    kube.put(CONFIG_MAP, "ns", pack(replace(RECORD, members={"api": replace(MEMBER, targets=(target,))})))
    kube.put(DEPLOYMENT, "ns", {k: v for k, v in deployment().items() if k != "kind"})
    info = set_info(kube, "ns", "staging", status=True)
    assert "Secrets may not be read" in info["unread"][0]
    api = info["status"]["api"]
    assert (api["status"], api["verified"], api["revision"]) == ("unknown", False, 0)
    assert api["replicas"] == "0/1", "of what runs"
    first, second, *_rest = lines = environment_table(info)
    assert first == f"newest verified set: {RECORD.id}"
    assert second.startswith("not checked: Secrets may not be read")
    assert next(line for line in lines if line.startswith("api ")).split()[6] == "?"
    with pytest.raises(TodoCloudError, match="in which Helm keeps its releases: nothing can be planned or deployed"):
        take(kube, RecordStore(kube, "ns", "staging"), "ns", "staging")


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
    annotations = {"todo.cloud/commit": RECORD.commit}
    metadata = {"name": "release-set-8", "labels": {"todo.cloud/release-set": "staging"}, "annotations": annotations}
    kube.put(CONFIG_MAP, "ns", {"metadata": metadata, "data": {"set.json": "junk"}})
    assert [each["id"] for each in sets(at=RECORD.commit)] == [2]  # the newest sound one of this commit
    for absent in ("9", "feedfeed"):
        with pytest.raises(TodoCloudError, match="no release set"):
            sets(at=absent)
