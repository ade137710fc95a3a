"""A version that never got ready does not block the rollback of its StatefulSet."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy import forced_rollback
from ansible_collections.todo.cloud.plugins.module_utils.deploy.forced_rollback import ForcedRollback
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import LockedRun
from ansible_collections.todo.cloud.plugins.module_utils.deploy.verification import Verification
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure, TodoCloudError, error
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import always_allowed
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD, PVC, STATEFUL_SET, Resource

from tests.support.fake_environment import Cluster, World, two_sets

BLOCKED = Verification({"db": Failure(Code.BLOCKED_BY_OLD_POD, "db: blocked.", {})})
NOTES = {"meta.helm.sh/release-name": "db", "meta.helm.sh/release-namespace": "ns"}
START = "2026-01-01T00:00:00Z"


class Kept(Cluster):
    """Deletes without making anything again; ``denied``: not even that."""

    denied = False

    def delete(self, resource: Resource, namespace: str, name: str, **options: Any) -> bool:
        if self.denied:
            raise Forbidden("You may not delete pods.", 403)
        return super(Cluster, self).delete(resource, namespace, name, **options)


def stateful_set(kube: Cluster, spec: dict[str, Any] | None = None, seen: int = 2, current: str = "db-good") -> None:
    """``db`` with the wanted revision ``db-good``."""
    kube.put(STATEFUL_SET, "ns", {
        "metadata": {"name": "db", "uid": "db", "generation": 2, "annotations": NOTES},
        "spec": {"replicas": 3, **(spec or {})},
        "status": {"observedGeneration": seen, "currentRevision": current, "updateRevision": "db-good"},
    })  # fmt: skip


def pod(
    kube: Cluster, number: int, revision: str = "db-bad", *, ready: bool = False, changed: str = START, **meta: Any
) -> None:  # fmt: skip
    kube.put(POD, "ns", {
        "metadata": {
            "name": f"db-{number}", "uid": f"db-{number}", "labels": {"controller-revision-hash": revision},
            "ownerReferences": [{"kind": "StatefulSet", "name": "db", "uid": "db", "controller": True}], **meta,
        },
        "spec": {"containers": [{"name": "app"}]},
        "status": {
            "phase": "Running", "startTime": START,
            "conditions": [{"type": "Ready", "status": str(ready), "lastTransitionTime": changed}],
            "containerStatuses": [{"name": "app", "state": {"running": {"startedAt": START}}}],
        },
    })  # fmt: skip


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forced_rollback, "_OBSERVED_SECONDS", 0.05)
    monkeypatch.setattr(forced_rollback, "_PAUSE_SECONDS", 0.01)


@pytest.fixture
def world() -> World:
    """Three pods, the last one of a version that never got ready."""
    made = World(Kept())
    stateful_set(made.kube)
    for number in (0, 1):
        pod(made.kube, number, "db-good", ready=True)
    pod(made.kube, 2)
    made.kube.put(PVC, "ns", {"metadata": {"name": "data-db-2"}})
    return made


def verified(where: World, *answers: Verification) -> Verification:
    left = list(answers) or [Verification()]
    run = LockedRun(where.run(), always_allowed)
    return ForcedRollback(run, ["db"]).verified(lambda: left.pop(0) if left[1:] else left[0], Deadline.after(5))


def deleted(where: World) -> list[str]:
    assert all(kind == "Pod" for verb, kind, _ in where.kube.writes if verb == "delete")
    return [name for verb, _, name in where.kube.writes if verb == "delete"]


def test_a_pod_that_never_was_ready_is_replaced_before_the_wait(world: World) -> None:
    assert verified(world).ok
    assert deleted(world) == ["db-2"]
    assert world.lines == ["pod db-2 was never ready in the version that is left, and blocks: it is replaced"]


def test_a_version_that_was_ready_for_a_moment_is_the_current_one_for_its_controller(world: World) -> None:
    stateful_set(world.kube, current="db-bad")
    assert verified(world).ok
    assert deleted(world) == ["db-2"]


@pytest.mark.parametrize("spec", [
    {"updateStrategy": {"type": "OnDelete"}},
    {"updateStrategy": {"rollingUpdate": {"partition": 1}}},
    {"podManagementPolicy": "Parallel"},
])  # fmt: skip
def test_where_people_or_the_controller_decide_nothing_is_touched(world: World, spec: dict[str, Any]) -> None:
    stateful_set(world.kube, spec)
    assert verified(world, BLOCKED) == BLOCKED
    assert deleted(world) == []


def test_the_controllers_defaults_are_in_order(world: World) -> None:
    stateful_set(world.kube, {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}})
    verified(world)
    assert deleted(world) == ["db-2"]


@pytest.mark.parametrize("change", [
    {"ready": True},  # it serves
    {"changed": "2026-01-01T00:10:00Z"},  # it served
    {"revision": "db-good"},  # it is what shall run
    {"revision": ""},
    {"deletionTimestamp": START},
    {"ownerReferences": [{"kind": "StatefulSet", "name": "db", "uid": "of-before", "controller": True}]},
])  # fmt: skip
def test_other_pods_are_left_alone(world: World, change: dict[str, Any]) -> None:
    pod(world.kube, 2, **change)
    assert verified(world, BLOCKED) == BLOCKED
    assert deleted(world) == []


def test_other_stateful_sets_are_left_alone(world: World) -> None:
    for notes in ({}, {**NOTES, "meta.helm.sh/release-name": "web"}, {**NOTES, "meta.helm.sh/release-namespace": "x"}):
        world.kube.objects["StatefulSet", "ns", "db"]["metadata"]["annotations"] = notes
        verified(world)
    assert deleted(world) == []


def test_one_at_a_time_in_the_order_of_the_controller(world: World) -> None:
    pod(world.kube, 1)
    verified(world)
    assert deleted(world) == ["db-1"]
    pod(world.kube, 1, "db-good")  # it is made again and starts
    verified(world, BLOCKED)
    assert deleted(world) == ["db-1"]
    pod(world.kube, 1, "db-good", ready=True)
    assert verified(world).ok
    assert deleted(world) == ["db-1", "db-2"]


def test_what_blocks_only_later_is_replaced_then(world: World) -> None:
    pod(world.kube, 2, ready=True)  # between a start and a crash
    left = [BLOCKED, Verification()]

    def verify() -> Verification:
        pod(world.kube, 2)
        return left.pop(0)

    run = LockedRun(world.run(), always_allowed)
    assert ForcedRollback(run, ["db"]).verified(verify, Deadline.after(5)).ok
    assert deleted(world) == ["db-2"]


def test_a_pod_that_comes_back_as_it_was_is_not_deleted_again(world: World) -> None:
    left = [BLOCKED, BLOCKED, Verification()]

    def verify() -> Verification:
        pod(world.kube, 2)
        return left.pop(0)

    run = LockedRun(world.run(), always_allowed)
    assert ForcedRollback(run, ["db"]).verified(verify, Deadline.after(5)) == BLOCKED
    assert deleted(world) == ["db-2"]


def test_until_its_controller_knows_the_template_nothing_is_said_about_its_pods(world: World) -> None:
    stateful_set(world.kube, seen=1)
    verified(world)
    assert deleted(world) == []


def test_without_the_right_its_failure_says_it(world: World) -> None:
    assert isinstance(world.kube, Kept)
    world.kube.denied = True
    assert verified(world, BLOCKED) == BLOCKED
    assert "pod db-2 is not replaced: You may not delete pods." in world.lines


def test_a_lost_lock_ends_it(world: World) -> None:
    def lost(sure: bool = True) -> None:
        raise error(Code.LOCK_LOST, "The lock is lost.")

    with pytest.raises(TodoCloudError, match="lock is lost"):
        ForcedRollback(LockedRun(world.run(), lost), ["db"]).verified(Verification, Deadline.after(5))
    assert deleted(world) == []


@pytest.mark.parametrize("remediation", [True, False])
def test_both_ways_back_do_it(remediation: bool) -> None:
    where = two_sets()
    where.kube.__class__ = Kept
    stateful_set(where.kube)
    where.kube.objects["StatefulSet", "ns", "db"]["metadata"]["annotations"]["meta.helm.sh/release-name"] = "api"
    pod(where.kube, 0)
    if remediation:
        where.fails({"api": {"image": "r/api:bad", "dapr": True}})
    else:
        where.rollback("1")
    assert "db-0" in deleted(where)
