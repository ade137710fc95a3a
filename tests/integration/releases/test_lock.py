# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock in hands of people: looked at, taken over, released; and a holder that is stopped and wakes up late."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import LEASE
from ansible_collections.todo.cloud.plugins.module_utils.locking.holder import Holder
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import (
    LOCK_NAME,
    PLATFORM_LOCK,
    PLATFORM_NAMESPACE,
)
from ansible_collections.todo.cloud.plugins.module_utils.locking.lock import EnvironmentLock
from ansible_collections.todo.cloud.plugins.module_utils.locking.manual import LockState, ManualLock

from tests.integration.releases.test_kill import running
from tests.integration.releases.world import CHART, World
from tests.integration.support import ModuleRun, eventually
from tests.support.patience import patience

Run = Callable[..., ModuleRun]


def stranger(what: str = "release_apply") -> Holder:
    """A living run of somebody else on another machine."""
    return replace(
        Holder.me(what, grace=5), who="ci", host="ci-7", commit="0123abc", url="https://ci/42", machine="elsewhere"
    )


def test_the_module_looks_takes_over_and_releases(world: World, module: Run) -> None:
    base = {"environment": "test", "namespace": world.namespace}
    assert "environment, namespace" in module("deploy_lock", {"state": "queried"}).result["msg"]
    with EnvironmentLock(world.kube, world.namespace, stranger()):
        seen = module("deploy_lock", base).result
        assert (seen["changed"], seen["held"], seen["expired"]) == (False, True, False)
        assert (seen["holder"]["who"], seen["holder"]["url"]) == ("ci", "https://ci/42")
        kept = module("deploy_lock", {**base, "state": "released"})
        assert kept.code == "lock_held"
        assert "is alive. If it must be stopped, take the lock over" in kept.result["msg"]
        taking = {**base, "state": "taken_over", "run_url": "https://here/1", "commit": "feed"}
        assert module("deploy_lock", taking, check=True).result["changed"] is True
        assert ManualLock(world.kube, world.namespace, stranger()).ensure(LockState.QUERIED).after.taken_over == ""
        taken = module("deploy_lock", taking).result
        assert (taken["changed"], taken["holder"]["by_hand"]) == (True, True)
        assert (taken["holder"]["url"], taken["holder"]["commit"]) == ("https://here/1", "feed")
        assert "from a deployment of ci on ci-7" in taken["taken_over"]
    released = module("deploy_lock", {**base, "state": "released"}).result
    assert (released["changed"], released["held"]) == (True, False)
    run = world.apply(world.release("a")).ok()
    assert any("taken over manually: deploy_lock of" in line for line in run.lines)


def test_who_took_it_goes_on_and_everybody_else_is_refused(world: World) -> None:
    mine = ManualLock(world.kube, world.namespace, Holder.me("deploy_lock"))
    with EnvironmentLock(world.kube, world.namespace, stranger()):
        assert world.apply(world.release("a")).code == "lock_held"
        mine.ensure(LockState.TAKEN_OVER)
        done = world.apply(world.release("a")).ok()
    assert done.result["set"] == 1
    assert any("from a deployment of ci on ci-7 (commit 0123abc)" in line for line in done.lines)
    assert not world.kube.get(LEASE, world.namespace, LOCK_NAME)["spec"].get("holderIdentity"), "free after that run"

    theirs = ManualLock(world.kube, world.namespace, stranger("deploy_lock"))
    theirs.ensure(LockState.TAKEN_OVER)
    refused = world.apply(world.release("a", text="two"))
    assert refused.code == "lock_held"
    assert "It was taken manually: ask ci" in refused.message
    assert world.text("a") == "one"


def test_a_holder_that_is_stopped_while_its_lock_is_taken_over_writes_nothing_when_it_wakes(world: World) -> None:
    """The second wave is the next write that it must not make."""
    world.apply([world.release("a")], [world.release("b")]).ok()
    waves = [world.release("a", text="two", mode="unready")], [world.release("b", text="two")]
    with running(world, "apply", *waves) as run:  # stopped while it waits for the first wave: no Helm is at work
        eventually("the first wave is applied", lambda: world.statuses("a") == ["superseded", "deployed"])
        run.send_signal(signal.SIGSTOP)
        ManualLock(world.kube, world.namespace, Holder.me("deploy_lock")).ensure(LockState.TAKEN_OVER)
        world.apply([world.release("a", text="three")], [world.release("b", text="three")]).ok()
        before = world.fingerprint()
        run.send_signal(signal.SIGCONT)
        output, _ = run.communicate(timeout=patience(60))
    assert run.returncode != 0
    # Stopped in the moment between Helm's end and the look at its history, it meets the other run's revision first.
    assert "nothing more is written" in output or "somebody else writes this release" in output, output
    assert world.fingerprint() == before
    assert (world.text("a"), world.text("b")) == ("three", "three")


def test_a_dead_holder_elsewhere_shows_as_expired(world: World) -> None:
    holder = replace(stranger(), grace=0)
    lock = EnvironmentLock(world.kube, world.namespace, holder, ttl=1)
    world.kube.create(LEASE, world.namespace, lock._body({}))
    mine = ManualLock(world.kube, world.namespace, Holder.me("deploy_lock"))
    eventually("it is expired", lambda: mine.ensure(LockState.QUERIED).after.expired)
    assert mine.ensure(LockState.RELEASED).changed is True


def test_the_platform_has_one_lock_for_all_its_releases(world: World, module: Run) -> None:
    held = EnvironmentLock(world.kube, "", stranger("helm_release"), platform=True)
    one = {
        "name": "one", "namespace": world.namespace, "chart": CHART, "helm_binary": world.helm, "lock": "platform",
        "timeout": round(patience(60)), "stability_seconds": 0.5,
    }  # fmt: skip
    with held:
        refused = module("helm_release", one)
        assert refused.code == "lock_held"
        assert refused.result["msg"].startswith("The platform is locked: helm_release of ci")
        assert refused.result["failure"]["details"]["holder"]["url"] == "https://ci/42"
        assert world.apply(world.release("a")).ok().result["set"] == 1, "environments are not blocked by it"
    assert module("helm_release", one).result["revision"] == 1
    assert not world.kube.get(LEASE, PLATFORM_NAMESPACE, PLATFORM_LOCK)["spec"].get("holderIdentity")
