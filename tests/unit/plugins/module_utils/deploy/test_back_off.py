"""What ended before a run dooms nothing: it is tried again, or its next try is waited for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.deploy.back_off import BackOff
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import LockedRun
from ansible_collections.todo.cloud.plugins.module_utils.deploy.verification import Verification
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import always_allowed
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD, REPLICA_SET, Resource

from tests.support.fake_environment import Cluster, World

NOW = 1_000_000.0
OWNER = [{"kind": "ReplicaSet", "name": "api-1", "uid": "u", "controller": True}]


def at(seconds: float) -> str:
    return datetime.fromtimestamp(NOW + seconds, UTC).isoformat()


class Kept(Cluster):
    """Deletes without making anything again; ``denied``: not even that."""

    denied = False

    def delete(self, resource: Resource, namespace: str, name: str, **options: Any) -> bool:
        if self.denied:
            raise Forbidden("may not", 403)
        return super(Cluster, self).delete(resource, namespace, name, **options)


def world(made: float, started: float | None = None, *, ready: bool = False, owned: bool = True) -> World:
    """A pod that was made, and started last, so many seconds after now."""
    kube = Kept()
    state = {"lastState": {"terminated": {"startedAt": at(started)}}} if started is not None else {}
    meta = {"name": "api-1", "creationTimestamp": at(made), **({"ownerReferences": OWNER} if owned else {})}
    status = {"containerStatuses": [{"name": "app", **state}, {"name": "other"}],
              "conditions": [{"type": "Ready", "status": str(ready)}]}  # fmt: skip
    kube.put(POD, "ns", {"metadata": meta, "spec": {}, "status": status})
    return World(kube)


def failed(code: Code = Code.CRASH_LOOP, **details: Any) -> Verification:
    given = {"pod": "api-1", "container": "app", "workload": "api", **details}
    return Verification({"api": Failure(code, "api: no.", given)})


def verified(
    where: World, *answers: Verification, locked: bool = True, seconds: float = 5.0, settle: float = 0.0
) -> tuple[Verification, int]:
    """What came out, and how often it was looked at."""
    left, looks = list(answers), 0

    def verify() -> Verification:
        nonlocal looks
        looks += 1
        return left.pop(0) if len(left) > 1 else left[0]

    run = LockedRun(where.run(), always_allowed) if locked else where.run()
    found = BackOff(run, 0.01).verified(verify, NOW, Deadline.after(seconds), settle)
    return found, looks


def deleted(where: World) -> bool:
    return ("Pod", "ns", "api-1") not in where.kube.objects


def test_a_crash_from_before_is_tried_again_at_once() -> None:
    where = world(-300, -60)
    found, looks = verified(where, failed(), Verification())
    assert (found.ok, looks, deleted(where)) == (True, 2, True)
    assert any("back-off" in line and "replaced" in line for line in where.lines)


def test_a_crash_of_this_run_fails_at_once() -> None:
    for where in (world(-300, 2), world(1)):
        found, looks = verified(where, failed(), Verification())
        assert (found.ok, looks, deleted(where)) == (False, 1, False)


def test_times_are_whole_seconds() -> None:
    assert verified(world(-0.9), failed())[1] == 1


def test_a_pull_from_before_is_tried_again_by_another_pod() -> None:
    where = world(-300)
    assert verified(where, failed(Code.IMAGE_PULL), Verification())[0].ok
    assert deleted(where)
    assert not verified(world(1), failed(Code.IMAGE_PULL), Verification(), settle=20)[0].ok


def test_nothing_that_serves_and_nothing_that_is_not_made_again_is_deleted() -> None:
    for where in (world(-300, -60, ready=True), world(-300, -60, owned=False)):
        assert verified(where, failed(), Verification())[0].ok
        assert not deleted(where)
        assert any("its next start is waited for" in line for line in where.lines)


def test_without_the_lock_or_the_right_the_next_start_is_waited_for() -> None:
    unlocked, denied = world(-300, -60), world(-300, -60)
    assert isinstance(denied.kube, Kept)
    denied.kube.denied = True
    for where, locked in ((unlocked, False), (denied, True)):
        found, looks = verified(where, failed(), failed(), Verification(), locked=locked)
        assert (found.ok, looks, deleted(where)) == (True, 3, False)
        assert len([line for line in where.lines if "waited for" in line]) == 1


def test_the_deadline_ends_it() -> None:
    assert not verified(world(-300, -60, owned=False), failed(), seconds=0.05)[0].ok


def test_what_returned_a_moment_ago_may_still_refuse() -> None:
    where = world(3, 5)
    assert verified(where, failed(), Verification(), settle=20)[0].ok
    assert not deleted(where)
    where.kube.now = NOW + 21  # its back-off would take long by now
    assert verified(where, failed(), Verification(), settle=20)[0].ok
    assert deleted(where)


def test_what_runs_since_before_has_time_to_notice_a_return() -> None:
    """A sidecar that could not reach its broker for two minutes is not at fault a moment after it can."""
    where, unready = world(-120), failed(Code.SIDECAR_NOT_READY)
    found, looks = verified(where, unready, unready, Verification(), settle=20)
    assert (found.ok, looks, deleted(where)) == (True, 3, False)
    where.kube.now = NOW + 61  # it hangs
    assert verified(where, unready, Verification(), settle=20)[0].ok
    assert deleted(where)
    assert verified(world(-120), unready, Verification())[1] == 1, "nothing was down: it is judged as ever"
    assert verified(world(25), unready, Verification(), settle=20)[1] == 1


def test_one_failure_of_this_run_is_enough() -> None:
    both = Verification({**failed().failures, "web": Failure(Code.CONFIG_MISSING, "web: no.", {})})
    assert verified(world(-300, -60), both, Verification())[1] == 1


def creation(seen: Callable[[], list[dict[str, Any]]], **details: Any) -> Verification:
    return failed(Code.FAILED_CREATE, pod="", events=seen(), **details)


def test_a_controller_that_waits_to_create_a_pod_is_touched() -> None:
    where = world(-300)
    failure = [{"type": "ReplicaFailure", "status": "True"}]
    meta = {"name": "api-1", "ownerReferences": [{"kind": "Deployment", "name": "api", "uid": "d", "controller": True}]}
    where.kube.put(REPLICA_SET, "ns", {"metadata": meta, "status": {"conditions": failure}})
    before = creation(lambda: [{"reason": "FailedCreate", "last_seen": at(-60)}])
    assert verified(where, before, Verification())[0].ok
    assert ("patch", "ReplicaSet", "api-1") in where.kube.writes
    assert verified(where, creation(list), Verification())[0].ok, "none since the wait began"
    now = creation(lambda: [{"reason": "FailedCreate", "last_seen": at(1)}])
    assert verified(where, now, Verification())[1] == 1
    assert verified(where, creation(list, could_not_read=["may not list events"]), Verification())[1] == 1
