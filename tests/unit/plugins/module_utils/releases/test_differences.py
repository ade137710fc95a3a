"""In what an environment differs from its verified set: found by a verification, told until the next one."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, NotFound
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import Resource
from ansible_collections.todo.cloud.plugins.module_utils.records.announcement import RULES, Announce
from ansible_collections.todo.cloud.plugins.module_utils.releases.differences import note_differences
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnDrift

from tests.support.fake_environment import A1, A2, BAD, C1, C2, World, deployed, two_sets

TOLD = Announce(metric=True)
WAVES = ({"components": C1}, {"api": A1})
DRIFT = "Deployment/api: spec.paused is true, the release does not set it (kubectl-edit, 2026-11-22T10:00:00Z)"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What Prometheus is told of differences: set and number."""
    found: list[tuple[str, str]] = []
    patch = World().kube.__class__.patch

    def patched(kube: Any, resource: Resource, namespace: str, name: str, body: Any, **more: Any) -> Any:
        if resource is not RULES:
            return patch(kube, resource, namespace, name, body, **more)
        if name == "environment-drift":
            ((rule,),) = (group["rules"] for group in body["spec"]["groups"])
            assert rule["record"] == "todo:environment:drifted_releases"
            found.append((rule["labels"]["set"], rule["expr"]))
        return body

    monkeypatch.setattr(World().kube.__class__, "patch", patched)
    return found


def edited(world: World) -> World:
    """Somebody pauses the service, as kubectl edit does."""
    live = world.kube.objects["Deployment", "ns", "api"]
    live["spec"]["paused"] = True
    live["metadata"]["managedFields"] = [
        {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "apps/v1", "time": "2026-11-22T10:00:00Z",
         "fieldsV1": {"f:spec": {"f:paused": {}}}},
    ]  # fmt: skip
    return world.forget()


def restored(world: World) -> World:
    live = world.kube.objects["Deployment", "ns", "api"]
    del live["spec"]["paused"], live["metadata"]["managedFields"]
    return world


def verified(world: World, **settings: Any) -> dict[str, Any]:
    result: dict[str, Any] = {"notes": ["before"]}
    note_differences(world.run(**{"announce": TOLD, **settings}), result)
    assert result["notes"][0] == "before"
    return result


def test_what_somebody_changed_is_told_until_it_is_verified_again(told: list[tuple[str, str]]) -> None:
    world = edited(deployed())
    found = verified(world)
    assert found["differences"] == {"api": [DRIFT]}
    assert found["notes"][1:] == [f"api differs from release set 1: {DRIFT}."]
    assert verified(restored(world))["differences"] == {}
    assert told == [("1", "vector(1.000)"), ("1", "vector(0.000)")]
    assert world.writes() == [], "nothing else is written"


def test_another_revision_and_one_that_is_gone_are_differences(told: list[tuple[str, str]]) -> None:
    world = deployed()
    world.manual("api", A2)
    assert verified(world)["differences"] == {"api": ["its revision is 2, and 1 was verified"]}
    for name in [key for key in world.kube.objects if key[0] == "Secret" and ".api." in key[2]]:
        del world.kube.objects[name]
    assert verified(world)["differences"] == {"api": ["it is not installed"]}
    assert told == [("1", "vector(1.000)")] * 2


def test_what_a_failed_deployment_brought_back_and_a_rollback_are_none(told: list[tuple[str, str]]) -> None:
    world = two_sets()
    world.fails({"components": C2}, {"api": BAD})
    assert verified(world)["differences"] == {}
    world.rollback()
    assert verified(world)["differences"] == {}


def test_nothing_is_told_in_check_mode_without_a_set_or_where_nobody_wants_it(told: list[tuple[str, str]]) -> None:
    world = edited(deployed())
    assert "api" in verified(world, check=True)["differences"]
    assert "api" in verified(world, announce=Announce())["differences"]
    assert verified(World()) == {"notes": ["before"]}
    assert told == []


def test_what_may_not_be_asked_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    world = deployed()

    def before(verb: str, resource: Resource, name: str) -> None:
        if resource is RULES:
            raise Forbidden("No.", 403)

    monkeypatch.setattr(world.kube, "before", before)
    assert verified(world)["notes"][1:] == ["Differences from the verified set are no metric: No."]

    def nothing(verb: str, resource: Resource, name: str) -> None:
        if resource is RULES:
            raise NotFound("There is no such kind.", 404)

    monkeypatch.setattr(world.kube, "before", nothing)
    assert verified(world)["notes"] == ["before"]

    def refused(verb: str, resource: Resource, name: str) -> None:
        if resource.kind == "ConfigMap":
            raise Forbidden("You may not.", 403)

    monkeypatch.setattr(world.kube, "before", refused)
    (note,) = verified(world)["notes"][1:]
    assert note.startswith("Whether somebody changed something is unknown: ")


def test_a_deployment_tells_what_it_left_and_what_it_put_back(told: list[tuple[str, str]]) -> None:
    world = edited(deployed())
    settings = {"announce": TOLD, "drift": OnDrift.REPORT}
    world.apply(*WAVES, **settings)
    assert told == [("1", "vector(1.000)")], "though nothing was to do"
    told.clear()
    world.apply(*WAVES, **{**settings, "drift": OnDrift.IGNORE})
    world.apply(*WAVES, **settings, check=True)
    assert told == []
    restored(world)
    world.apply(*WAVES, **settings)
    assert told == [], "nothing was written, so nothing is asked"
    world.apply({"components": C1}, {"api": A2}, **settings)
    assert told == [("2", "vector(0.000)")]
