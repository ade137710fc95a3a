# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""kill -9 at bad moments, two runs at once, and the lock: afterwards a plain run converges without hand work."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.writer import ReleaseWriter
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Conflict
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, LEASE
from ansible_collections.todo.cloud.plugins.module_utils.locking.holder import Holder
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME
from ansible_collections.todo.cloud.plugins.module_utils.locking.lock import EnvironmentLock
from ansible_collections.todo.cloud.plugins.module_utils.records.rollback_target import remembered
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore

from tests.cluster.paths import TOP
from tests.integration.releases.world import World, both_helms
from tests.integration.support import apply, eventually
from tests.support.patience import patience


@contextmanager
def running(world: World, what: str, *arguments: Any) -> Iterator[subprocess.Popen[str]]:
    """A run in its own process; it is killed in the end whatever happens."""
    run = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.releases.runner", world.kubeconfig, world.namespace, world.helm, what,
         json.dumps(arguments)],
        cwd=TOP, env={**os.environ, "PYTHONPATH": f"{TOP / 'collections'}{os.pathsep}{TOP}"}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield run
    finally:
        if run.poll() is None:
            run.send_signal(signal.SIGKILL)
        run.communicate(timeout=patience(30))


def children(pid: int) -> list[int]:
    """Processes that a process started and that are not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] not in ("Z", "X"):
                found.append(int(entry.name))
    return found


def settled(world: World, *names: str) -> None:
    """No entry is pending, the lock is free, no rollback is unfinished."""
    for name in names:
        assert not [s for s in world.statuses(name) if s.startswith("pending")], world.statuses(name)
    lease = world.kube.find(LEASE, world.namespace, LOCK_NAME)
    assert lease is None or not lease["spec"].get("holderIdentity")
    assert remembered(world.kube, world.namespace) is None


@both_helms
def test_killed_while_helm_is_at_work(world: World) -> None:
    world.apply(world.release("a")).ok()
    with running(world, "apply", world.release("a", text="two", slow=600)) as run:
        eventually("the upgrade is pending", lambda: world.statuses("a")[-1] == "pending-upgrade")
        helm = children(run.pid)
        assert helm, "Helm waits for the hook"
        run.send_signal(signal.SIGKILL)
        eventually("Helm died with its parent", lambda: not [p for p in helm if Path(f"/proc/{p}/root").exists()])
    assert world.statuses("a")[-1] == "pending-upgrade"
    after = world.apply(world.release("a", text="two")).ok()
    assert after.actions == {"a": "recover"}
    assert world.statuses("a") == ["superseded", "failed", "deployed"]
    assert "Interrupted while pending-upgrade" in world.stored("a", 2).description
    assert world.text("a") == "two"
    settled(world, "a")


def test_killed_in_a_first_install(world: World) -> None:
    with running(world, "apply", world.release("a")) as run:
        eventually("something is stored", lambda: world.statuses("a"))
        run.send_signal(signal.SIGKILL)
    world.apply(world.release("a")).ok()
    settled(world, "a")
    assert world.sets()[0]["current"]


@pytest.mark.parametrize("seed", range(2))
def test_killed_anywhere(world: World, seed: int) -> None:
    """At random moments of an upgrade of three releases, several times in a row; whole playbooks: make chaos."""
    names = ("a", "b", "c")
    moments = random.Random(seed)
    world.apply(*(world.release(n) for n in names)).ok()
    for attempt in range(3):
        with running(world, "apply", *(world.release(n, text=f"try-{attempt}") for n in names)) as run:
            try:
                run.wait(timeout=moments.uniform(0.3, 4.0))
            except subprocess.TimeoutExpired:
                run.send_signal(signal.SIGKILL)
    world.apply(*(world.release(n, text="end") for n in names)).ok()
    settled(world, *names)
    assert [world.text(n) for n in names] == ["end"] * 3
    assert world.apply(*(world.release(n, text="end") for n in names)).ok().result["helm_calls"] == 0


def test_a_kill_between_helms_end_and_the_removal_of_orphans_leaves_no_orphan(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed revision made an object; the run that got over it died before it removed that."""
    world.apply(world.release("a")).ok()
    taken = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"text": "mine"}}
    apply(world.kube, world.namespace, [taken])  # Helm's next apply conflicts, after it made what is new
    assert world.apply(world.release("a", text="two", leftover=True), on_failure="hold").code
    world.kube.delete(CONFIG_MAP, world.namespace, "a")
    assert world.kube.find(CONFIG_MAP, world.namespace, "a-leftover"), "else this shows nothing"
    with monkeypatch.context() as patch:
        patch.setattr(ReleaseWriter, "remove_orphans", _die)
        with pytest.raises(Killed):
            world.apply(world.release("a", text="three"))
    assert world.statuses("a")[-1] == "deployed"
    after = world.apply(world.release("a", text="three")).ok()
    assert (after.actions, after.result["helm_calls"]) == ({"a": "verify"}, 0)
    assert world.kube.find(CONFIG_MAP, world.namespace, "a-leftover") is None


@both_helms
def test_what_was_left_by_a_killed_rollback_goes_by_the_next(world: World) -> None:
    """Helm's rollback compares with the last revision: after a killed one, that no longer holds what has to go."""
    world.apply(world.release("a", slow=round(patience(6)))).ok()
    world.apply(world.release("a", text="two", leftover=True)).ok()
    with running(world, "back", "verified") as run:
        eventually("the rollback is pending", lambda: world.statuses("a")[-1] == "pending-rollback")
        run.send_signal(signal.SIGKILL)
    assert world.kube.find(CONFIG_MAP, world.namespace, "a-leftover"), "else this shows nothing"
    world.back().ok()
    assert world.text("a") != "two"
    assert world.kube.find(CONFIG_MAP, world.namespace, "a-leftover") is None
    settled(world, "a")


def test_a_rollback_that_was_killed_when_all_was_recorded_is_finished(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the sets that were left are not withdrawn yet: the next rollback must not go forward to them again."""
    for text in ("one", "two", "three"):
        world.apply(world.release("a", text=text)).ok()
    with monkeypatch.context() as patch:
        patch.setattr(RecordStore, "withdraw", _die)
        with pytest.raises(Killed):
            world.back()
    assert world.text("a") == "two"
    done = world.back().ok()
    assert (world.text("a"), done.result["changed"]) == ("two", False)
    settled(world, "a")
    assert [bool(s["withdrawn"]) for s in world.sets()] == [False, True, False, False]
    world.back().ok()
    assert world.text("a") == "one"


@both_helms
def test_a_killed_rollback_ends_where_it_was_going(world: World) -> None:
    for text in ("one", "two", "three"):
        world.apply(world.release("a", text=text), world.release("b")).ok()
    with running(world, "back", "1") as run:
        eventually("the target is written down", lambda: remembered(world.kube, world.namespace))
        run.send_signal(signal.SIGKILL)
    world.back().ok()
    assert world.text("a") == "one"
    settled(world, "a", "b")


def test_two_runs_at_once_one_waits(world: World) -> None:
    world.apply(world.release("a")).ok()
    with running(world, "apply", world.release("a", text="two", slow=round(patience(8)))):
        eventually("the lock is held", lambda: _holder(world))
        refused = world.apply(world.release("a", text="three"))
        assert refused.code == "lock_held"
        assert "a deployment of" in refused.message
        waited = world.apply(world.release("a", text="three"), lock_wait=120).ok()
        assert any("waiting for the lock" in line for line in waited.lines)
    assert world.text("a") == "three"
    settled(world, "a")


def test_another_environment_is_not_blocked(world: World, make_namespace: Any) -> None:
    other = replace(world, namespace=make_namespace(**{"todo.cloud/environment": "test"}))
    holder = replace(Holder.me("release_apply"), machine="elsewhere")
    with EnvironmentLock(world.kube, world.namespace, holder):
        assert world.apply(world.release("a")).code == "lock_held"
        other.apply(other.release("a")).ok()


def test_a_dead_holder_elsewhere_is_taken_over_after_its_time(world: World) -> None:
    world.apply(world.release("a")).ok()
    holder = replace(Holder.me("release_apply", grace=0), machine="elsewhere", who="ada")
    lock = EnvironmentLock(world.kube, world.namespace, holder, ttl=1)
    world.kube.replace(LEASE, world.namespace, lock._body(world.kube.get(LEASE, world.namespace, LOCK_NAME)))
    assert world.apply(world.release("a", text="two")).code == "lock_held"
    world.apply(world.release("a", text="two"), lock_wait=30).ok()
    assert world.text("a") == "two"


def test_a_run_that_changes_nothing_needs_no_lock(world: World) -> None:
    world.apply(world.release("a")).ok()
    with EnvironmentLock(world.kube, world.namespace, replace(Holder.me("x"), machine="elsewhere")):
        assert world.apply(world.release("a")).ok().result["changed"] is False


def test_a_lock_that_is_taken_away_stops_the_run_before_its_next_write(world: World) -> None:
    """Taken over manually while Helm works on the first wave: the second wave is never written."""
    world.apply([world.release("a")], [world.release("b")]).ok()
    thief = EnvironmentLock(world.kube, world.namespace, replace(Holder.me("thief"), machine="elsewhere"))
    stop = threading.Event()

    def steal() -> None:
        while not stop.wait(0.1):
            lease = world.kube.get(LEASE, world.namespace, LOCK_NAME)
            if lease["spec"].get("holderIdentity") and world.statuses("a")[-1] == "pending-upgrade":
                with suppress(Conflict):  # the heartbeat came first: once more
                    world.kube.replace(LEASE, world.namespace, thief._body(lease))
                    return

    thread = threading.Thread(target=steal)
    thread.start()
    try:
        slow = world.release("a", text="two", slow=round(patience(8)))
        failed = world.apply([slow], [world.release("b", text="two")])
    finally:
        stop.set()
        thread.join()
    assert failed.code == "lock_lost"
    assert "thief" in failed.message
    assert world.text("b") == "one"
    assert [s["id"] for s in world.sets()] == [1]


class Killed(BaseException):
    """Stands for kill -9 at one exact place; the lock is given back, which a real one would not do."""


def _die(*_: Any, **__: Any) -> None:
    raise Killed


def _holder(world: World) -> str:
    lease = world.kube.find(LEASE, world.namespace, LOCK_NAME)
    return str((lease or {}).get("spec", {}).get("holderIdentity") or "")
