# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An environment sleeps and wakes on a real cluster: a Deployment, one with an autoscaler, and a CronJob."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CRON_JOB, DEPLOYMENT
from ansible_collections.todo.cloud.plugins.module_utils.releases.sleep import Sleep

from tests.cluster.paths import TOP
from tests.integration.releases.world import ENVIRONMENT, Outcome, World, both_helms
from tests.integration.support import BUSYBOX, eventually

RESOURCES = {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}}


def service(world: World, name: str, **values: Any) -> dict[str, Any]:
    """A worker of the chart ``service``."""
    common = {
        "environment": ENVIRONMENT, "image": BUSYBOX, "resources": RESOURCES, "port": 0, "minReadySeconds": 0,
        "command": ["sh", "-c", "trap exit TERM; sleep 3600 & wait"], "preStopSleepSeconds": 0,
    }  # fmt: skip
    release = world.release(name, **{**common, **values})
    return {**release, "chart": str(TOP / "charts/service")}


def change(world: World, state: str) -> Outcome:
    """environment_sleep."""
    return world._run(
        "environment_sleep", lambda run: Sleep(run).sleep() if state == "asleep" else Sleep(run).wake()
    ).ok()


def counts(world: World) -> dict[str, int]:
    return {name: world.kube.get(DEPLOYMENT, world.namespace, name)["spec"]["replicas"] for name in ("api", "scaled")}


@both_helms
def test_it_sleeps_and_wakes(world: World) -> None:
    releases = [
        service(world, "api", replicas=2),
        service(world, "scaled", autoscaling={"enabled": True, "minReplicas": 2, "maxReplicas": 3}),
        service(world, "nightly", kind="CronJob", cronJob={"schedule": "0 3 * * *"}),
    ]
    world.apply(*releases).ok()
    eventually("the autoscaler's choice", lambda: counts(world) == {"api": 2, "scaled": 2})

    found = change(world, "asleep").result
    assert (found["services"], found["set"], found["left"]) == (["api", "nightly", "scaled"], 2, [])
    eventually("no pod is left", lambda: not world.pods("api") and not world.pods("scaled"))
    assert counts(world) == {"api": 0, "scaled": 0}
    assert world.kube.get(CRON_JOB, world.namespace, "nightly")["spec"]["suspend"] is True
    before = world.fingerprint()
    assert not change(world, "asleep").result["changed"]
    assert world.fingerprint() == before

    woken = change(world, "awake").result
    assert (woken["changed"], woken["set"]) == (True, 3)
    assert len(world.pods("api")) == 2
    eventually("the autoscaler works again", lambda: counts(world) == {"api": 2, "scaled": 2})
    assert world.kube.get(CRON_JOB, world.namespace, "nightly")["spec"]["suspend"] is False
    assert not world.apply(*releases).ok().result["changed"], "the inventory finds what it wants"
