# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The modules: arguments, check mode, create, again, change, clean failure, delete; by Ansible where it shows more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, DEPLOYMENT

from tests.integration.releases.world import CHART, World
from tests.integration.support import ModuleRun
from tests.support.patience import patience

Run = Callable[..., ModuleRun]


def arguments(world: World, *releases: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Options of release_apply, or of release_rollback where no release is given."""
    base = {"environment": "test", "namespace": world.namespace, "helm_binary": world.helm, "stability_seconds": 0.5}
    names = [release["name"] for release in releases]
    waves = {"waves": [list(releases)], "all_releases": names} if releases else {}
    return {**base, **waves, "timeout": round(patience(60)), **more}


def test_release_apply_rollback_and_info(world: World, module: Run) -> None:
    missing = module("release_apply", {"environment": "test"})
    assert missing.failed
    assert "namespace, waves" in missing.result["msg"]

    one = arguments(world, world.release("a", text="one"))
    predicted = module("release_apply", one, check=True)
    assert (predicted.result["changed"], predicted.result["plan"][0]["action"]) == (True, "install")
    assert world.history("a") == []

    first = module("release_apply", one)
    assert (first.result["changed"], first.result["set"]) == (True, 1), first.output
    assert first.result["table"][1].split() == ["a", "install", "-", "1", "1", "verified"]
    again = module("release_apply", one)
    assert (again.result["changed"], again.result["helm_calls"]) == (False, 0)

    two = arguments(world, world.release("a", text="two"), commit="0123abcd")
    shown = module("release_apply", two, check=True, diff=True, by_ansible=True)
    assert "text: two" in shown.output  # Ansible prints the difference and takes it out of the result
    assert module("release_apply", two).result["set"] == 2

    failed = module("release_apply", arguments(world, world.release("a", mode="crash")))
    assert (failed.failed, failed.code) == (True, "crash_loop")
    assert failed.result["msg"].startswith("a: container app exits with code 3")
    assert failed.result["releases"][0]["outcome"] == "restored"
    assert "Traceback" not in failed.output

    env = {"environment": "test", "namespace": world.namespace}
    info = module("release_set_info", {**env, "status": True}).result
    assert info["current"] == 3
    assert info["status"]["a"]["replicas"] == "1/1"
    assert info["lock"]["held"] is False
    assert module("release_set_info", {**env, "at": "0123abcd"}).result["sets"][0]["id"] == 2
    assert module("release_set_info", {**env, "at": "99"}).code == "set_not_found"

    options = {**env, "helm_binary": world.helm, "stability_seconds": 0.5}
    assert module("release_rollback", options, check=True).result["changed"] is True
    assert world.text("a") == "two"
    back = module("release_rollback", {**options, "to": "1"}).result
    assert (back["changed"], back["set"], world.text("a")) == (True, 4, "one")
    assert module("release_rollback", {**options, "to": "1"}).result["changed"] is False
    assert module("release_rollback", {**options, "to": "99"}).code == "set_not_found"


def test_helm_release(world: World, module: Run) -> None:
    base = {
        "name": "one",
        "namespace": world.namespace,
        "helm_binary": world.helm,
        "stability_seconds": 0.5,
        "timeout": round(patience(60)),
    }
    assert "chart" in module("helm_release", base).result["msg"]

    wanted = {**base, "chart": CHART, "values": {"text": "one"}}
    shown = module("helm_release", wanted, check=True, diff=True, by_ansible=True)
    predicted = shown.result
    assert (predicted["changed"], predicted["action"], predicted["revision"]) == (True, "install", 0)
    assert "kind: Deployment" in shown.output
    assert "rendered-one" not in shown.output
    first = module("helm_release", wanted).result
    assert (first["state_before"], first["action"], first["revision"]) == ("absent", "install", 1)
    assert first["verdict"]["verdict"] == "Current"
    again = module("helm_release", wanted).result
    assert (again["changed"], again["state_before"], again["helm_calls"]) == (False, "verified", 0)

    world.kube.patch(DEPLOYMENT, world.namespace, "one", {"spec": {"replicas": 0}})
    world.kube.patch(DEPLOYMENT, world.namespace, "one", {"spec": {"replicas": 1, "minReadySeconds": 2}})
    again = module("helm_release", wanted).result
    assert (again["changed"], again["helm_calls"]) == (False, 0)

    changed = {**wanted, "values": {"text": "two"}}
    assert module("helm_release", changed, check=True).result["changes"] == ["values text"]
    # merge patches above made somebody else the owner of the replicas
    conflict = module("helm_release", changed)
    assert conflict.code == "helm_failed"
    assert "force_conflicts (module helm_release)" in conflict.result["msg"]
    forced = module("helm_release", {**changed, "force_conflicts": True}).result
    assert (forced["state_before"], forced["revision"]) == ("failed", 3)
    assert world.text("one") == "two"

    bad = module("helm_release", {**wanted, "values": {"mode": "nonsense"}})
    assert bad.code == "chart_invalid"
    assert "Traceback" not in bad.output
    crash = module("helm_release", {**wanted, "values": {"mode": "crash"}, "force_conflicts": True})
    assert crash.code == "crash_loop"
    assert crash.result["verdict"]["verdict"] == "Failed"

    found = module("helm_release_info", {"namespace": world.namespace}).result["releases"]
    assert [(r["name"], r["status"], r["chart"]) for r in found] == [("one", "deployed", "sleeper")]
    assert module("helm_release_info", {"namespace": world.namespace, "name": "none"}).result["releases"] == []

    gone = {**base, "state": "absent"}
    assert module("helm_release", gone, check=True).result["changed"] is True
    assert world.history("one")
    assert module("helm_release", gone, diff=True).result["action"] == "uninstall"
    assert world.history("one") == []
    assert world.kube.find(CONFIG_MAP, world.namespace, "one") is None
    assert module("helm_release", gone).result["changed"] is False


def test_a_namespace_that_is_not_there(world: World, module: Run) -> None:
    nowhere = {"name": "one", "namespace": "not-there", "helm_binary": world.helm, "chart": CHART}
    assert module("helm_release", nowhere, check=True).result["changed"] is True
    assert module("helm_release", nowhere).code == "not_found"
    assert module("helm_release", {**nowhere, "state": "absent"}).result["changed"] is False
    release = {**world.release("a"), "namespace": "not-there"}
    options = {**arguments(world, release), "namespace": "not-there"}
    assert module("release_apply", options, check=True).result["plan"][0]["action"] == "install"
    assert module("release_apply", options, check=True, diff=True).result["changed"] is True
    failed = module("release_apply", options)
    assert failed.code == "not_found"
    assert "deploy the environment 'test' first" in failed.result["msg"]


def test_programs_and_inputs_that_are_not_there(world: World, module: Run) -> None:
    failed = module("release_apply", arguments(world, world.release("a"), helm_binary="/no/such/helm"))
    assert failed.code == "helm_missing"
    assert "helm_binary" in failed.result["msg"]
    failed = module("release_apply", arguments(world, {**world.release("a"), "chart": "/no/such/chart"}))
    assert failed.code == "chart_invalid"
    assert "There is no chart at /no/such/chart" in failed.result["msg"]
    failed = module("release_apply", arguments(world, {**world.release("a"), "chart": "oci://r/c"}))
    assert "chart_version" in failed.result["msg"]
    assert world.history("a") == []


def test_dapr_sidecar_check(world: World, module: Run) -> None:
    """Without a Dapr on this cluster: pods are seen, the rest is reported as unreadable; with one see tests/e2e."""
    options = {"namespace": world.namespace, "dapr_namespace": world.namespace}
    nothing = module("dapr_sidecar_check", options).result
    assert (nothing["apps"], nothing["changed"]) == ([], False)
    assert "no Secret dapr-trust-bundle" in nothing["trust"]["why"]
    releases = [world.release("a", dapr=True), world.release("b", dapr=True, sidecar=True), world.release("c")]
    applied = world.apply(*releases, on_failure="hold", dapr_namespace=world.namespace)
    assert applied.code == "injector_down", "nobody named an app id, but the pods of a ask for a sidecar"
    failed = module("dapr_sidecar_check", options)
    assert failed.code == "sidecar_missing"
    assert "a: pod a-" in failed.result["msg"]
    assert [(a["app_id"], a["injected"], a["expected"]) for a in failed.result["apps"]] == [("a", 0, 1), ("b", 1, 1)]
    assert module("dapr_sidecar_check", {**options, "app_ids": ["b"]}).result["apps"][0]["form"] == "container"
    assert module("dapr_sidecar_check", {**options, "app_ids": ["c"]}).code == "sidecar_missing"
    pods = world.pods("a").keys()
    assert module("dapr_sidecar_check", {**options, "repair": True}, check=True).result["changed"] is True
    assert module("dapr_sidecar_check", {**options, "repair": True}).code == "injector_down"
    assert world.pods("a").keys() == pods, "nothing is restarted while the injector is down"
