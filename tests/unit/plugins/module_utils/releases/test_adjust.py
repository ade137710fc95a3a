"""Restart and scale of one service: what is written, what the record says, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, Resource
from ansible_collections.todo.cloud.plugins.module_utils.releases.adjust import RESTARTED_AT, Adjusted, Adjustment
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnDrift

from tests.schemas import check_result
from tests.support.fake_environment import A1, A2, BAD, C1, Cluster, World, deployed
from tests.support.stored_releases import store

KNOWN = ["api", "components"]


class Rolling(Cluster):
    """A Deployment whose pods change with its template."""

    def patch(self, resource: Resource, namespace: str, name: str, body: Any, **options: Any) -> Any:
        done = super().patch(resource, namespace, name, body, **options)
        if resource is DEPLOYMENT and RESTARTED_AT in str(body):
            self.helm._roll(self.objects["Deployment", namespace, name])
        return done


def adjust(world: World, service: str = "api", replicas: int | None = None, **settings: Any) -> Adjusted:
    adjustment = Adjustment(world.run(**settings), service, KNOWN)
    done = adjustment.restart() if replicas is None else adjustment.scale(replicas)
    check_result("release_adjust", done.as_result())
    return done


def refused(world: World, **given: Any) -> str:
    with pytest.raises(TodoCloudError) as caught:
        adjust(world, **given)
    assert world.writes() == []
    return str(caught.value.failure.message)


@pytest.fixture
def own() -> World:
    """A verified service of the chart ``service``."""
    return deployed()


def test_a_restart_is_an_annotation_and_the_set_stays() -> None:
    world = World(kube=Rolling())
    world.apply({"components": C1}, {"api": A1})
    done = adjust(world.forget())
    assert (done.workloads, done.set, world.writes()) == (["api"], 1, ["patch Deployment api"])
    template = world.kube.objects["Deployment", "ns", "api"]["spec"]["template"]
    assert RESTARTED_AT in template["metadata"]["annotations"]
    report = world.apply({"components": C1}, {"api": A1}, drift=OnDrift.REPORT)
    assert (report.changed, report.warnings) == (False, [])


def test_a_restart_that_leaves_it_broken_is_a_failure() -> None:
    world = World(kube=Rolling())
    world.fails({"api": BAD})
    with pytest.raises(TodoCloudError, match=r"^After the restart: ") as caught:
        adjust(world)
    assert caught.value.failure.code is Code.CRASH_LOOP


def test_another_number_of_pods_is_a_verified_set_and_the_plan_says_what_comes_next(own: World) -> None:
    done = adjust(own, replicas=4)
    assert (done.replicas, done.set, done.changed) == ((1, 4), 2, True)
    assert own.record(2).members["api"].values == {**A1, "replicas": 4}
    assert done.notes[0].endswith("to keep them, set `scale: 4` in its entry.")
    plan = own.apply({"components": C1}, {"api": {**A1, "replicas": 2}}, check=True).plan
    assert [item.why for item in plan] == ["", "replicas 4 -> 2"]
    assert not adjust(own, replicas=4).changed, "a second time nothing changes"


def test_check_mode_writes_nothing(own: World) -> None:
    assert adjust(own, check=True).workloads == ["api"]
    assert adjust(own, replicas=3, check=True).replicas == (1, 3)
    assert own.writes() == []


def test_what_was_not_verified_is_not_scaled(own: World) -> None:
    store(own.kube, "api", 2, config=A2)
    assert "revision 2 is deployed and was not verified" in refused(own, replicas=2)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kind": "CronJob"}, "api is a CronJob: there is no number of pods to change."),
        ({"autoscaling": {"enabled": True}}, "api is scaled by an autoscaler, which would undo it"),
    ],
)
def test_what_has_no_number_of_pods(own: World, config: dict[str, Any], message: str) -> None:
    store(own.kube, "api", 2, config={"image": "r/api:v1", **config})
    assert refused(own, replicas=2).startswith(message)


def test_what_is_refused() -> None:
    assert "only for services of the chart 'service'" in refused(deployed(), service="components", replicas=2)
    assert "replicas is 101" in refused(deployed(), replicas=101)
    assert "did you mean 'api'?" in refused(deployed(), service="aapi")
    assert "components has no pods that stay" in refused(deployed(), service="components")
