# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Releases that somebody else installed are taken over: compared, verified, labelled, recorded; no pod is restarted."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE
from ansible_collections.todo.cloud.plugins.module_utils.readiness.fields import is_true
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore

from tests.cluster.paths import BIN
from tests.integration.releases.world import CHART, ENVIRONMENT, World
from tests.integration.support import ModuleRun, eventually
from tests.support.patience import patience

Run = Callable[..., ModuleRun]


def manually(world: World, name: str, program: str = "helm", **values: str) -> None:
    """Helm as a person calls it, with its own waiting."""
    argv = [str(BIN / program), "--kubeconfig", world.kubeconfig, "--namespace", world.namespace]
    given = [f"--set={key}={value}" for key, value in values.items()]
    subprocess.run([*argv, "upgrade", "--install", name, CHART, *given], check=True, capture_output=True, timeout=600)
    eventually(f"{name} runs", lambda: _ready(world, name))


def _ready(world: World, name: str) -> bool:
    pods = world.pods(name).values()
    return bool(pods) and all(is_true(pod, "Ready") for pod in pods)


def options(world: World, *releases: dict[str, Any], **more: Any) -> dict[str, Any]:
    base = {"environment": "test", "namespace": world.namespace, "helm_binary": world.helm, "stability_seconds": 0.5}
    names = [release["name"] for release in releases]
    return {**base, "timeout": round(patience(60)), "waves": [list(releases)], "all_releases": names, **more}


def test_what_runs_is_taken_over_without_a_restart(world: World) -> None:
    world.secret("database", {"word": "canary-in-a-secret"})
    manually(world, "a", secretName="database")
    manually(world, "b", "helm3", text="canary-value")  # another text than the inventory's
    a = world.release("a", watches=("database",), secretName="database")
    wanted = (a, world.release("b"), world.release("c"))
    pods = {name: world.pods(name).keys() for name in "ab"}
    before = world.fingerprint()

    predicted = world.adopt(*wanted, check=True, diff=True).ok()
    assert predicted.result["changed"] is True
    actions = {name: row["action"] for name, row in predicted.rows.items()}
    assert actions == {"a": "adopt", "b": "adopt", "c": "unchanged"}
    assert (predicted.rows["a"]["outcome"], predicted.rows["a"]["detail"]) == ("predicted", "as the inventory says")
    assert "values text" in predicted.rows["b"]["detail"]
    assert "no Helm release of this name" in predicted.rows["c"]["detail"]
    assert "text: one" in str(predicted.result["diff"])
    assert world.fingerprint() == before

    done = world.adopt(*wanted, commit="0123abcd").ok().result
    assert (done["changed"], done["set"]) == (True, 1)
    assert {name: world.pods(name).keys() for name in "ab"} == pods
    assert [len(world.history(name)) for name in "abc"] == [1, 1, 0]
    record = RecordStore(world.kube, world.namespace, ENVIRONMENT).read(1)
    assert set(record.members) == {"a", "b"}
    assert record.commit == "0123abcd"
    assert "canary-value" not in str(record), "values that somebody else gave are not recorded"
    again = world.adopt(*wanted).ok().result
    assert (again["changed"], again["set"]) == (False, 1)

    unchanged = world.apply(a, all_releases=["a", "b", "c"]).ok()
    assert (unchanged.result["changed"], unchanged.result["helm_calls"]) == (False, 0)
    plan = world.apply(*wanted, check=True).ok()
    assert plan.actions == {"a": "unchanged", "b": "upgrade", "c": "install"}
    world.apply(*wanted).ok()
    assert (world.text("b"), world.pods("a").keys()) == ("one", pods["a"])
    world.back("1", "b").ok()
    assert world.text("b") == "canary-value", "the first set is what was adopted"

    world.secret("database", {"word": "changed"})
    rolled = world.apply(a, all_releases=["a", "b", "c"]).ok()
    assert rolled.actions == {"a": "upgrade"}
    assert not world.pods("a").keys() & pods["a"], "what is watched counts from now on"
    seen = world.everything_stored()
    for word in ("canary-in-a-secret", base64.b64encode(b"canary-in-a-secret").decode()):
        assert word not in seen


def test_what_is_not_well_is_not_adopted(world: World) -> None:
    manually(world, "a")
    argv = [world.helm, "--kubeconfig", world.kubeconfig, "--namespace", world.namespace]
    crash = [*argv, "upgrade", "--install", "b", CHART, "--set", "mode=crash"]
    subprocess.run(crash, check=True, capture_output=True, timeout=600)
    before = world.history("a"), world.history("b")
    failed = world.adopt(world.release("a"), world.release("b", mode="crash"))
    assert failed.code == "crash_loop"
    assert "an unhealthy release is not adopted, nothing was changed" in failed.message
    assert (world.history("a"), world.history("b")) == before
    assert world.sets() == []


def test_the_namespace_becomes_the_environments_where_it_is_nobodys(
    world: World, module: Run, make_namespace: Callable[..., str]
) -> None:
    free = replace(world, namespace=make_namespace())
    manually(free, "a")
    assert free.apply(free.release("a")).code == "invalid_input", "nobody deploys to a namespace without an owner"
    assert module("release_adopt", options(free, free.release("a"))).result["set"] == 1
    labels = world.kube.get(NAMESPACE, "", free.namespace)["metadata"]["labels"]
    assert labels["todo.cloud/environment"] == "test"
    assert free.apply(free.release("a")).ok().result["changed"] is False
    taken = replace(world, namespace=make_namespace(**{"todo.cloud/environment": "production"}))
    refused = taken.adopt(taken.release("a"))
    assert refused.code == "invalid_input"
    assert "belongs to environment 'production'" in refused.message
    ours = free.adopt(free.release("a")).ok()
    assert (ours.result["changed"], ours.rows["a"]["detail"]) == (False, "ours already")
