"""release_rollback: which set, whether it can be gone to, and what is written down on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import SecretRef
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    SECRET,
)
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Record
from ansible_collections.todo.cloud.plugins.module_utils.records.rollback_target import (
    OLD_NAME,
    RollbackTarget,
    remember,
    remembered,
)
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnFailure

from tests.support.fake_environment import A1, A2, BAD, C1, C2, World, deployed, outcomes, strict, two_sets
from tests.support.stored_releases import store


def refused(world: World, *args: Any, **settings: Any) -> Code:
    """Nothing was written then."""
    with pytest.raises(TodoCloudError) as caught:
        world.rollback(*args, **settings)
    assert world.writes() == []
    return caught.value.failure.code


def withdrawn(world: World) -> list[int]:
    return [header.id for header in world.run().records.headers() if header.withdrawn]


def rewritten(world: World, number: int, **api: Any) -> None:
    """The record of a set with another member api."""
    record: Record = world.record(number)
    del world.kube.objects["ConfigMap", "ns", f"release-set-{number}"]
    members = {**record.members, "api": replace(record.members["api"], **api)}
    world.run().records.write(replace(record, members=members))
    world.forget()


def test_back_to_the_set_before_and_not_forward_again() -> None:
    world = two_sets()
    report = world.rollback()
    assert outcomes(report.as_result()) == {"components": "restored", "api": "restored"}
    assert (report.set, world.record(3).restored_from, withdrawn(world)) == (3, 1, [2])
    assert world.helm.commands == ["rollback components", "rollback api"]
    assert world.image() == "r/api:v1.0.0"
    assert refused(world.forget()) is Code.NO_VERIFIED_SET


def test_who_calls_others_goes_back_before_them() -> None:
    """Waves follow from `after`, `calls` and `needs`; the components are first in both directions."""
    world = World()
    for component, tag in ((C1, "v1.0.0"), (C2, "v2.0.0")):
        world.apply(
            {"components": component},
            *({name: {"image": f"r/{name}:{tag}"}} for name in ("orders", "web", "mail", "edge")),
        )
    world.forget().rollback()
    assert world.helm.commands == [f"rollback {name}" for name in ("components", "edge", "mail", "web", "orders")]


@pytest.mark.parametrize(("to", "image"), [("1", "v1.0.0"), ("1111111", "v1.0.0"), ("2222222bbbb", "v2.0.0")])
def test_a_set_is_named_by_number_or_commit(to: str, image: str) -> None:
    world = two_sets()
    world.rollback(to)
    assert world.image() == f"r/api:{image}"


@pytest.mark.parametrize("to", ["9", "333333", "11111"])
def test_a_set_that_is_not_there(to: str) -> None:
    assert refused(two_sets(), to) is Code.SET_NOT_FOUND


def test_only_the_releases_that_are_named() -> None:
    world = two_sets()
    report = world.rollback(names=["api"])
    assert outcomes(report.as_result()) == {"api": "restored"}
    assert world.helm.commands == ["rollback api"]
    assert world.record(3).members["components"] == world.record(2).members["components"]


def test_a_release_that_the_set_does_not_hold() -> None:
    assert refused(two_sets(), "1", ["web"]) is Code.ROLLBACK_REFUSED


def test_without_any_set_there_is_no_way_back() -> None:
    assert refused(World()) is Code.NO_VERIFIED_SET


def test_what_failed_goes_back_to_the_newest_set() -> None:
    world = deployed()
    world.fails({"components": C2}, {"api": BAD}, on_failure=OnFailure.HOLD)
    report = world.forget().rollback()
    assert outcomes(report.as_result()) == {"components": "restored", "api": "restored"}
    assert (report.set, withdrawn(world)) == (2, [])


@pytest.mark.parametrize(("to", "code"), [("verified", None), ("2", Code.SET_DAMAGED)])
def test_a_damaged_set_is_passed_over_but_not_when_it_is_named(to: str, code: Code | None) -> None:
    world = two_sets()
    world.damage(2)
    if code:
        assert refused(world, to) is code
        return
    report = world.rollback(to)
    assert (world.image(), len(report.warnings)) == ("r/api:v1.0.0", 1)


@pytest.mark.parametrize("there", [{}, {"data": {"other": "eA=="}}])
def test_a_secret_that_the_target_needs_must_be_there(there: dict[str, Any]) -> None:
    world = two_sets()
    rewritten(world, 1, secrets=(SecretRef("database", "url"),))
    if there:
        world.kube.put(SECRET, "ns", {"metadata": {"name": "database"}, **there})
    assert refused(world, "1") is Code.ROLLBACK_REFUSED


def test_nothing_goes_below_a_floor() -> None:
    world = deployed()
    world.apply({"components": C2}, {"api": {**A2, "floor": "v2.0.0"}})
    assert refused(world.forget()) is Code.ROLLBACK_REFUSED


def test_a_pruned_revision_is_redeployed_from_the_record() -> None:
    world = two_sets()
    del world.kube.objects["Secret", "ns", "sh.helm.release.v1.api.v1"]
    world.rollback()
    assert world.helm.commands == ["rollback components", "upgrade api"]
    assert world.image() == "r/api:v1.0.0"


def test_in_check_mode_it_is_predicted_and_nothing_is_written() -> None:
    world = two_sets()
    report = world.rollback(check=True, diff=True)
    assert outcomes(report.as_result()) == {"components": "predicted", "api": "predicted"}
    assert (report.changed, bool(report.diff), world.writes()) == (True, True, [])
    assert remembered(world.kube, "ns") is None


def test_an_unfinished_rollback_is_resumed_to_its_own_target() -> None:
    world = two_sets()
    world.apply({"components": C2}, {"api": {**A2, "maps": ["more"]}})
    remember(world.kube, "ns", RollbackTarget(1, (), (2, 3), "ada@ci"))
    report = world.rollback()
    assert (world.record(report.set).restored_from, withdrawn(world)) == (1, [3, 2])
    assert remembered(world.kube, "ns") is None


def test_a_history_that_does_not_settle_is_a_failed_rollback() -> None:
    world = two_sets()
    for revision in range(3, 8):
        store(world.kube, "api", revision, payload="garbage")
    with pytest.raises(TodoCloudError) as caught:
        world.rollback("1")
    assert caught.value.failure.code is Code.ROLLBACK_FAILED
    assert caught.value.failure.details == {"release": "api"}
    assert outcomes(caught.value.results) == {"components": "restored", "api": "failed"}


def test_going_back_that_fails_leaves_its_target_written_down() -> None:
    world = two_sets()
    rewritten(world, 1, values=BAD, manifest="another")
    with pytest.raises(TodoCloudError) as caught:
        world.rollback("1")
    assert caught.value.failure.code is Code.CRASH_LOOP
    assert outcomes(caught.value.results) == {"components": "restored", "api": "failed"}
    target = remembered(world.kube, "ns")
    assert target is not None
    assert target.set == 1
    assert withdrawn(world) == []


def test_a_forged_unfinished_rollback_is_not_resumed() -> None:
    world = two_sets()
    world.apply({"components": C2}, {"api": {**A2, "maps": ["more"]}})
    body = {
        "metadata": {"name": OLD_NAME},
        "data": {"target.json": '{"set": 1, "names": [], "leaves": [2], "who": "x"}'},
    }
    world.kube.put(CONFIG_MAP, "ns", body)
    report = world.rollback()
    assert world.record(report.set).restored_from == 2
    assert any(OLD_NAME in warning for warning in report.warnings)


def test_a_commit_in_an_annotation_alone_names_no_set() -> None:
    world = two_sets()
    world.kube.objects["ConfigMap", "ns", "release-set-1"]["metadata"]["annotations"]["todo.cloud/commit"] = "feedfeed"
    assert refused(world, "feedfeed") is Code.SET_NOT_FOUND


def test_a_damaged_set_that_claims_a_commit_hides_no_sound_one() -> None:
    world = two_sets()
    lied = {"name": "release-set-9", "labels": {"todo.cloud/release-set": "staging"}}
    lied["annotations"] = {"todo.cloud/commit": "1111111aaaa"}
    world.kube.put(CONFIG_MAP, "ns", {"metadata": lied, "data": {"set.json": "x" * 1_000_000}})
    report = world.rollback("1111111")
    assert world.image() == "r/api:v1.0.0"
    assert [text.partition(" is damaged")[0] for text in report.warnings] == ["release-set-9"]


def test_a_namespace_that_would_not_admit_it_is_opened_where_that_is_allowed() -> None:
    world = strict(may=True)
    report = world.rollback()
    assert world.image() == A1["image"]
    assert any("lowered from restricted to baseline" in text for text in report.warnings)
    assert world.writes()[0] == "patch Namespace ns"


def test_otherwise_it_is_refused_before_anything_is_written_and_the_command_is_shown() -> None:
    world = strict(may=False)
    with pytest.raises(TodoCloudError, match=r"kubectl label namespace ns .*enforce=baseline") as caught:
        world.rollback()
    assert caught.value.failure.code is Code.ROLLBACK_REFUSED
    assert world.writes() == []
