"""What gets into a release set: what was verified in this run, and what was verified before and still is so."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.recorder import Recorder
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import LockedRun
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import always_allowed
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import Resource

from tests.support.fake_environment import A1, A2, C1, World, deployed, spec, two_sets


def record(world: World, *verified: str, **options: Any) -> tuple[int, list[str]]:
    """As a run does at its end: ``verified`` in their newest revisions, made from the first set's inputs."""
    settings = {key: options.pop(key) for key in ("all_releases", "commit") if key in options}
    run = LockedRun(world.run(**settings), always_allowed)
    sources = {"api": spec("api", A1), "components": spec("components", C1)}
    return Recorder(run).record({name: world.live(name) for name in verified}, sources, run.look(), **options)


def members(world: World, number: int) -> dict[str, int]:
    return {name: member.revision for name, member in world.record(number).members.items()}


def test_what_this_run_did_not_verify_is_carried_forward_while_it_stands() -> None:
    world = deployed()
    assert record(world, "api") == (2, [])
    assert members(world, 2) == {"components": 1, "api": 1}
    assert world.record(2).members["components"] == world.record(1).members["components"]


def test_another_revision_than_the_verified_one_is_left_out_with_its_reason() -> None:
    world = deployed()
    world.manual("components", C1)
    number, warnings = record(world, "api")
    assert (number, members(world, 2), len(warnings)) == (2, {"api": 1}, 1)
    assert list(world.record(2).missing) == ["components"]


def test_what_is_not_current_any_more_is_left_out() -> None:
    world = deployed()
    world.kube.objects["Deployment", "ns", "api"]["status"]["availableReplicas"] = 0
    record(world, "components")
    assert members(world, 2) == {"components": 1}
    assert list(world.record(2).missing) == ["api"]


def test_what_was_never_verified_is_named_and_what_is_not_deployed_is_not() -> None:
    world = deployed()
    world.manual("web", A2)
    record(world, "components", "api", all_releases=("components", "api", "web", "absent"))
    assert list(world.record(2).missing) == ["web"]


def test_a_release_that_somebody_changed_after_it_was_verified_is_no_member() -> None:
    world = deployed()
    run = LockedRun(world.run(), always_allowed)
    stored, before = world.live("api"), run.look()
    world.manual("api", A2)
    Recorder(run).record({"api": stored}, {"api": spec("api", A1)}, before)
    assert "api" not in members(world, 2)


def test_the_record_says_what_where_and_from_what() -> None:
    world = two_sets()
    number, _ = record(world, "api", commit="feed", restored_from=1)
    found = world.record(number)
    assert (found.id, found.commit, found.restored_from, found.tools["helm"]) == (3, "feed", 1, "4.1.0")
    api = found.members["api"]
    assert (api.chart, api.local, api.app_id) == ("service", True, "api")
    assert [(target.kind, target.name) for target in api.targets] == [("Deployment", "api")]
    assert set(found.charts) == {member.chart_digest for member in found.members.values()}


def test_a_fingerprint_that_can_not_be_published_is_only_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    world = deployed()

    def before(verb: str, resource: Resource, name: str) -> None:
        if verb == "patch":
            raise Forbidden("may not patch", 403)

    monkeypatch.setattr(world.kube, "before", before)
    number, warnings = record(world, "api")
    assert (number, len(warnings)) == (2, 1)
    assert members(world, 2) == {"components": 1, "api": 1}
