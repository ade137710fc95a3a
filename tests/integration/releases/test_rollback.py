# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""release_rollback on a real API server: to what was verified, further back, and from what is gone."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.records.rollback_target import (
    RollbackTarget,
    remember,
    remembered,
)

from tests.cluster.paths import BIN
from tests.integration.releases.world import World, both_helms, on_the_node
from tests.support.patience import patience


def three_sets(world: World) -> None:
    for text in ("one", "two", "three"):
        world.apply(world.release("a", text=text), world.release("b"), commit=f"{text}-commit").ok()


@both_helms
def test_back_and_further_back_and_never_forward(world: World) -> None:
    three_sets(world)
    b = world.pods("b").keys()
    assert world.back().ok().result["set"] == 4
    assert world.text("a") == "two"
    assert world.back().ok().result["set"] == 5
    assert world.text("a") == "one"
    nothing = world.back()
    assert (nothing.code, world.text("a")) == ("no_verified_set", "one")
    assert world.pods("b").keys() == b, "what did not differ was not touched"
    assert len(world.history("b")) == 1
    assert world.apply(world.release("a", text="one"), world.release("b")).ok().result["helm_calls"] == 0


def test_to_a_set_or_a_commit_and_twice_changes_nothing(world: World) -> None:
    three_sets(world)
    world.back("1").ok()
    assert world.text("a") == "one"
    again = world.back("1").ok()
    assert (again.result["changed"], again.result["helm_calls"]) == (False, 0)
    world.back("two-commit").ok()
    assert world.text("a") == "two"
    for unknown in ("99", "no-such-commit"):
        failed = world.back(unknown)
        assert failed.code == "set_not_found"
        assert unknown in failed.message


def test_two_bad_deploys_in_a_row_do_not_count(world: World) -> None:
    world.apply(world.release("a", text="good")).ok()
    for text in ("bad", "worse"):
        assert world.apply(world.release("a", text=text, mode="crash"), on_failure="hold").code == "crash_loop"
    world.back().ok()
    assert world.text("a") == "good"


def test_some_releases_only(world: World) -> None:
    world.apply(world.release("a"), world.release("b")).ok()
    world.apply(world.release("a", text="two"), world.release("b", text="two")).ok()
    world.back("verified", "b").ok()
    assert (world.text("a"), world.text("b")) == ("two", "one")
    mixed = world.apply(world.release("a", text="two"), world.release("b")).ok()
    assert mixed.result["helm_calls"] == 0, "the mixed set is recorded"
    failed = world.back("1", "c")
    assert failed.code == "rollback_refused"
    assert "c is not part of release set 1" in failed.message


def test_what_helm_3_deployed_goes_on_with_helm_4(world: World) -> None:
    """Nothing is written again because of it, and it can be taken back."""
    old = replace(world, helm=str(BIN / "helm3"))
    for text in ("one", "two"):
        old.apply(old.release("a", text=text), old.release("b")).ok()
    assert world.apply(world.release("a", text="two"), world.release("b")).ok().result["changed"] is False
    world.apply(world.release("a", text="three"), world.release("b")).ok()
    world.back().ok()
    world.back().ok()
    assert world.text("a") == "one"


@both_helms
def test_a_pruned_revision_is_redeployed_from_the_record(world: World) -> None:
    world.apply(world.release("a", text="one", extra={"digits": "0123456789", "nothing": None})).ok()
    world.apply(world.release("a", text="two")).ok()
    world.kube.delete(SECRET, world.namespace, world.history("a")[0].secret)
    done = world.back().ok()
    assert (world.text("a"), done.rows["a"]["to"]) == ("one", 3)
    assert world.stored("a").config["extra"]["digits"] == "0123456789"
    same = world.release("a", text="one", extra={"digits": "0123456789", "nothing": None})
    assert world.apply(same).ok().result["helm_calls"] == 0, "redeployed inputs are the same inputs"


def test_a_release_that_was_uninstalled_comes_back(world: World) -> None:
    world.apply(world.release("a"), world.release("b")).ok()
    for revision in world.history("b"):
        world.kube.delete(SECRET, world.namespace, revision.secret)
    world.back().ok()
    assert world.statuses("b") == ["deployed"]


def test_without_the_newest_record_the_one_before_still_works(world: World) -> None:
    three_sets(world)
    world.kube.delete(CONFIG_MAP, world.namespace, "release-set-3")
    world.back().ok()
    assert world.text("a") == "two"


def test_a_missing_secret_key_stops_it_before_anything_is_touched(world: World) -> None:
    world.secret("database", {"word": "x"})
    world.apply(world.release("a", secretName="database")).ok()
    world.apply(world.release("a", text="two")).ok()
    world.kube.patch(SECRET, world.namespace, "database", {"data": {"word": None, "other": "eA=="}})
    failed = world.back()
    assert failed.code == "rollback_refused"
    assert "needs key 'word' of Secret 'database'" in failed.message
    assert (world.text("a"), len(world.history("a"))) == ("two", 2)


def test_check_mode_says_where_it_would_go_and_writes_nothing(world: World) -> None:
    three_sets(world)
    before = world.fingerprint()
    predicted = world.back(check=True, diff=True).ok()
    assert world.fingerprint() == before
    assert predicted.result["changed"] is True
    assert (predicted.rows["a"]["outcome"], predicted.rows["a"]["detail"]) == ("predicted", "back to set 2")
    assert "text: two" in predicted.result["diff"][0]["after"]


def test_an_unfinished_rollback_goes_on_to_where_it_was_going(world: World) -> None:
    three_sets(world)
    remember(world.kube, world.namespace, RollbackTarget(1, (), (2, 3), "ada@ci"))
    done = world.back().ok()
    assert world.text("a") == "one", "not to set 2, which a fresh rollback would choose"
    assert any("resuming the rollback to release set 1" in line for line in done.lines)
    assert remembered(world.kube, world.namespace) is None
    assert [bool(s["withdrawn"]) for s in world.sets()] == [False, True, True, False]


def test_a_new_deployment_gives_an_unfinished_rollback_up(world: World) -> None:
    three_sets(world)
    remember(world.kube, world.namespace, RollbackTarget(1, (), (2, 3), "ada@ci"))
    world.apply(world.release("a", text="four"), world.release("b")).ok()
    assert remembered(world.kube, world.namespace) is None
    world.back().ok()
    assert world.text("a") == "three"


def test_nothing_verified(world: World) -> None:
    assert world.back().code == "no_verified_set"


def test_a_target_that_does_not_start_any_more_fails_and_is_gone_on_with(world: World) -> None:
    """The old version's Secret has the key, but the old image refuses: here, its file on the node is gone."""
    needs = f"/run/todo-cloud-{world.namespace}"
    on_the_node(world, needs, "touch /needs/up")
    world.apply(world.release("a", text="one", needs=needs)).ok()
    world.apply(world.release("a", text="two")).ok()
    on_the_node(world, needs, "rm /needs/up")
    failed = world.back(timeout=round(patience(15)))
    assert failed.code == "not_ready"
    assert "the rollback to release set 1 is not done, run it again to go on" in failed.message
    assert [s["id"] for s in world.sets()] == [2, 1], "nothing unverified is recorded"
    on_the_node(world, needs, "touch /needs/up")
    done = world.back().ok()
    assert (world.text("a"), done.result["helm_calls"]) == ("one", 0)
    assert remembered(world.kube, world.namespace) is None
