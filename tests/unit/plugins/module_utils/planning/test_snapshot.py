"""What an environment is read as: few requests, version ids of watched objects, the newest record that is whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, SECRET, Resource
from ansible_collections.todo.cloud.plugins.module_utils.planning.snapshot import (
    Snapshot,
    image_digest,
    take,
    version_id,
)
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import Watch
from ansible_collections.todo.cloud.plugins.module_utils.readiness.fields import timestamp
from ansible_collections.todo.cloud.plugins.module_utils.readiness.rules import Rules
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import Target
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import WaitOptions

from tests.support.custom_kinds import DATABASE, KRUISE_SET, MONITOR, SETTING, custom, operators
from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store
from tests.unit.plugins.module_utils.planning.test_plan import deployment
from tests.unit.plugins.module_utils.records.samples import MEMBER, RECORD


def test_the_number_of_requests_does_not_grow_with_the_number_of_releases() -> None:
    def reads(count: int) -> int:
        kube = FakeKube()
        members = {}
        for n in range(count):
            uid = store(kube, f"r{n}")
            members[f"r{n}"] = replace(MEMBER, name=f"r{n}", revision=1, uid=uid)
        records = RecordStore(kube, "ns", "staging")
        records.write(replace(RECORD, members=members))
        kube.reads.clear()
        take(kube, RecordStore(kube, "ns", "staging"), "ns", "staging")
        return len(kube.reads)

    assert reads(1) == reads(30) == 5


def test_a_version_id_changes_with_every_write_and_with_the_object_and_reveals_nothing() -> None:
    first = version_id({"uid": "u", "resourceVersion": "1"})
    assert (
        len({first, version_id({"uid": "u", "resourceVersion": "2"}), version_id({"uid": "v", "resourceVersion": "1"})})
        == 3
    )
    assert first == version_id({"uid": "u", "resourceVersion": "1", "annotations": {"x": "y"}})


def test_watched_objects_get_version_ids_and_damaged_records_passed_over() -> None:
    kube = FakeKube()
    kube.put(SECRET, "ns", {"metadata": {"name": "database"}})
    records = RecordStore(kube, "ns", "staging")
    records.write(RECORD)
    records.write(replace(RECORD, id=2))
    kube.objects["ConfigMap", "ns", "release-set-2"]["data"]["digest"] = "0"
    watch = Watch("Secret", "database")
    found = take(kube, RecordStore(kube, "ns", "staging"), "ns", "staging")
    assert watch in found.version_ids
    assert found.newest is not None
    assert found.newest.id == 1
    assert "release-set-2 is damaged" in found.warnings[0]


@pytest.mark.parametrize(
    ("image_id", "digest"),
    [
        ("docker-pullable://ghcr.io/x/y@sha256:ab", "sha256:ab"),
        ("ghcr.io/x/y@sha256:ab", "sha256:ab"),
        ("docker://sha256:ab", ""),  # an ID of the node, not a digest of a registry
        ("sha256:ab", ""),
        ("", ""),
    ],
)
def test_image_ids_of_all_runtimes_become_the_same_digest(image_id: str, digest: str) -> None:
    assert image_digest(image_id) == digest


def looked(
    kube: FakeKube, *resources: Resource, wait: WaitOptions | None = None
) -> tuple[dict[str, str], list[tuple[str, str]], list[str]]:
    """States of the custom resources that a record names, what was listed for them, and warnings."""
    targets = tuple(Target(one.api_version, one.kind, "ns", "x", "api") for one in resources)
    records = RecordStore(kube, "ns", "staging")
    records.write(replace(RECORD, members={"api": replace(MEMBER, targets=targets)}))
    kube.reads.clear()
    found = take(kube, records, "ns", "staging", (), wait)
    lists = [each for each in kube.reads if each[0] not in ("Secret", "ConfigMap")]
    return {target.kind: status.state for target, status in found.custom.items()}, lists, list(found.warnings)


def test_recorded_custom_resources_are_judged_with_one_list_per_kind() -> None:
    kube = operators(FakeKube())
    kube.put(DATABASE, "ns", custom(DATABASE, "x", {"phase": "Failed"}))
    states, lists, _ = looked(kube, DATABASE, MONITOR, SETTING)
    assert states == {"Database": "Failed"}
    assert lists == [("Database", "*")]  # what says nothing is not asked for


@pytest.mark.parametrize(
    ("seconds", "graces", "state"),
    [(20.0, {}, "InProgress"), (20.0, {"no_status": 10.0}, "Current"), (31.0, {}, "Current")],
)
def test_what_was_verified_without_a_status_needs_nothing_as_long_as_nobody_writes_one(
    seconds: float, graces: dict[str, float], state: str
) -> None:
    kube = operators(FakeKube())
    kube.put(DATABASE, "ns", custom(DATABASE, "x"))
    kube.now = (timestamp("2026-01-01T00:00:00Z") or 0.0) + seconds
    assert looked(kube, DATABASE, wait=WaitOptions(graces=graces))[0] == {"Database": state}


def test_rules_of_the_inventory_count() -> None:
    kube = operators(FakeKube())
    kube.put(DATABASE, "ns", custom(DATABASE, "x", {"phase": "Failed"}))
    rules = Rules.from_option({"db.example.org/Database": {"ready": "status.phase == 'Failed'"}})
    assert looked(kube, DATABASE, wait=WaitOptions(rules=rules))[0] == {"Database": "Current"}


def test_another_groups_stateful_set_is_a_custom_resource() -> None:
    kube = operators(FakeKube())
    kube.put(KRUISE_SET, "ns", custom(KRUISE_SET, "x", {"replicas": 1, "readyReplicas": 1}, spec={"replicas": 1}))
    states, lists, _ = looked(kube, KRUISE_SET)
    assert states == {"StatefulSet": "Current"}
    assert lists == [("StatefulSet", "*")]


def test_a_custom_resource_that_is_gone_with_its_kind_is_not_found() -> None:
    kube = operators(FakeKube())
    del kube.kinds[DATABASE.api_version, DATABASE.kind]
    assert looked(kube, DATABASE)[0] == {"Database": "NotFound"}


def test_custom_resources_that_may_not_be_read_are_said_and_not_current() -> None:
    class Denied(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            if resource == DATABASE:
                raise Forbidden("may not list databases", 403)

    states, _, warnings = looked(operators(Denied()), DATABASE)
    assert states == {"Database": "NotFound"}
    assert warnings == ["Database is not judged: may not list databases"]


def test_workloads_of_other_namespaces_are_judged_there() -> None:
    def taken(kube: FakeKube) -> Snapshot:
        records = RecordStore(kube, "ns", "staging")
        records.write(replace(RECORD, members={"api": replace(MEMBER, targets=(here, there))}))
        return take(kube, records, "ns", "staging")

    here, there = (Target("apps/v1", "Deployment", namespace, "api", "api") for namespace in ("ns", "shared"))
    kube = FakeKube()
    kube.put(DEPLOYMENT, "ns", deployment())
    missing = taken(kube)
    assert (missing.status(here).state, missing.status(there).state) == ("Current", "NotFound")
    assert "in namespace shared" in missing.status(there).message
    kube = FakeKube()
    kube.put(DEPLOYMENT, "shared", deployment())
    moved = taken(kube)
    assert (moved.status(here).state, moved.status(there).state) == ("NotFound", "Current")


def test_workloads_of_a_namespace_that_may_not_be_read_are_said_and_not_current() -> None:
    class Denied(FakeKube):
        def list_(self, resource: Resource, namespace: str = "", **options: Any) -> tuple[list[dict[str, Any]], str]:
            if namespace == "shared":
                raise Forbidden("may not list pods", 403)
            return super().list_(resource, namespace, **options)

    kube, target = Denied(), Target("apps/v1", "Deployment", "shared", "api", "api")
    records = RecordStore(kube, "ns", "staging")
    records.write(replace(RECORD, members={"api": replace(MEMBER, targets=(target,))}))
    found = take(kube, records, "ns", "staging")
    assert found.status(target).state == "NotFound"
    assert found.warnings == ["Workloads of namespace shared are not judged: may not list pods"]
