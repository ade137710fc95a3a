"""Which runs are kept as events, and as what."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.change_rules import ChangeRules
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import Run
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE, Resource
from ansible_collections.todo.cloud.plugins.module_utils.records.events import Event, read
from ansible_collections.todo.cloud.plugins.module_utils.releases.apply import apply_releases
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnFailure

from tests.support.fake_environment import A1, A2, BAD, C1, C2, Cluster, World, deployed, spec, two_sets


def events(world: World) -> list[Event]:
    return read(world.kube, "ns")


def last(world: World) -> tuple[str, int, int, str, str]:
    event = events(world)[0]
    return event.run, event.from_set, event.to_set, event.outcome, event.code


def test_a_deployment_is_kept_and_one_without_work_is_not() -> None:
    world = deployed(commit="1111111aaaa")
    assert last(world) == ("a test", 0, 1, "succeeded", "")
    world.kube.writes.clear()
    world.apply({"components": C1}, {"api": A1}, commit="1111111aaaa", verify=False)
    world.apply({"components": C2}, {"api": A2}, check=True)
    assert len(events(world)) == 1
    assert world.kube.writes == [], "nothing was to do"
    world.apply({"components": C1}, {"api": A2}, commit="2222222bbbb")
    event = events(world)[0]
    assert (event.commit, event.from_commit, event.from_set, event.to_set) == ("2222222bbbb", "1111111aaaa", 1, 2)
    assert "@" in event.who


@pytest.mark.parametrize(
    ("on_failure", "outcome"),
    [(OnFailure.HOLD, "failed"), (OnFailure.SET, "restored"), (OnFailure.RELEASE, "restored")],
)
def test_a_failure_is_kept_with_what_became_of_it(on_failure: OnFailure, outcome: str) -> None:
    world = deployed()
    failed = world.fails({"components": C1}, {"api": BAD}, on_failure=on_failure)
    run, was, _now, kept, code = last(world)
    assert (run, was, kept, code) == ("a test", 1, outcome, failed.failure.code.value)
    assert events(world)[0].message.startswith("api: container app")


def test_a_run_is_called_what_it_is() -> None:
    world = World()
    run = Run(world.kube, world.helm, world.settings, world.lines.append, "release_apply")
    apply_releases(run, [[spec("api", A1)]])
    assert last(world)[0] == "deployment"


def test_what_was_refused_is_kept_too() -> None:
    world = deployed()
    rules: dict[str, Any] = {"promoted_from": "staging"}
    world.fails({"components": C1}, {"api": A2}, change_rules=ChangeRules.parse(rules))
    assert last(world) == ("a test", 1, 1, "refused", "promotion_only")
    world.apply({"api": A2}, change_rules=ChangeRules.parse({**rules, "promoted": ["r/api:v2.0.0"]}))
    assert last(world) == ("promotion", 1, 2, "succeeded", "")
    rules["emergency"] = "logins are broken"
    world.apply({"api": {**A1, "image": "r/api:v3.0.0"}}, change_rules=ChangeRules.parse(rules))
    assert events(world)[0].emergency == "logins are broken"


def test_rollbacks_are_kept() -> None:
    world = two_sets()
    world.rollback()
    assert last(world)[1:] == (2, 3, "succeeded", "")
    with pytest.raises(TodoCloudError):
        world.rollback("7")
    assert last(world)[1:] == (3, 3, "refused", "set_not_found")


def test_nothing_is_written_into_the_namespace_of_another_environment() -> None:
    world = World()
    world.kube.put(NAMESPACE, "", {"metadata": {"name": "ns", "labels": {"todo.cloud/environment": "production"}}})
    world.fails({"api": A1})
    assert world.kube.writes == []


class Without(Cluster):
    """The credentials may write no events."""

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if name == "release-events":
            raise Forbidden("The credentials may not patch configmaps.", 403)


def test_a_run_does_not_fail_of_its_event() -> None:
    report = World(kube=Without()).apply({"api": A1})
    assert report.set == 1
    assert "This run was not kept among the events of staging: The credentials may not" in report.warnings[-1]
