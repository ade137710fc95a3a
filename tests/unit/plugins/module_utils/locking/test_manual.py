"""The lock in a person's hands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.state import Lock
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import LEASE
from ansible_collections.todo.cloud.plugins.module_utils.locking.holder import Holder
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import (
    LOCK_NAME,
    PLATFORM_LOCK,
    PLATFORM_NAMESPACE,
    lease_body,
)
from ansible_collections.todo.cloud.plugins.module_utils.locking.lock import EnvironmentLock, lock_state
from ansible_collections.todo.cloud.plugins.module_utils.locking.manual import (
    MANUAL_TTL_SECONDS,
    LockState,
    LockView,
    ManualLock,
)

from tests.support.fake_kube import FakeKube


def run(**other: Any) -> Holder:
    """A run of somebody else, on another machine."""
    given = {"who": "ci", "host": "ci-7", "commit": "0123abc", "url": "https://ci/42", "machine": "another boot"}
    return replace(Holder.me("release_apply", grace=5), **{**given, **other})


def me() -> Holder:
    return Holder.me("deploy_lock")


def manual_lock(kube: FakeKube, holder: Holder | None = None, *, platform: bool = False) -> ManualLock:
    return ManualLock(kube, "ns", holder or me(), platform=platform)


def hold(kube: FakeKube, holder: Holder, ttl: int = 15, written_s_ago: float = 0) -> None:
    body = lease_body("ns", LOCK_NAME, holder, ttl, {}, {})
    written = datetime.fromtimestamp(kube.now - written_s_ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body["metadata"]["managedFields"] = [{"manager": "x", "time": written}]
    kube.put(LEASE, "ns", body)


def lock(kube: FakeKube, holder: Holder, **options: Any) -> EnvironmentLock:
    return EnvironmentLock(kube, "ns", holder, **options)


def test_looking_writes_nothing() -> None:
    kube = FakeKube()
    assert manual_lock(kube).ensure(LockState.QUERIED).after == LockView()
    hold(kube, run())
    seen = manual_lock(kube).ensure(LockState.QUERIED)
    assert (seen.changed, seen.after.held, seen.after.expired) == (False, True, False)
    holder = seen.after.as_result()["holder"]
    assert holder == {"who": "ci", "host": "ci-7", "what": "release_apply", "commit": "0123abc", "url": "https://ci/42",
                    "by_hand": False,
                    "description": "a deployment of ci on ci-7 (commit 0123abc) https://ci/42"}  # fmt: skip
    assert kube.writes == []


@pytest.mark.parametrize(("age", "expired"), [(15 + 5 - 1, False), (15 + 5 + 2, True)])
def test_expired_is_what_was_not_written_for_its_time_by_the_servers_clock(age: float, expired: bool) -> None:
    kube = FakeKube()
    hold(kube, run(), written_s_ago=age)
    assert manual_lock(kube).ensure(LockState.QUERIED).after.expired is expired


def test_a_takeover_is_recorded_holds_and_is_reported_by_the_next_run() -> None:
    kube = FakeKube()
    hold(kube, run())
    assert manual_lock(kube).ensure(LockState.TAKEN_OVER, check=True).changed is True
    assert kube.writes == []
    taken = manual_lock(kube).ensure(LockState.TAKEN_OVER)
    assert taken.changed
    assert taken.after.holder is not None
    assert taken.after.holder.manual
    assert "from a deployment of ci on ci-7" in taken.after.taken_over
    assert manual_lock(kube).ensure(LockState.TAKEN_OVER).changed is False, "it is mine already"
    with pytest.raises(TodoCloudError, match="was taken manually") as caught, lock(kube, run(who="bob")):
        pytest.fail("somebody else got the lock")
    assert caught.value.failure.code is Code.LOCK_HELD
    lines: list[str] = []
    with lock(kube, me(), progress=lines.append) as mine:
        assert "taken over manually: deploy_lock of" in mine.takeover
        assert lines == [mine.takeover]
    with lock(kube, me()) as next_one:
        assert next_one.takeover == "", "reported once"


def test_the_run_it_was_taken_from_stops() -> None:
    kube = FakeKube()
    with lock(kube, run()) as running:
        manual_lock(kube).ensure(LockState.TAKEN_OVER)
        running._renew()
        with pytest.raises(TodoCloudError, match="deploy_lock of") as caught:
            running.check()
    assert caught.value.failure.code is Code.LOCK_LOST


def test_a_living_runs_lock_is_not_released_a_dead_ones_is() -> None:
    kube = FakeKube()
    hold(kube, run())
    with pytest.raises(TodoCloudError, match=r"is alive\. If it must be stopped, take the lock over") as caught:
        manual_lock(kube).ensure(LockState.RELEASED)
    assert caught.value.failure.code is Code.LOCK_HELD
    hold(kube, run(), written_s_ago=60)
    assert manual_lock(kube).ensure(LockState.RELEASED).changed is True
    assert manual_lock(kube).ensure(LockState.RELEASED).changed is False


def test_what_was_released_manually_is_still_reported() -> None:
    kube = FakeKube()
    hold(kube, run())
    manual_lock(kube).ensure(LockState.TAKEN_OVER)
    assert manual_lock(kube).ensure(LockState.RELEASED).after.held is False
    with lock(kube, run(who="bob")) as after:
        assert "took it from a deployment of ci" in after.takeover


def test_a_forgotten_takeover_blocks_nobody_for_ever() -> None:
    kube = FakeKube()
    theirs = replace(run(who="ada"), manual=True, machine="", pid=0, grace=0.0)
    hold(kube, theirs, ttl=MANUAL_TTL_SECONDS, written_s_ago=MANUAL_TTL_SECONDS - 10)
    with pytest.raises(TodoCloudError), lock(kube, me()):
        pytest.fail("it is still good")
    hold(kube, theirs, ttl=MANUAL_TTL_SECONDS, written_s_ago=MANUAL_TTL_SECONDS + 10)
    with lock(kube, me()):
        pass


def test_a_release_that_is_pending_is_busy_for_others_and_not_for_the_one_who_took_the_lock() -> None:
    kube = FakeKube()
    manual_lock(kube).ensure(LockState.TAKEN_OVER)
    assert lock_state(kube, "ns", me())[0] is Lock.MINE
    assert lock_state(kube, "ns", run())[0] is Lock.OTHER_ALIVE


def test_the_platform_has_a_lock_of_its_own() -> None:
    kube = FakeKube()
    manual_lock(kube, platform=True).ensure(LockState.TAKEN_OVER)
    assert kube.get(LEASE, PLATFORM_NAMESPACE, PLATFORM_LOCK)["spec"]["holderIdentity"]
    with lock(kube, run()), pytest.raises(TodoCloudError, match=r"^The platform is locked: deploy_lock of"):
        lock(kube, run(), platform=True).__enter__()
