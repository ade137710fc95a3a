# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""release_apply and Helm through an API server that fails now and then, for a while, or for good.

All scenarios run side by side, each in an environment of its own: most of their time is waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.fingerprint import PUBLISHED
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import LEASE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME

from tests.integration.releases.test_modules import arguments
from tests.integration.releases.world import ENVIRONMENT, Outcome, World
from tests.integration.support import ModuleRun, run_module, skewed
from tests.support.api_proxy import ApiProxy, Faults
from tests.support.faults import Steps
from tests.support.patience import patience

FEW = Faults(too_many=0.05, errors=0.02)
LIMIT_SECONDS = 150.0  # of a quiet machine: twice what the slowest of these takes there


def behind(world: World, proxy: ApiProxy) -> World:
    """The same environment, seen through a proxy."""
    return replace(world, kubeconfig=str(proxy.kubeconfig))


def apply(world: World, *releases: dict[str, Any]) -> Outcome:
    """release_apply in this process, with time for a busy machine."""
    return world.apply(*releases, timeout=round(patience(180)))


def settled(world: World, *names: str) -> None:
    for name in names:
        assert world.statuses(name)[-1] == "deployed"
        assert not [status for status in world.statuses(name) if status.startswith("pending")]
    assert not (world.kube.find(LEASE, world.namespace, LOCK_NAME) or {"spec": {}})["spec"].get("holderIdentity")


def through(faults: Faults) -> Callable[[World], None]:
    """Install, change, and fail, all through these faults."""

    def run(world: World) -> None:
        with ApiProxy(world.kubeconfig, faults) as proxy:
            there = behind(world, proxy)
            apply(there, world.release("a"), world.release("b")).ok()
            second = apply(there, world.release("a", text="two"), world.release("b", text="two")).ok()
            assert second.result["set"] == 2
            failed = apply(there, world.release("a", text="three"), world.release("b", mode="crash"))
            assert failed.code == "crash_loop", failed.message
            assert failed.outcomes == {"a": "restored", "b": "restored"}
            assert sum(proxy.counts.injected.values()) > 3, "too few to show anything"
        assert (world.text("a"), world.text("b")) == ("two", "two")
        settled(world, "a", "b")

    return run


def outage_while_a_wave_is_waited_for(world: World) -> None:
    """20 s: longer than the lock's ttl. Nobody took it, so the run goes on and records."""
    apply(world, world.release("a")).ok()
    with ApiProxy(world.kubeconfig, Faults(down_at=Steps("watch="), down_seconds=20)) as proxy:
        done = apply(behind(world, proxy), world.release("a", text="two")).ok()
        assert proxy.counts.injected["down_at"] == 1
    assert done.result["set"] == 2
    settled(world, "a")


def token_expires(world: World) -> None:
    """Half way, when Helm has done its part."""
    apply(world, world.release("a")).ok()
    waiting = Steps("watch=.*")

    def expire(method: str, path: str) -> bool:
        if waiting(method, path):
            proxy.faults = Faults(unauthorized_after=0)
        return False

    with ApiProxy(world.kubeconfig) as proxy:
        proxy.faults = Faults(watch_cut=2.0, down_at=expire)
        failed = apply(behind(world, proxy), world.release("a", text="two"), world.release("b", mode="unready"))
    assert failed.code == "unauthorized", failed.message
    assert "token expired or rejected" in failed.message
    assert "run it again to go on" in failed.message
    assert failed.rows["a"]["tried"] == 2, "the table of what was done is not lost"


def clocks_that_differ(world: World) -> None:
    """One operator's clock is ten minutes slow, the next one's ten minutes fast."""
    for number, seconds in enumerate((-600, 600), 1):
        run = by_module(world, world.release("a", text=str(seconds)), env=skewed(seconds))
        assert (run.failed, run.result["set"]) == (False, number), run.output
        lease = world.kube.get(LEASE, world.namespace, LOCK_NAME)
        acquired = datetime.fromisoformat(lease["spec"]["acquireTime"]).timestamp()
        assert abs(acquired - time.time() - seconds) < 300, "the run's clock was wrong indeed"
    settled(world, "a")


def by_module(
    world: World, *releases: dict[str, Any], name: str = "release_apply", env: dict[str, str] | None = None, **more: Any
) -> ModuleRun:
    """release_apply (or its rollback) in a process of its own, as Ansible runs it."""
    run = run_module(name, arguments(world, *releases, **more), world.kubeconfig, timeout=LIMIT_SECONDS, env=env)
    assert "Traceback" not in run.output
    return run


def stopped(*steps: str) -> Callable[[World], None]:
    """The API server goes away for good at the request where these steps lead to; the next run resumes."""

    def run(world: World) -> None:
        apply(world, world.release("a")).ok()
        wanted = world.release("a", text="two"), world.release("b")
        with ApiProxy(world.kubeconfig, Faults(down_at=Steps(*steps))) as proxy:
            run = by_module(behind(world, proxy), *wanted, timeout=round(patience(30)))
            assert proxy.counts.injected["down_at"] == 1, proxy.counts.seen
        assert run.code == "unreachable", run.output
        assert "Connection refused" in run.result["msg"], "the cause is named"
        again = apply(world, *wanted).ok()
        assert (world.text("a"), again.result["set"]) == ("two", 2)
        settled(world, "a", "b")

    return run


def stopped_while_going_back(world: World) -> None:
    """The rollback's target was written down: the next one goes there, and not one set further."""
    for text in ("one", "two", "three"):
        apply(world, world.release("a", text=text)).ok()
    with ApiProxy(world.kubeconfig, Faults(down_at=Steps("watch="))) as proxy:
        run = by_module(behind(world, proxy), name="release_rollback", to="1", timeout=round(patience(30)))
        assert proxy.counts.injected["down_at"] == 1, proxy.counts.seen
    assert run.code == "unreachable", run.output
    assert "run it again to go on" in run.result["msg"]
    assert world.back().ok().result["set"] == 4
    assert world.text("a") == "one"
    settled(world, "a")


def stopped_after_the_record(world: World) -> None:
    """All is done; the lock stays behind and hinders nobody, since its holder is gone."""
    # After the fingerprint, its last write, the run only gives the lock back; before that it may renew it.
    steps = Steps("POST .*/configmaps", f"PATCH .*/configmaps/{PUBLISHED}", "PUT .*/leases")
    with ApiProxy(world.kubeconfig, Faults(down_at=steps)) as proxy:
        run = by_module(behind(world, proxy), world.release("a"))
        assert proxy.counts.injected["down_at"] == 1, proxy.counts.seen
    assert not run.failed, run.output
    assert apply(world, world.release("a", text="two")).ok().result["set"] == 2
    settled(world, "a")


SCENARIOS: dict[str, Callable[[World], None]] = {
    "5 % 429 and 2 % 500": through(replace(FEW, seed=1)),
    "answers lost": through(Faults(seed=3, resets=0.015, lost_answers=0.02, truncated=0.005)),
    "outage while a wave is waited for": outage_while_a_wave_is_waited_for,
    "token expires": token_expires,
    "clocks differ": clocks_that_differ,
    "stopped before": stopped("."),
    "stopped while planning": stopped("GET .*/secrets"),
    "stopped at the lock": stopped("leases"),
    "stopped while Helm begins": stopped("POST .*/secrets"),
    "stopped while Helm applies": stopped("POST .*/secrets", "PATCH .*/deployments"),
    "stopped while a wave is waited for": stopped("watch="),
    "stopped at the record": stopped("watch=", "POST .*/configmaps"),
    "stopped after the record": stopped_after_the_record,
    "stopped while going back": stopped_while_going_back,
}


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, kubeconfig: str, kube: KubeSession, make_namespace: Callable[..., str]
) -> Iterator[dict[str, Future[Any]]]:
    """All scenarios that were chosen, started together."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    chosen = {item.callspec.params["name"] for item in items}
    with ThreadPoolExecutor(7) as pool:
        found: dict[str, Future[Any]] = {}
        for name, scenario in SCENARIOS.items():
            if name not in chosen:
                continue
            namespace = make_namespace(**{"todo.cloud/environment": ENVIRONMENT})
            found[name] = pool.submit(scenario, World(kubeconfig, kube, namespace))
        yield found
        for future in found.values():
            future.cancel()


@pytest.mark.parametrize("name", SCENARIOS)
def test_goes_through_or_ends_with_a_sentence(name: str, runs: dict[str, Future[Any]]) -> None:
    runs[name].result()
