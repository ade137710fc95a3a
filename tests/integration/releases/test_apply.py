# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""release_apply on a real API server with real pods."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.api import APPLY
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, DEPLOYMENT, LEASE, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import WaitOptions

from tests.cluster.paths import BIN
from tests.integration.releases.world import CHART, ENVIRONMENT, World, both_helms, on_the_node
from tests.integration.support import eventually
from tests.support.patience import patience


@both_helms
def test_install_again_change_and_back(world: World) -> None:
    """The life of a set, by Helm 4 and by Helm 3."""
    first = world.apply(world.release("a", text="one"), world.release("b")).ok()
    assert first.actions == {"a": "install", "b": "install"}
    assert (first.result["changed"], first.result["set"], first.result["helm_calls"]) == (True, 1, 4)

    before = world.fingerprint()
    again = world.apply(world.release("a", text="one"), world.release("b")).ok()
    assert again.actions == {"a": "unchanged", "b": "unchanged"}
    assert (again.result["changed"], again.result["helm_calls"]) == (False, 0)
    assert world.fingerprint() == before

    second = world.apply(world.release("a", text="two"), world.release("b")).ok()
    assert second.actions == {"a": "upgrade", "b": "unchanged"}
    assert second.result["plan"][0]["changes"] == ["values text"]
    assert (world.text("a"), second.result["set"]) == ("two", 2)

    back = world.back().ok()
    assert (world.text("a"), back.result["set"]) == ("one", 3)
    assert {n: r["action"] for n, r in back.rows.items()} == {"a": "rollback", "b": "unchanged"}
    assert [s["withdrawn"] != "" for s in world.sets()] == [False, True, False]
    assert world.apply(world.release("a", text="one"), world.release("b")).ok().result["helm_calls"] == 0


def test_requests_of_a_run_without_changes_do_not_grow_with_the_releases(world: World) -> None:
    one = [world.release("r0")]
    world.apply(one).ok()
    few = world.apply(one).ok().result["api"]["requests"]
    more = [world.release(f"r{n}") for n in range(5)]
    world.apply(more).ok()
    assert world.apply(more).ok().result["api"]["requests"] == few
    assert few <= 10


def test_check_mode_predicts_and_writes_nothing(world: World) -> None:
    fresh = world.apply(world.release("a"), check=True, diff=True).ok()
    assert (fresh.actions, fresh.result["changed"]) == ({"a": "install"}, True)
    assert world.history("a") == []
    assert world.kube.find(LEASE, world.namespace, "todo.cloud-lock") is None

    world.apply(world.release("a"), world.release("b")).ok()
    before = world.fingerprint()
    predicted = world.apply(world.release("a", text="two"), world.release("b"), check=True, diff=True).ok()
    assert world.fingerprint() == before
    assert predicted.actions == {"a": "upgrade", "b": "unchanged"}
    diffs = predicted.result["diff"]
    assert any("text: two" in diff["after"] and "text: one" in diff["before"] for diff in diffs)
    assert "rendered-two" not in str(diffs), "a Secret that the chart renders is masked"
    done = world.apply(world.release("a", text="two"), world.release("b"), diff=True).ok()
    assert done.actions == predicted.actions
    assert [diff["after"] for diff in done.result["diff"]] == [diff["after"] for diff in diffs]


@both_helms
def test_a_failing_upgrade_takes_the_set_back_while_old_pods_serve(world: World) -> None:
    world.apply(world.release("a", text="one"), world.release("b")).ok()
    old = world.pods("b").keys()
    failed = world.apply(world.release("a", text="two"), world.release("b", mode="crash"))
    assert failed.code == "crash_loop"
    assert "exits with code 3" in failed.message
    assert failed.outcomes == {"a": "restored", "b": "restored"}
    assert "refusing to start" in str(failed.result["failures"])
    assert world.text("a") == "one"
    assert world.pods("b").keys() == old, "the old pod never went"
    assert (failed.rows["b"]["from"], failed.rows["b"]["tried"], failed.rows["b"]["to"]) == (1, 2, 3)
    assert any(line.startswith("b: ") for line in failed.lines)
    again = world.apply(world.release("a", text="one"), world.release("b")).ok()
    assert again.result["helm_calls"] == 0, "what the set went back to is verified"
    plan = world.apply(world.release("b", mode="crash"), all_releases=["a", "b"], check=True)
    assert plan.actions == {"b": "upgrade"}


def test_hold_keeps_everything_and_the_same_inputs_are_verified_not_assumed(world: World) -> None:
    world.apply(world.release("a"), world.release("b")).ok()
    bad = (world.release("a", text="two"), world.release("b", mode="crash"))
    failed = world.apply(*bad, on_failure="hold")
    assert (failed.code, world.text("a")) == ("crash_loop", "two")
    assert failed.outcomes["b"] == "failed"
    assert [s["id"] for s in world.sets()] == [1], "nothing unverified is recorded"
    again = world.apply(*bad, on_failure="hold")
    assert again.actions == {"a": "verify", "b": "verify"}
    assert (again.code, again.result["helm_calls"]) == ("crash_loop", 0)
    assert world.back().ok().result["set"] == 2
    assert world.text("a") == "one"


def test_only_the_failed_release_goes_back_when_requested(world: World) -> None:
    world.apply(world.release("a"), world.release("b")).ok()
    failed = world.apply(world.release("a", text="two"), world.release("b", mode="crash"), on_failure="release")
    assert failed.code == "crash_loop"
    assert world.text("a") == "two"
    good = (world.release("a", text="two"), world.release("b"))
    assert world.apply(*good).ok().result["helm_calls"] == 0, "the mixed set was verified and recorded"


def test_waves_go_one_after_another_and_a_failed_one_stops_the_rest(world: World) -> None:
    first = [world.release("a")], [world.release("b"), world.release("c")], [world.release("d")]
    world.apply(*first).ok()
    failed = world.apply(
        [world.release("a", text="two")], [world.release("b", mode="crash"), world.release("c", text="two")],
        [world.release("d", text="two")],
    )  # fmt: skip
    assert failed.code == "crash_loop"
    assert failed.rows["d"]["tried"] == 0
    assert [world.text(name) for name in "acd"] == ["one", "one", "one"]
    assert len(world.history("d")) == 1, "what was never touched stays untouched"


@both_helms
def test_a_first_install_that_fails_is_kept_and_reported(world: World) -> None:
    failed = world.apply(world.release("a", mode="crash"))
    assert failed.code == "crash_loop"
    assert failed.outcomes == {"a": "failed"}
    assert world.pods("a")
    assert world.sets() == []
    assert world.apply(world.release("a")).ok().result["set"] == 1


@both_helms
def test_values_that_do_not_fit_the_schema_are_one_sentence_and_change_nothing(world: World) -> None:
    world.apply(world.release("a")).ok()
    failed = world.apply(world.release("a", mode="nonsense"))
    assert failed.code == "chart_invalid"
    assert "/mode" in failed.message
    assert "nothing was changed" in failed.message
    assert len(world.sets()) == 1
    assert "\n" not in failed.message
    assert world.apply(world.release("a")).ok().result["changed"] is False


def test_a_field_that_somebody_else_owns_is_named_and_what_failed_leaves_no_orphan(world: World) -> None:
    world.apply(world.release("a")).ok()
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}
    theirs = {**deployment, "spec": {"minReadySeconds": 2}}
    options: dict[str, Any] = {"content_type": APPLY, "field_manager": "kubectl"}
    world.kube.patch(DEPLOYMENT, world.namespace, "a", theirs, force=True, **options)
    failed = world.apply(world.release("a", text="two", leftover=True), on_failure="hold")
    assert failed.code == "helm_failed"
    assert "kubectl owns fields" in failed.message
    assert world.statuses("a") == ["deployed", "failed"]
    assert world.kube.find(CONFIG_MAP, world.namespace, "a-leftover"), "Helm had made it before it failed"
    world.kube.patch(DEPLOYMENT, world.namespace, "a", deployment, **options)  # kubectl lets go
    world.apply(world.release("a", text="three")).ok()
    assert world.kube.find(CONFIG_MAP, world.namespace, "a-leftover") is None


def test_a_field_that_the_api_does_not_know_is_refused(world: World, tmp_path: Path) -> None:
    """By the server itself: Helm's own look at the server's OpenAPI documents is switched off."""
    chart = Path(shutil.copytree(CHART, tmp_path / "chart"))
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}, "nonsense": True}
    (chart / "templates" / "account.yaml").write_text(json.dumps(account))
    failed = world.apply({**world.release("a"), "chart": str(chart)})
    assert failed.code == "refused"
    assert "nonsense" in failed.message
    assert "\n" not in failed.message


def test_one_release_alone_carries_the_others_forward_only_as_they_were_verified(world: World) -> None:
    both = ("a", "b", "c")
    world.apply(*(world.release(n) for n in both)).ok()
    limited = world.apply(world.release("a", text="two"), all_releases=both).ok()
    assert limited.actions == {"a": "upgrade"}
    store = RecordStore(world.kube, world.namespace, ENVIRONMENT)
    assert set(store.read(2).members) == {"a", "b", "c"}
    helm(world, "upgrade", "b", _chart(world), "--reuse-values", "--set", "text=hand")
    world.apply(world.release("a", text="three"), all_releases=both).ok()
    record = store.read(3)
    assert set(record.members) == {"a", "c"}
    assert "1 was verified" in record.missing["b"]
    all_again = world.apply(world.release("a", text="three"), world.release("b"), world.release("c")).ok()
    assert all_again.actions == {"a": "unchanged", "b": "upgrade", "c": "unchanged"}
    assert set(store.read(4).members) == {"a", "b", "c"}


def test_a_manual_helm_call_is_recognised_and_no_error(world: World) -> None:
    world.apply(world.release("a")).ok()
    world.apply(world.release("a", text="two")).ok()
    helm(world, "upgrade", "a", _chart(world), "--set", "text=hand")
    seen = world.apply(world.release("a", text="two"), check=True).ok()
    assert seen.result["plan"][0]["state"] == "changed_manually"
    assert "changed manually: Upgrade complete" in seen.result["plan"][0]["changes"]
    helm(world, "rollback", "a", "2")
    again = world.apply(world.release("a", text="two")).ok()
    assert again.actions == {"a": "verify"}
    assert again.result["helm_calls"] == 0
    helm(world, "rollback", "a", "1")
    assert world.apply(world.release("a", text="two")).ok().actions == {"a": "upgrade"}
    assert world.text("a") == "two"


def test_a_watched_secret_rolls_the_pods_once_and_its_content_is_nowhere(world: World) -> None:
    world.secret("database", {"word": "canary-one"})
    wanted = world.release("a", watches=("database",), secretName="database")
    world.apply(wanted).ok()
    before = world.pods("a")
    assert world.apply(wanted).ok().result["helm_calls"] == 0
    world.secret("database", {"word": "canary-two"})
    changed = world.apply(wanted, diff=True).ok()
    assert changed.result["plan"][0]["changes"] == ["Secret/database"]
    assert not before.keys() & world.pods("a").keys()
    assert world.apply(wanted).ok().result["helm_calls"] == 0
    seen = world.everything_stored() + str(changed.result) + "\n".join(changed.lines)
    for word in ("canary-one", "canary-two"):
        assert word not in seen
        assert base64.b64encode(word.encode()).decode() not in seen


def test_a_missing_secret_key_is_named(world: World) -> None:
    world.secret("database", {"other": "x"})
    failed = world.apply(world.release("a", secretName="database"), wait=WaitOptions(graces={"config_missing": 1}))
    assert failed.code == "config_missing"
    assert "database" in failed.message


def test_what_the_inventory_dropped_is_named_and_removed_only_when_requested(world: World) -> None:
    world.apply(world.release("a"), world.release("b")).ok()
    run = world.apply(world.release("a"), all_releases=["a"]).ok()
    assert (run.actions, run.result["changed"]) == ({"a": "unchanged"}, False)
    assert world.history("b")
    predicted = world.apply(world.release("a"), all_releases=["a"], prune=True, check=True).ok()
    assert predicted.actions == {"a": "unchanged", "b": "uninstall"}
    world.apply(world.release("a"), all_releases=["a"], prune=True).ok()
    assert world.history("b") == []
    assert world.apply(world.release("a"), all_releases=["a"], prune=True).ok().result["changed"] is False
    assert world.back("1").ok().rows["b"]["to"] == 1, "the record holds what was removed"
    assert world.text("b") == "one"


def test_pods_that_lack_their_sidecar_are_found_though_everything_looks_well(world: World) -> None:
    failed = world.apply(world.release("a", app_id="a", dapr=True), dapr_namespace=world.namespace)
    assert failed.code == "injector_down"
    assert world.sets() == []
    fine = world.apply(world.release("a", app_id="a", dapr=True, sidecar=True), dapr_namespace=world.namespace).ok()
    assert fine.result["set"] == 1


def test_when_the_old_pods_are_unready_too_nothing_goes_back(world: World) -> None:
    """What both versions need is gone: going back would only add another restart."""
    needs = f"/run/todo-cloud-{world.namespace}"
    on_the_node(world, needs, "touch /needs/up")
    world.apply(world.release("a", needs=needs)).ok()
    eventually("the pod was ready for a while", lambda: _ready_for(world, "a") > 2)
    on_the_node(world, needs, "rm /needs/up")
    eventually("the old pod is unready", lambda: _ready_for(world, "a") == 0)
    wait = WaitOptions(graces={"dependency_down": 3})
    failed = world.apply(world.release("a", needs=needs, text="two"), wait=wait, timeout=round(patience(20)))
    assert failed.code == "dependency_down"
    assert "going back would not" in failed.message
    assert world.text("a") == "two"
    assert len(world.history("a")) == 2


def test_another_environments_namespace_is_refused(world: World) -> None:
    world.kube.patch(
        world.kube.resource("v1", "Namespace"), "", world.namespace,
        {"metadata": {"labels": {"todo.cloud/environment": "production"}}},
    )  # fmt: skip
    failed = world.apply(world.release("a"))
    assert failed.code == "invalid_input"
    assert "belongs to environment 'production'" in failed.message
    assert world.history("a") == []


def test_a_damaged_helm_record_is_quarantined(world: World) -> None:
    world.apply(world.release("a")).ok()
    world.apply(world.release("a", text="two")).ok()
    newest = world.history("a")[-1]
    world.kube.patch(SECRET, world.namespace, newest.secret, {"data": {"release": base64.b64encode(b"x").decode()}})
    mended = world.apply(world.release("a", text="three")).ok()
    assert mended.actions == {"a": "quarantine"}
    assert world.text("a") == "three"
    assert world.kube.get(SECRET, world.namespace, f"{newest.secret}.corrupt")


def helm(world: World, *arguments: str) -> str:
    """A person's own call of Helm."""
    done = subprocess.run(
        [str(BIN / "helm"), *arguments, "--namespace", world.namespace, "--kubeconfig", world.kubeconfig],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def _chart(world: World) -> str:
    return str(world.release("x")["chart"])


def _ready_for(world: World, name: str) -> float:
    """Seconds that a release's pods have been ready, by the server's clock; 0: they are not."""
    conditions = [
        c for p in world.pods(name).values() for c in p["status"].get("conditions", ()) if c["type"] == "Ready"
    ]
    since = [datetime.fromisoformat(c["lastTransitionTime"]).timestamp() for c in conditions if c["status"] == "True"]
    return world.kube.server_now() - max(since) if since else 0
