"""An environment sleeps and wakes: values from before come back exactly, as verified sets; what can't sleep is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.availability import Endpoint
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.labels import ASLEEP
from ansible_collections.todo.cloud.plugins.module_utils.releases.sleep import Sleep, Slept, asleep, awake
from ansible_collections.todo.cloud.plugins.module_utils.releases.verify import verify_releases
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnDrift

from tests.schemas import check_result
from tests.support.fake_environment import A1, A2, C1, World, deployed
from tests.support.stored_releases import store

WEB: dict[str, Any] = {"image": "r/web:v1.0.0", "replicas": 3, "podAnnotations": {"mine": "kept"}}
SCALED: dict[str, Any] = {"image": "r/scaled:v1.0.0", "autoscaling": {"enabled": True, "minReplicas": 2}}
NIGHTLY: dict[str, Any] = {"image": "r/nightly:v1.0.0", "kind": "CronJob", "cronJob": {"schedule": "0 3 * * *"}}


@pytest.fixture
def world() -> World:
    """A component and two services, verified."""
    world = World()
    world.apply({"components": C1}, {"api": A1}, {"web": WEB})
    return world.forget()


def change(world: World, state: str, **settings: Any) -> Slept:
    sleep = Sleep(world.run(**settings))
    done = sleep.sleep() if state == "asleep" else sleep.wake()
    check_result("environment_sleep", done.as_result())
    return done


def refused(world: World) -> str:
    with pytest.raises(TodoCloudError) as caught:
        change(world, "asleep")
    assert caught.value.failure.code is Code.NO_VERIFIED_SET
    assert world.writes() == []
    return str(caught.value.failure.message)


@pytest.mark.parametrize("values", [A1, WEB, SCALED, NIGHTLY, {**WEB, **SCALED}, {"image": "x", "podAnnotations": {}}])
def test_values_from_before_come_back(values: dict[str, Any]) -> None:
    sleeping = asleep(values)
    assert sleeping["podAnnotations"].keys() >= {ASLEEP}
    assert asleep(sleeping) == sleeping
    found = awake(sleeping)
    assert {**found, "podAnnotations": found.get("podAnnotations", {})} == {"podAnnotations": {}, **values}
    assert awake(values) == values


def test_nothing_runs() -> None:
    assert asleep(WEB)["replicas"] == 0
    assert (asleep(SCALED)["replicas"], asleep(SCALED)["autoscaling"]) == (0, {"enabled": False, "minReplicas": 2})
    assert asleep(NIGHTLY)["cronJob"] == {"schedule": "0 3 * * *", "suspend": True}


def test_it_sleeps_and_wakes_as_one_set(world: World) -> None:
    done = change(world, "asleep")
    assert (done.services, done.set, done.changed) == (["api", "web"], 2, True)
    assert world.helm.commands == ["upgrade web", "upgrade api"], "what others call ends last"
    assert [each.partition(" ")[0] for each in done.left] == ["components"]
    assert {name: world.record(2).members[name].values.get("replicas") for name in ("api", "web")} == {
        "api": 0,
        "web": 0,
    }
    assert not change(world.forget(), "asleep").changed
    assert world.writes() == []
    woken = change(world, "awake")
    assert (woken.services, woken.set) == (["api", "web"], 3)
    assert world.helm.commands == ["upgrade api", "upgrade web"]
    assert {name: world.record(3).members[name].values for name in ("api", "web")} == {"api": A1, "web": WEB}
    assert not change(world.forget(), "awake").changed
    report = world.apply({"components": C1}, {"api": A1}, {"web": WEB}, drift=OnDrift.REPORT)
    assert (report.changed, report.warnings) == (False, []), "the inventory finds what it wants"


def test_who_sleeps_is_no_failure_of_a_verification(world: World) -> None:
    nowhere = Endpoint("http://127.0.0.1:1/health")
    apps = {"components": "", "api": "api", "web": ""}
    change(world, "asleep")
    found = verify_releases(world.forget().run(), apps, nowhere)
    assert (found["asleep"], found["sidecars"]) == (["api", "web"], "no pod asks for a Dapr sidecar")
    assert world.writes() == []
    check_result("release_verify", {"changed": False, **found})
    change(world, "awake")
    with pytest.raises(TodoCloudError) as caught:
        verify_releases(world.run(), {"components": "", "web": ""}, nowhere, pause=lambda _: None)
    assert caught.value.failure.code is Code.ENDPOINT_DOWN


def test_a_service_that_was_deployed_meanwhile_is_awake(world: World) -> None:
    change(world, "asleep")
    world.apply({"components": C1}, {"api": A2}, all_releases=("components", "api", "web"))
    assert change(world, "awake").services == ["web"]
    assert world.image() == A2["image"]


def test_check_mode_writes_nothing(world: World) -> None:
    assert change(world, "asleep", check=True).services == ["api", "web"]
    assert change(world, "awake", check=True).services == []
    assert world.writes() == []


def test_what_is_not_verified_is_left_alone(world: World) -> None:
    store(world.kube, "api", 2, config=A2)
    assert "api: what is deployed was not verified" in refused(world)
    assert "staging has no verified set" in refused(World())


@pytest.mark.parametrize(
    ("values", "words"),
    [({"autoscaling": {"external": True}}, "is scaled by an autoscaler of its own"), ({"kind": "Job"}, "is a Job")],
)
def test_what_goes_on(values: dict[str, Any], words: str) -> None:
    world = World()
    world.apply({"api": {"image": "r/api:v1.0.0", **values}})
    done = change(world, "asleep")
    assert (done.services, done.left) == ([], [f"api {words}"])


def test_an_annotation_of_somebody_else_is_one_sentence() -> None:
    for text in ("yes", '{"image": "evil"}', "[]"):
        with pytest.raises(TodoCloudError, match="does not say how many pods there were"):
            awake({"image": "r/api:v1", "podAnnotations": {ASLEEP: text}})


def test_the_environment_from_before_is_what_a_rollback_brings() -> None:
    world = deployed()
    change(world, "asleep")
    world.rollback()
    assert change(world, "awake").services == []
