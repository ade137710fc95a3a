# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One environment's run does not touch another one, and verifies it; what is not to be asked is not asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.environments.guard import CLUSTER_ID, HOSTS, PLATFORM, TOPICS
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, DEPLOYMENT, NAMESPACE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnDrift

from tests.cluster.paths import BIN
from tests.integration.releases.world import CHART, ENVIRONMENT, World
from tests.integration.support import ModuleRun, run_playbook
from tests.support.api_proxy import ApiProxy
from tests.support.patience import patience


@pytest.fixture
def other(kubeconfig: str, kube: KubeSession, make_namespace: Callable[..., str]) -> Iterator[World]:
    """Another environment, called other."""
    name = make_namespace(**{"todo.cloud/environment": "other"})
    yield World(kubeconfig, kube, name)
    kube.delete(NAMESPACE, "", name)


@pytest.fixture
def proxy(kubeconfig: str) -> Iterator[ApiProxy]:
    with ApiProxy(kubeconfig) as running:
        yield running


def through(world: World, proxy: ApiProxy) -> World:
    return replace(world, kubeconfig=str(proxy.kubeconfig))


def test_check_mode_writes_nothing_and_predicts_what_the_run_does(world: World, proxy: ApiProxy) -> None:
    world.apply(world.release("api"), world.release("edge"), world.release("old")).ok()
    wanted = world.release("api", text="two"), world.release("edge"), world.release("fresh")
    seen = through(world, proxy)
    plan = seen.apply(*wanted, check=True, diff=True, drift=OnDrift.REPORT, prune=True).ok()
    assert proxy.counts.writes == 0
    assert proxy.counts.by_verb["patch"] > 0, "dry runs passed, so the proxy sees patches"
    done = seen.apply(*wanted, prune=True).ok()
    assert proxy.counts.writes > 0
    predicted = {name: action for name, action in plan.actions.items() if action != "unchanged"}
    assert predicted == {"api": "upgrade", "fresh": "install", "old": "uninstall"}
    assert {
        name: row["action"] for name, row in done.rows.items() if row["tried"] or row["outcome"] == "removed"
    } == predicted
    proxy.counts.writes = 0
    again = seen.apply(*wanted, check=True, prune=True).ok()
    assert set(again.actions.values()) == {"unchanged"}
    assert (seen.apply(*wanted, prune=True).ok().result["changed"], proxy.counts.writes) == (False, 0)


def test_a_run_of_one_environment_asks_nothing_of_another_cluster(
    world: World, proxy: ApiProxy, kubeconfig: str, tmp_path: Path
) -> None:
    """Both kubeconfigs are there, as contexts of one file; production's leads to the proxy."""
    own, foreign = (yaml.safe_load(Path(p).read_text()) for p in (kubeconfig, proxy.kubeconfig))
    both: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": "production"}
    for kind, key in (("clusters", "cluster"), ("users", "user")):
        both[kind] = [{"name": n, key: c[kind][0][key]} for n, c in (("staging", own), ("production", foreign))]
    both["contexts"] = [{"name": n, "context": {"cluster": n, "user": n}} for n in ("staging", "production")]
    (tmp_path / "both").write_text(json.dumps(both))
    text = yaml.safe_dump([
        {"import_playbook": "todo.cloud.isolation", "vars": {"isolation_stage": "before"}},
        {"hosts": "all", "gather_facts": False, "tasks": [{"todo.cloud.release_apply": {
            "kubeconfig": str(tmp_path / "both"), "context": "staging", "environment": ENVIRONMENT,
            "namespace": world.namespace, "waves": [[world.release("api")]], "helm_binary": str(BIN / "helm"),
            "stability_seconds": 0.5,
        }}]},
        {"import_playbook": "todo.cloud.isolation"},
    ])  # fmt: skip
    run = run_playbook(text, tmp_path, str(tmp_path / "both"), "-i", "one,", "-c", "local")
    assert run.returncode == 0, run.stdout
    assert "isolation_watch is empty" in " ".join(run.stdout.split())
    assert world.statuses("api") == ["deployed"]
    assert proxy.counts.requests == 0


def watch(watched: Mapping[str, World], tmp_path: Path, kubeconfig: str, task: dict[str, Any]) -> str:
    """What a run with ``task`` in it says of the other environments."""
    text = yaml.safe_dump([
        {"import_playbook": "todo.cloud.isolation", "vars": {"isolation_stage": "before"}},
        {"hosts": "all", "gather_facts": False, "tasks": [task]},
        {"import_playbook": "todo.cloud.isolation"},
    ])  # fmt: skip
    watch = [{"environment": name, "namespace": world.namespace} for name, world in watched.items()]
    extra = json.dumps({"isolation_watch": watch})
    run = run_playbook(text, tmp_path, kubeconfig, "-i", "one,", "-c", "local", "-e", extra)
    assert run.returncode == 0, run.stdout
    return " ".join(run.stdout.split())


def test_another_environment_is_untouched_or_what_changed_is_named(
    world: World, other: World, tmp_path: Path, kubeconfig: str
) -> None:
    other.secret("mine", {"word": "canary"})
    kubectl = [str(BIN / "kubectl"), "--kubeconfig", kubeconfig, "--namespace", other.namespace]
    settings = [*kubectl, "create", "configmap", "orphan", "--from-literal=a=1"]
    output = watch(
        {"test": world, "other": other}, tmp_path, kubeconfig, {"ansible.builtin.command": {"argv": settings}}
    )
    assert "test: untouched, " in output
    assert "other: 1 of" in output
    assert "other: ConfigMap/orphan is new (kubectl-create, " in output
    assert "canary" not in output


def test_a_fingerprint_is_published_and_reports_what_was_done_manually(
    world: World, module: Callable[..., ModuleRun]
) -> None:
    world.apply(world.release("api")).ok()
    params = {"namespace": world.namespace, "environment": ENVIRONMENT, "compare_to": "published"}
    found = module("environment_info", params)
    assert not found.failed, found.output
    assert found.result["table"] == [f"test: untouched, {len(found.result['fingerprint']['objects'])} objects compared"]
    scale = {"spec": {"replicas": 2, "minReadySeconds": 2}}
    world.kube.patch(DEPLOYMENT, world.namespace, "api", scale, field_manager="ada")
    (change,) = module("environment_info", params, check=True).result["changes"]
    assert (change["object"], change["fields"]) == ("Deployment/api", ["spec.minReadySeconds", "spec.replicas"])
    assert change["by"][0].startswith("ada, ")


def test_an_unreadable_environment_is_reported(module: Callable[..., ModuleRun], proxy: ApiProxy) -> None:
    found = module(
        "environment_info", {"namespace": "x", "impersonate_user": "nobody"}, kubeconfig=str(proxy.kubeconfig)
    )
    assert found.code == "forbidden"
    assert "configmaps" in found.result["msg"]
    assert proxy.counts.requests == 1


def test_guards_on_a_real_cluster(world: World, other: World, module: Callable[..., ModuleRun]) -> None:
    uid = world.kube.get(NAMESPACE, "", "kube-system")["metadata"]["uid"]
    refused = world.apply(world.release("api"), cluster_id="another")
    assert (refused.code, world.history("api")) == ("invalid_input", [])
    assert uid in refused.message
    world.apply(world.release("api"), cluster_id=uid).ok()
    notes = world.kube.get(NAMESPACE, "", world.namespace)["metadata"]["annotations"]
    assert notes[CLUSTER_ID] == uid, "recorded on first use"
    host = f"{other.namespace}.example.com"
    claims = {"environment": "other", "hosts": [f"https://{host}/"], "platform": False}
    claimed = module("environment_info", {"namespace": other.namespace, "fingerprint": False, "claims": claims}).result
    assert claimed["annotations"] == {HOSTS: host, PLATFORM: "", TOPICS: "", CLUSTER_ID: uid}
    world.kube.patch(NAMESPACE, "", other.namespace, {"metadata": {"annotations": claimed["annotations"]}})
    claims["environment"] = ENVIRONMENT
    taken = module("environment_info", {"namespace": world.namespace, "fingerprint": False, "claims": claims})
    assert taken.code == "invalid_input"
    assert f"already claims the host name {host}" in taken.result["msg"]
    world.kube.patch(NAMESPACE, "", world.namespace, {"metadata": {"annotations": {CLUSTER_ID: "restored"}}})
    before = len(world.history("api"))
    assert "copied or restored" in world.apply(world.release("api", text="two")).message
    assert len(world.history("api")) == before
    assert world.kube.get(CONFIG_MAP, world.namespace, "api")["data"]["text"] == "one"


def test_helm_release_has_the_same_guards(world: World, other: World, module: Callable[..., ModuleRun]) -> None:
    uid = world.kube.get(NAMESPACE, "", "kube-system")["metadata"]["uid"]
    base = {"name": "one", "namespace": world.namespace, "helm_binary": world.helm, "stability_seconds": 0.5}
    wanted = {**base, "chart": CHART, "environment": ENVIRONMENT, "timeout": round(patience(60))}
    assert "may not deploy there" in module("helm_release", {**wanted, "namespace": other.namespace}).result["msg"]
    assert module("helm_release", {**wanted, "cluster_id": "another"}, check=True).code == "invalid_input"
    assert module("helm_release", {**base, "chart": CHART, "cluster_id": uid}).failed, "whose claims would that be?"
    assert (world.history("one"), other.history("one")) == ([], [])

    done = module("helm_release", {**wanted, "cluster_id": uid})
    assert (done.failed, done.result["action"]) == (False, "install"), done.output
    assert "todo.cloud/environment" not in world.history("one")[0].labels, "no set claims it"
    gone = {**base, "state": "absent", "environment": ENVIRONMENT}
    assert module("helm_release", {**gone, "cluster_id": "another"}).code == "invalid_input"
    assert world.history("one")
    host = {HOSTS: "same.example.com"}
    for each in (world, other):
        world.kube.patch(NAMESPACE, "", each.namespace, {"metadata": {"annotations": host}})
    assert "claims the host name" in module("helm_release", wanted).result["msg"]
    assert module("helm_release", gone).result["action"] == "uninstall", "what is to go may go"
    assert module("helm_release", {**gone, "namespace": "not-there"}).result["changed"] is False
