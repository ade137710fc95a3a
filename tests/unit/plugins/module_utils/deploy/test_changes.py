"""The rules of changes in a run: what was verified here stays allowed, what is new is refused before a write."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.change_rules import ChangeRules
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.releases.image_rollback import ImageRollback

from tests.support.fake_environment import A1, A2, C1, C2, World, deployed, outcomes, two_sets

EMERGENCY = "logins are broken since 9:40"


def rules(**given: Any) -> ChangeRules:
    return ChangeRules.parse({"promoted_from": "staging", **given})


def test_without_a_promotion_no_image_changes_but_all_else_does() -> None:
    world = deployed()
    failed = world.fails({"components": C1}, {"api": A2}, change_rules=rules())
    assert failed.failure.code is Code.PROMOTION_ONLY
    assert "api would run r/api:v2.0.0" in failed.failure.message
    assert world.writes() == []
    report = world.apply({"components": C2}, {"api": {**A1, "maps": ["other"]}}, change_rules=rules())
    assert outcomes(report.as_result()) == {"components": "verified", "api": "verified"}
    assert world.record(2).emergency == ""


def test_a_first_deployment_is_a_promotion_too() -> None:
    world = World()
    assert world.fails({"api": A1}, change_rules=rules()).failure.code is Code.PROMOTION_ONLY
    assert world.apply({"api": A1}, change_rules=rules(promoted=["r/api:v1.0.0"])).set == 1


def test_what_a_held_run_left_is_no_verified_image() -> None:
    world = deployed()
    world.manual("api", A2)
    assert world.fails({"api": {**A2, "maps": ["new"]}}, change_rules=rules()).failure.code is Code.PROMOTION_ONLY
    assert world.apply({"api": A1}, change_rules=rules()).changed, "back to what was verified"


def test_an_emergency_is_a_warning_and_recorded_in_the_set() -> None:
    world = deployed()
    report = world.apply({"api": A2}, change_rules=rules(emergency=EMERGENCY, freeze=[{"why": "holidays"}]))
    assert [EMERGENCY in text for text in report.warnings] == [True, True]
    assert world.record(report.set).emergency == EMERGENCY


def test_a_freeze_stops_what_writes_and_nothing_else() -> None:
    world, frozen = deployed(), ChangeRules.parse({"freeze": [{"why": "holidays", "until": "2999-01-04"}]})
    world.kube.reads.clear()
    report = world.apply({"components": C1}, {"api": A1}, change_rules=frozen)
    assert outcomes(report.as_result()) == {"components": "unchanged", "api": "unchanged"}
    failed = world.fails({"components": C2}, {"api": A1}, change_rules=frozen)
    assert failed.failure.code is Code.DEPLOY_FROZEN
    assert world.writes() == []
    planned = world.apply({"components": C2}, {"api": A1}, change_rules=frozen, check=True).preflight
    assert [each.code for each in planned] == [Code.DEPLOY_FROZEN]


def test_the_rules_cost_no_request_where_nothing_is_to_do() -> None:
    world = deployed()
    world.kube.reads.clear()
    world.apply({"components": C1}, {"api": A1})
    without = list(world.kube.reads)
    world.kube.reads.clear()
    world.apply({"components": C1}, {"api": A1}, change_rules=rules(freeze=[{"why": "holidays"}]))
    assert sorted(world.kube.reads) == sorted(without)


def test_a_rollback_to_a_set_is_free_and_one_to_an_image_is_not() -> None:
    world, frozen = two_sets(), rules(freeze=[{"why": "holidays"}])
    with pytest.raises(TodoCloudError) as caught:
        ImageRollback(world.run(change_rules=frozen), ["api"], "v1.0.0").run()
    assert "deployments are frozen" in caught.value.failure.message
    assert world.writes() == []
    assert world.rollback(change_rules=frozen).set == 3
