# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Drift, found by a real API server: by whom, of what, never with a Secret's value, and without a write."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    SECRET,
    SERVICE,
    WELL_KNOWN,
)
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnDrift

from tests.cluster.paths import BIN, TOP
from tests.integration.releases.world import World, both_helms
from tests.integration.support import eventually

OBJECTS = str(TOP / "tests" / "fixtures" / "charts" / "objects")
AUTOSCALER = WELL_KNOWN["autoscaling/v2", "HorizontalPodAutoscaler"]


def kubectl(world: World, *argv: str) -> None:
    """As a person would, manually."""
    command = [str(BIN / "kubectl"), "--namespace", world.namespace, *argv]
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBECONFIG": world.kubeconfig}
    subprocess.run(command, env=env, capture_output=True, timeout=600, check=True)


def drift(world: World, *releases: dict[str, Any]) -> list[dict[str, str]]:
    return list(world.apply(*releases, check=True, drift=OnDrift.REPORT).ok().result["drift"])


def test_what_somebody_changed_manually_is_named_with_its_author(world: World) -> None:
    release = world.release("api", text="canary-one")
    world.apply(release).ok()
    assert drift(world, release) == []
    kubectl(world, "scale", "deployment/api", "--replicas=2")
    kubectl(world, "set", "env", "deployment/api", "LEVEL=debug")
    kubectl(world, "label", "deployment/api", "owner=ada")
    kubectl(world, "patch", "secret/api-made", "--patch", '{"stringData": {"word": "canary-other", "more": "canary"}}')
    kubectl(world, "delete", "configmap/api")
    before = world.fingerprint()
    outcome = world.apply(release, check=True, drift=OnDrift.REPORT).ok()
    assert world.fingerprint() == before, "looking changes nothing"
    found = {(d["kind"], d["path"]): d for d in outcome.result["drift"]}
    scaled = found["Deployment", "spec.replicas"]
    assert (scaled["change"], scaled["wanted"], scaled["found"]) == ("changed", "1", "2")
    assert scaled["by"].startswith("kubectl")
    env = "spec.template.spec.containers[app].env"
    assert found["Deployment", f"{env}[LEVEL].value"]["change"] == "added"
    assert found["Deployment", f"{env}[LEVEL].value"]["when"], (
        "scaling is recorded without a time, other writes with one"
    )
    assert found["Deployment", "metadata.labels.owner"]["found"] == '"ada"'
    assert found["ConfigMap", ""]["message"] == "ConfigMap/api does not exist"
    assert found["Secret", "data.word"]["found"] == "(hidden)"
    assert found["Secret", "data.more"]["change"] == "added"
    assert "canary" not in str(outcome.result["drift"])
    assert "Y2FuYXJ5" not in str(outcome.result["drift"])
    assert any(line.startswith("drift: Deployment/api: spec.replicas is 2") for line in outcome.result["table"])


def test_replicas_that_an_autoscaler_owns_are_its_own(world: World) -> None:
    release = world.release("api")
    world.apply(release).ok()
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}
    world.kube.create(AUTOSCALER, world.namespace, {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "api"},
        "spec": {"scaleTargetRef": ref, "minReplicas": 2, "maxReplicas": 3},
    })  # fmt: skip
    kubectl(world, "scale", "deployment/api", "--replicas=3")
    assert world.kube.get(DEPLOYMENT, world.namespace, "api")["spec"]["replicas"] == 3
    assert drift(world, release) == []


def test_a_release_that_was_changed_and_not_yet_applied_does_not_drift(world: World) -> None:
    world.apply(world.release("api", text="one")).ok()
    assert drift(world, world.release("api", text="two"), world.release("fresh")) == []
    assert world.kube.get(CONFIG_MAP, world.namespace, "api")["data"]["text"] == "one"


def image(world: World) -> str:
    pod = world.kube.get(DEPLOYMENT, world.namespace, "api")["spec"]["template"]["spec"]
    return str(pod["containers"][0]["image"])


@both_helms
def test_what_was_changed_manually_is_reported_refused_and_put_back(world: World) -> None:
    release = world.release("api", text="one")
    world.apply(release, drift=OnDrift.REPORT).ok()
    unchanged = world.apply(release, drift=OnDrift.IGNORE).ok().result["api"]["requests"]
    fresh = world.apply(release, drift=OnDrift.REPORT).ok().result
    assert (fresh["drift"], fresh["helm_calls"], fresh["api"]["requests"]) == ([], 0, unchanged)
    asked = image(world)
    kubectl(world, "set", "image", "deployment/api", f"app={asked.rpartition('/')[2]}")
    kubectl(world, "set", "env", "deployment/api", "LEVEL=debug")
    kubectl(world, "patch", "configmap/api", "--patch", '{"data": {"text": "two", "more": "x"}}')
    kubectl(world, "delete", "secret/api-made")
    for _ in range(2):
        reported = world.apply(release, drift=OnDrift.REPORT).ok()
        assert reported.outcomes == {"api": "drifted"}
        found = {(d["kind"], d["path"]): d for d in reported.result["drift"]}
        by = found["Deployment", "spec.template.spec.containers[app].image"]
        assert (by["by"], bool(by["when"])) == ("kubectl-set", True)
        assert found["ConfigMap", "data.text"]["found"] == '"two"'
        assert found["Secret", ""]["change"] == "missing"
    before = world.fingerprint()
    refused = world.apply(release, drift=OnDrift.REFUSE)
    assert (refused.code, world.fingerprint()) == ("drifted", before)
    assert "Secret/api-made does not exist" in refused.message
    restored = world.apply(release, drift=OnDrift.RESTORE).ok()
    assert (restored.outcomes, restored.actions) == ({"api": "verified"}, {"api": "upgrade"})
    live = world.kube.get(DEPLOYMENT, world.namespace, "api")
    assert image(world) == asked
    assert "LEVEL" not in str(live["spec"])
    assert world.kube.get(CONFIG_MAP, world.namespace, "api")["data"] == {"text": "one"}
    assert world.kube.get(SECRET, world.namespace, "api-made")
    assert drift(world, release) == []
    again = world.apply(release, drift=OnDrift.REPORT).ok().result
    assert (again["drift"], again["helm_calls"], again["api"]["requests"]) == ([], 0, unchanged)


def test_objects_that_are_no_workloads_cost_one_list_a_kind_and_are_put_back(world: World) -> None:
    """Of three releases with a Service, an Ingress, a NetworkPolicy, a ConfigMap and an account each."""
    releases = [with_objects(world, name) for name in ("one", "two", "three")]
    world.apply(*releases, drift=OnDrift.REPORT).ok()
    ignoring = world.apply(*releases, drift=OnDrift.IGNORE).ok().result["api"]["requests"]
    fresh = world.apply(*releases, drift=OnDrift.REFUSE).ok().result
    assert (fresh["drift"], fresh["helm_calls"], fresh["api"]["requests"] - ignoring) == ([], 0, 4)
    kubectl(world, "patch", "service/one", "--patch", '{"spec": {"selector": {"app": "other"}}}')
    kubectl(world, "delete", "networkpolicy/two")
    kubectl(world, "annotate", "serviceaccount/three", "owner=ada")
    found = world.apply(*releases, drift=OnDrift.REPORT).ok().result["drift"]
    assert {(d["release"], d["kind"], d["path"], d["change"]) for d in found} == {
        ("one", "Service", "spec.selector.app", "changed"), ("two", "NetworkPolicy", "", "missing"),
        ("three", "ServiceAccount", "metadata.annotations.owner", "added"),
    }  # fmt: skip
    restored = world.apply(*releases, drift=OnDrift.RESTORE).ok()
    assert set(restored.outcomes.values()) == {"verified"}
    assert world.kube.get(SERVICE, world.namespace, "one")["spec"]["selector"] == {"app": "one"}
    assert world.apply(*releases, drift=OnDrift.REFUSE).ok().result["api"]["requests"] == fresh["api"]["requests"]


def with_objects(world: World, name: str) -> dict[str, Any]:
    selector = {"app": name}
    backend = {"service": {"name": name, "port": {"number": 80}}}
    rules = [{"host": f"{name}.test", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
    kinds: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Service", "spec": {"selector": selector, "ports": [{"port": 80}]}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": {"rules": rules}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {}}},
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {"text": "one"}},
        {"apiVersion": "v1", "kind": "ServiceAccount"},
    ]
    objects = [{**item, "metadata": {"name": name}} for item in kinds]
    return {"name": name, "namespace": world.namespace, "chart": OBJECTS, "values": {"objects": objects}}


def test_scaling_by_hand_is_drift_and_a_restart_or_an_autoscalers_scale_is_none(world: World) -> None:
    release = world.release("api")
    world.apply(release).ok()
    unchanged = world.apply(release).ok().result["api"]["requests"]
    kubectl(world, "rollout", "restart", "deployment/api")
    kubectl(world, "rollout", "status", "deployment/api", "--timeout=300s")
    eventually("the old pod is gone", lambda: len(world.pods("api")) == 1)
    after = world.apply(release, drift=OnDrift.REFUSE).ok().result
    assert (after["drift"], after["api"]["requests"]) == ([], unchanged)
    scale = {"metadata": {"name": "api", "namespace": world.namespace}, "spec": {"replicas": 2}}
    world.kube.patch(
        DEPLOYMENT, world.namespace, "api", scale, subresource="scale", field_manager="kube-controller-manager"
    )
    eventually("both pods are ready", lambda: world.apply(release).outcomes == {"api": "unchanged"})
    after = world.apply(release, drift=OnDrift.REFUSE).ok().result
    assert (after["drift"], after["api"]["requests"]) == ([], unchanged)
    kubectl(world, "scale", "deployment/api", "--replicas=3")
    refused = world.apply(release, drift=OnDrift.REFUSE)
    assert (refused.code, "spec.replicas is 3, the release says 1 (kubectl" in refused.message) == ("drifted", True)
    world.apply(release, drift=OnDrift.RESTORE).ok()
    assert world.kube.get(DEPLOYMENT, world.namespace, "api")["spec"]["replicas"] == 1


def test_a_rollback_overrides_what_was_changed_manually(world: World) -> None:
    world.apply(world.release("api", text="one")).ok()
    world.apply(world.release("api", text="two")).ok()
    kubectl(world, "patch", "configmap/api", "--patch", '{"data": {"text": "hand"}}')
    assert world.back().ok().outcomes == {"api": "restored"}
    assert world.text("api") == "one"
