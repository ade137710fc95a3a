"""One writer per namespace, whoever lives or dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.state import Lock
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Unreachable
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import LEASE
from ansible_collections.todo.cloud.plugins.module_utils.locking import lock as lock_module
from ansible_collections.todo.cloud.plugins.module_utils.locking.holder import Holder, end_stuck
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME, holder_of
from ansible_collections.todo.cloud.plugins.module_utils.locking.lock import EnvironmentLock, free_abandoned, lock_state
from ansible_collections.todo.cloud.plugins.module_utils.processes import CONTROLLER, started

from tests.support.fake_api import eventually
from tests.support.fake_kube import FakeKube


class Clock:
    """A monotonic clock that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lock_module, "time", clock)
    monkeypatch.setattr(lock_module, "lasting", clock.monotonic)
    return clock


def me() -> Holder:
    return Holder.me("release_apply", "0123abc", grace=5)


def elsewhere() -> Holder:
    return replace(me(), machine="another boot", who="ada", host="ci-7", url="https://ci/42")


def lock(kube: FakeKube, holder: Holder | None = None, **options: Any) -> EnvironmentLock:
    return EnvironmentLock(kube, "ns", holder or me(), **options)


def lease(kube: FakeKube) -> dict[str, Any]:
    return kube.get(LEASE, "ns", LOCK_NAME)


def hold(kube: FakeKube, holder: Holder, **options: Any) -> None:
    """A Lease as that holder would have left it when it died."""
    kube.put(LEASE, "ns", lock(kube, holder, **options)._body({}))


def test_it_is_held_while_the_context_is_open_and_free_afterwards() -> None:
    kube = FakeKube()
    with lock(kube) as held:
        held.check()
        assert lock_state(kube, "ns")[0] is Lock.OTHER_ALIVE
        assert lease(kube)["spec"]["holderIdentity"]
    assert not lease(kube)["spec"]["holderIdentity"]
    assert lock_state(kube, "ns")[0] is Lock.NONE
    with lock(kube):
        assert lease(kube)["spec"]["leaseTransitions"] == 1


def test_a_lock_that_was_given_back_lets_nothing_be_written() -> None:
    kube = FakeKube()
    with lock(kube) as held:
        held.check()
    with pytest.raises(TodoCloudError) as caught:
        held.check()
    assert caught.value.failure.code is Code.LOCK_LOST


def test_it_is_freed_after_a_failure_too() -> None:
    kube = FakeKube()
    with pytest.raises(RuntimeError), lock(kube):
        raise RuntimeError("the run failed")
    assert not lease(kube)["spec"]["holderIdentity"]


def test_a_second_run_is_refused_and_names_the_holder() -> None:
    kube = FakeKube()
    hold(kube, elsewhere())
    with pytest.raises(TodoCloudError) as caught, lock(kube):
        pytest.fail("the lock was taken")
    failure = caught.value.failure
    assert failure.code is Code.LOCK_HELD
    for word in ("ada", "ci-7", "0123abc", "https://ci/42", "a deployment", "-e release_lock_wait=60"):
        assert word in failure.message
    assert failure.details["holder"]["who"] == "ada"


def test_a_second_run_waits_as_requested(clock: Clock) -> None:
    kube = FakeKube()
    first = lock(kube, elsewhere())
    first.__enter__()
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        first.__exit__(None, None, None)

    with lock(kube, wait=30, progress=hear):
        assert "waiting for the lock" in lines[0]


def test_a_process_of_this_machine_that_is_gone_holds_nothing() -> None:
    kube = FakeKube()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    hold(kube, replace(me(), identity="x", pid=gone.pid, started="1"))
    with lock(kube):
        pass


def test_a_run_without_work_frees_what_a_dead_run_of_this_machine_left_and_nothing_else() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = replace(me(), identity="dead", pid=gone.pid, started="1")
    for holder in (dead, replace(me(), identity="alive"), elsewhere()):
        kube = FakeKube()
        hold(kube, holder)
        free_abandoned(kube, "ns")
        assert lease(kube)["spec"]["holderIdentity"] == (None if holder is dead else holder.identity)
    kube = FakeKube()
    free_abandoned(kube, "ns")
    assert kube.find(LEASE, "ns", LOCK_NAME) is None


def test_a_process_of_this_machine_that_lives_holds_it_even_if_it_is_late(clock: Clock) -> None:
    kube = FakeKube()
    hold(kube, replace(me(), identity="another run of this very process"))
    with pytest.raises(TodoCloudError), lock(kube):
        pytest.fail("the lock was taken")


def test_a_dead_holder_elsewhere_is_taken_over_only_when_its_lease_did_not_change_for_ttl_and_helms_time(
    clock: Clock,
) -> None:
    kube = FakeKube()
    hold(kube, elsewhere())
    waiting = lock(kube)
    found = lease(kube)
    assert not waiting._free(found, unchanged_for=15 + 5)
    assert waiting._free(found, unchanged_for=15 + 5 + 0.1)


def test_only_a_changed_lease_counts_not_its_timestamps(clock: Clock) -> None:
    """A holder whose clock is years off is as alive as any other."""
    kube = FakeKube()
    hold(kube, elsewhere())
    kube.objects["Lease", "ns", LOCK_NAME]["spec"]["renewTime"] = "1999-01-01T00:00:00.000000Z"
    with pytest.raises(TodoCloudError), lock(kube):
        pytest.fail("the lock was taken")


def test_losing_the_lock_stops_before_the_next_write(clock: Clock) -> None:
    kube = FakeKube()
    with lock(kube) as held:
        hold(kube, elsewhere())
        clock.now += 10  # the heartbeat is late
        with pytest.raises(TodoCloudError, match="nothing more is written") as caught:
            held.check()
        assert caught.value.failure.code is Code.LOCK_LOST
    assert holder_of(lease(kube)).who == "ada", "what is somebody else's is left alone"


def test_a_lock_that_was_taken_over_manually_is_missed_by_a_write_a_second_later(clock: Clock) -> None:
    """Long before the heartbeat is due."""
    kube = FakeKube()
    with lock(kube) as held:
        hold(kube, elsewhere())
        clock.now += 1.5
        with pytest.raises(TodoCloudError, match="was lost"):
            held.check()


def test_an_outage_shorter_than_the_lock_lives_stops_no_write(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    kube, asked = FakeKube(), []

    def away(*args: Any, **kwargs: Any) -> Any:
        asked.append(kwargs["deadline"])
        raise Unreachable("away", 0, cause="refused")

    with lock(kube) as held, monkeypatch.context() as patch:
        patch.setattr(kube, "replace", away)
        for _ in range(3):
            clock.now += 1.5
            held.check()
            held.check()
    assert len(asked) == 3, "once a second at most"
    assert None not in asked, "and never for long"


def test_while_helm_works_only_a_known_loss_counts(clock: Clock) -> None:
    kube = FakeKube()
    with lock(kube) as held:
        hold(kube, elsewhere())
        clock.now += 10
        held.check(sure=False)  # nothing was asked yet
        with pytest.raises(TodoCloudError):
            held.check()
        with pytest.raises(TodoCloudError):
            held.check(sure=False)


def sleeping(**env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"], env={**os.environ, **env})


def test_a_module_that_hangs_on_this_machine_is_ended_when_its_lock_is_taken() -> None:
    """Woken after that, it and its Helm processes would go on writing."""
    kube, lines = FakeKube(), list[str]()
    stuck = sleeping(**{CONTROLLER: "1 1"})
    try:
        since = started(stuck.pid)
        assert since
        hold(kube, replace(me(), identity="stuck", grace=0, pid=stuck.pid, started=since), ttl=1)
        with lock(kube, wait=30, progress=lines.append):
            assert stuck.wait(60) == -signal.SIGKILL
        assert "stuck on this machine" in lines[-1]
    finally:
        stuck.kill()
        stuck.wait()


def test_a_process_that_is_no_module_of_ours_is_never_ended_whatever_a_lease_says() -> None:
    other = sleeping()
    try:
        since = started(other.pid)
        assert since
        assert not end_stuck(replace(me(), pid=other.pid, started=since))
        assert not end_stuck(replace(me(), pid=other.pid, started="1"))
        assert not end_stuck(replace(elsewhere(), pid=other.pid, started=since))
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_removed_lease_is_a_lost_lock(clock: Clock) -> None:
    kube = FakeKube()
    with lock(kube) as held:
        del kube.objects["Lease", "ns", LOCK_NAME]
        clock.now += 10
        with pytest.raises(TodoCloudError, match="it was removed"):
            held.check()


def test_a_process_that_was_stopped_for_long_keeps_a_lock_that_nobody_took(clock: Clock) -> None:
    kube = FakeKube()
    with lock(kube) as held:
        clock.now += 3600
        held.check()


def test_an_api_server_that_is_away_does_not_lose_the_lock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    kube = FakeKube()

    def away(*args: Any, **kwargs: Any) -> Any:
        raise Unreachable("away", 0, cause="refused")

    with lock(kube) as held, monkeypatch.context() as patch:
        patch.setattr(kube, "replace", away)
        clock.now += 100
        with pytest.raises(Unreachable):
            held.check()
        patch.undo()
        clock.now += 10
        held.check()
        assert kube.objects["Lease", "ns", LOCK_NAME]["spec"]["holderIdentity"]


def test_who_took_the_lock_while_the_api_server_was_away_keeps_it(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kube = FakeKube()
    with lock(kube) as held:
        there = kube.objects["Lease", "ns", LOCK_NAME]
        there["metadata"]["resourceVersion"] = "999"
        there["spec"]["holderIdentity"] = "thief"
        clock.now += 100
        with pytest.raises(TodoCloudError, match="was lost"):
            held.check()
    assert kube.objects["Lease", "ns", LOCK_NAME]["spec"]["holderIdentity"] == "thief"


def test_threads_do_not_wait_for_an_outage_one_after_another(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    kube, asked = FakeKube(), []

    def away(*args: Any, **kwargs: Any) -> Any:
        asked.append(1)
        raise Unreachable("away", 0, cause="refused")

    with lock(kube) as held, monkeypatch.context() as patch:
        patch.setattr(kube, "replace", away)
        clock.now += 100
        for _ in range(3):
            with pytest.raises(Unreachable):
                held.check()
        assert len(asked) == 1


def test_a_lock_is_released_although_an_answer_was_lost(clock: Clock) -> None:
    kube = FakeKube()
    with lock(kube):
        kube.objects["Lease", "ns", LOCK_NAME]["metadata"]["resourceVersion"] = "999"
    assert not kube.objects["Lease", "ns", LOCK_NAME]["spec"].get("holderIdentity")


def test_a_renewal_whose_answer_was_lost_is_still_ours(clock: Clock) -> None:
    kube = FakeKube()
    with lock(kube) as held:
        there = kube.objects["Lease", "ns", LOCK_NAME]
        there["metadata"]["resourceVersion"] = "999"
        clock.now += 10
        held.check()


def test_the_heartbeat_renews() -> None:
    kube = FakeKube()
    with lock(kube, ttl=1):
        first = lease(kube)["spec"]["renewTime"]
        eventually(lambda: lease(kube)["spec"]["renewTime"] != first)
