# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Floors, earlier images, refused inputs, first installations that fail: going back in all its forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, LEASE, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import WaitOptions

from tests.integration.images import Images, images_of_cluster
from tests.integration.releases.world import ENVIRONMENT, World
from tests.integration.support import ModuleRun
from tests.support.patience import patience

Run = Callable[..., ModuleRun]


@pytest.fixture
def images(kubeconfig: str) -> Iterator[Images]:
    with images_of_cluster(kubeconfig).kept_while() as kept:
        yield kept


def with_floor(release: dict[str, Any], floor: object) -> dict[str, Any]:
    return {**release, "rollback_floor": floor}


def test_no_rollback_goes_below_a_declared_floor(world: World) -> None:
    for text in ("one", "two"):
        world.apply(world.release("a", text=text), world.release("b", text=text)).ok()
    declared = world.apply(with_floor(world.release("a", text="three"), 2), world.release("b", text="three")).ok()
    assert "rollback_floor none -> 2" in declared.result["plan"][0]["changes"]
    before = world.fingerprint()
    refused = world.back("1")
    assert refused.code == "rollback_refused"
    assert "a declares rollback_floor 2, and release set 1 is below it" in refused.message
    assert refused.message.endswith("Nothing was touched.")
    assert world.fingerprint() | _lease(world) == before | _lease(world)
    assert world.back("1", "b").ok().result["changed"], "the other release declares none"
    world.back("2").ok()
    assert world.text("a") == "two"
    assert world.back("1").code == "rollback_refused", "what was declared stays declared: no migration was undone"


def test_a_floor_that_changes_alone_restarts_no_pod(world: World) -> None:
    world.apply(world.release("a")).ok()
    pods = world.pods("a").keys()
    changed = world.apply(with_floor(world.release("a"), "1.4.0")).ok()
    assert (changed.actions, changed.result["plan"][0]["changes"]) == (
        {"a": "upgrade"},
        ["rollback_floor none -> 1.4.0"],
    )
    assert world.pods("a").keys() == pods
    assert world.apply(with_floor(world.release("a"), "1.4.0")).ok().result["changed"] is False


def test_a_failed_deployment_that_declared_a_floor_is_kept_as_it_is(world: World) -> None:
    world.apply(world.release("a")).ok()
    failed = world.apply(with_floor(world.release("a", mode="crash"), 2))
    assert failed.code == "crash_loop"
    assert failed.outcomes == {"a": "failed"}
    assert "rollback_floor" in failed.message
    assert world.statuses("a") == ["superseded", "deployed"]


def test_bad_floors_and_short_histories_are_refused_before_anything_is_asked(world: World, module: Run) -> None:
    options = {"environment": "test", "namespace": world.namespace, "helm_binary": world.helm}
    failed = module("release_apply", {**options, "waves": [[with_floor(world.release("a"), "latest")]]})
    assert failed.code == "invalid_input"
    assert "neither the number of a release set nor a version" in failed.result["msg"]
    short = module("release_rollback", {**options, "history_max": 39})
    assert short.code == "invalid_input"
    assert "set it to 40 or more" in short.result["msg"]
    assert world.history("a") == []


def test_any_earlier_image_of_one_service(world: World, module: Run, images: Images) -> None:
    asked: dict[str, Any] = {"registries": ({"host": "*", "endpoint": images.url},)}
    for tag in ("v1", "v2", "v3"):
        images.push("web", tag, tag)

    def wanted(tag: str) -> list[dict[str, Any]]:
        return [world.release("web", image=f"{images.name('web')}:{tag}"), world.release("b")]

    for tag in ("v1", "v2"):
        world.apply(wanted(tag), **asked).ok()
    b = world.pods("b").keys()
    predicted = world.earlier("v3", "web", check=True, **asked).ok()
    assert (predicted.result["changed"], world.sets()[0]["id"]) == (True, 2)
    never = world.earlier("v3", "web", **asked).ok()
    assert (never.result["set"], [s["withdrawn"] != "" for s in world.sets()]) == (3, [False, True, False])
    options = {
        "environment": "test",
        "namespace": world.namespace,
        "helm_binary": world.helm,
        "timeout": round(patience(60)),
    }
    registries = list(asked["registries"])
    shown = module("release_rollback", {**options, "names": ["web"], "image": "v1", "registries": registries})
    assert shown.result["set"] == 4
    assert "was requested explicitly; it was verified in release set 1" in " ".join(shown.output.split())
    assert world.pods("b").keys() == b
    assert world.earlier("v1", "web", **asked).ok().result["changed"] is False

    unchanged = world.apply(wanted("v1"), **asked).ok().result
    assert (unchanged["changed"], unchanged["helm_calls"]) == (False, 0), "the old inputs change nothing"
    assert {s["id"]: bool(s["withdrawn"]) for s in world.sets()} == {4: False, 3: True, 2: True, 1: False}
    assert world.back().code == "no_verified_set", "not forward again to what was left"
    refused = world.apply(wanted("v2"), **asked).ok()
    assert refused.actions == {"web": "upgrade", "b": "unchanged"}, "the refused inputs are a change"


def test_an_image_that_fails_goes_back_to_what_was_verified(world: World, images: Images) -> None:
    images.push("web", "v1", "one")
    world.apply(world.release("web", image=f"{images.name('web')}:v1")).ok()
    failed = world.earlier("v9", "web", wait=WaitOptions(graces={"image_pull_final": 1}))
    assert failed.code == "image_pull"
    assert "web is back at what was verified" in failed.message
    assert [s["withdrawn"] for s in world.sets()] == ["", ""]
    unknown = world.earlier("v1", "none")
    assert unknown.code == "no_verified_set"
    assert "none is in no verified release set" in unknown.message


def test_the_old_inputs_change_nothing_and_the_refused_ones_are_a_change(world: World) -> None:
    """After a rollback of a set, and of one release."""
    for text in ("one", "two"):
        world.apply(world.release("a", text=text), world.release("b", text=text)).ok()
    world.back().ok()
    old, refused = ([world.release(n, text=t) for n in "ab"] for t in ("one", "two"))
    again = world.apply(old).ok()
    assert (again.result["changed"], again.result["helm_calls"]) == (False, 0)
    assert world.apply(refused, check=True).ok().actions == {"a": "upgrade", "b": "upgrade"}
    world.apply(refused).ok()
    world.back("verified", "b").ok()
    assert world.apply([refused[0], old[1]]).ok().result["helm_calls"] == 0
    assert world.apply(refused, check=True).ok().actions == {"a": "unchanged", "b": "upgrade"}


def test_a_first_installation_that_fails_is_removed_when_requested(world: World) -> None:
    world.apply(world.release("a")).ok()
    failed = world.apply(world.release("a", text="two"), world.release("b", mode="crash"), remove_failed_installs=True)
    assert failed.code == "crash_loop"
    assert "refusing to start" in str(failed.result["failures"]), "it was diagnosed before"
    assert (world.history("b"), world.text("a")) == ([], "one")
    assert (failed.rows["b"]["to"], failed.outcomes) == (0, {"a": "restored", "b": "removed"})
    held = world.apply(world.release("b", mode="crash"), all_releases=["a", "b"], remove_failed_installs=True,
                       on_failure="hold")  # fmt: skip
    assert held.outcomes["b"] == "failed"
    assert world.history("b")


def test_the_first_installation_of_all_is_kept_or_removed(world: World) -> None:
    kept = world.apply(world.release("a", mode="crash"))
    assert kept.outcomes == {"a": "failed"}
    removed = world.apply(world.release("a", mode="crash", text="two"), remove_failed_installs=True)
    assert removed.outcomes == {"a": "removed"}
    assert world.history("a") == []
    assert world.sets() == []
    world.apply(world.release("a")).ok()


def test_of_five_services_the_third_fails(world: World) -> None:
    """1 and 2 come back, 4 and 5 were never touched."""
    waves = [["s1", "s2"], ["s3"], ["s4", "s5"]]
    world.apply(*([world.release(n) for n in wave] for wave in waves)).ok()
    pods = {n: world.pods(n).keys() for n in ("s3", "s4", "s5")}
    failed = world.apply(
        *([world.release(n, text="two", mode="crash" if n == "s3" else "serve") for n in wave] for wave in waves)
    )
    assert failed.code == "crash_loop"
    assert [world.text(n) for n in ("s1", "s2", "s3", "s4", "s5")] == ["one"] * 5
    assert [len(world.history(n)) for n in ("s1", "s2", "s3", "s4", "s5")] == [3, 3, 3, 1, 1]
    assert {n: world.pods(n).keys() for n in pods} == pods, "the old pods served all the while"
    table = {row["name"]: (row["from"], row["tried"], row["to"]) for row in failed.result["releases"]}
    assert table == {"s1": (1, 2, 3), "s2": (1, 2, 3), "s3": (1, 2, 3), "s4": (1, 0, 1), "s5": (1, 0, 1)}
    first = [world.release(n) for n in ("s1", "s2", "s3", "s4", "s5")]
    assert world.apply(first).ok().result["helm_calls"] == 0


def test_a_record_that_is_damaged_is_reported_and_the_one_before_still_works(world: World) -> None:
    for text in ("one", "two", "three"):
        world.apply(world.release("a", text=text)).ok()
    damaged = world.kube.get(CONFIG_MAP, world.namespace, "release-set-2")
    world.kube.delete(CONFIG_MAP, world.namespace, "release-set-2")
    text = damaged["data"]["set.json"].replace('"two"', '"2wo"')
    body: dict[str, Any] = {k: damaged[k] for k in ("apiVersion", "kind", "data", "immutable") if k in damaged}
    metadata = {k: damaged["metadata"][k] for k in ("name", "labels", "annotations")}
    world.kube.create(
        CONFIG_MAP, world.namespace, {**body, "metadata": metadata, "data": {**body["data"], "set.json": text}}
    )
    back = world.back().ok()
    assert world.text("a") == "one"
    assert back.result["set"] == 4
    assert world.back("2").code == "set_damaged"


def test_deleting_records_leaves_the_environment_as_it_is(world: World) -> None:
    for text in ("one", "two"):
        world.apply(world.release("a", text=text), world.release("b")).ok()
    world.kube.delete(CONFIG_MAP, world.namespace, "release-set-2")
    again = world.apply(world.release("a", text="two"), world.release("b")).ok()
    assert (again.actions["a"], again.result["helm_calls"]) == ("verify", 0), "verified again, not deployed again"
    store = RecordStore(world.kube, world.namespace, ENVIRONMENT)
    assert set(store.read(again.result["set"]).members) == {"a", "b"}
    for number in (1, again.result["set"]):
        world.kube.delete(CONFIG_MAP, world.namespace, f"release-set-{number}")
    assert world.back().code == "no_verified_set"
    assert world.apply(world.release("a", text="two"), world.release("b")).ok().result["helm_calls"] == 0
    assert world.kube.list_(SECRET, world.namespace, label_selector="todo.cloud/corrupt-release")[0] == []


def _lease(world: World) -> dict[str, str]:
    """The lock's Lease changes hands even in a run that is refused."""
    items = world.kube.list_(LEASE, world.namespace)[0]
    return {f"Lease/{item['metadata']['name']}": "" for item in items}
