"""The rules of the admission policy, for pods that run. That the API server decides alike: tests/integration."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.pod_rules import (
    RULES,
    PodRules,
    admission_findings,
    refused_for,
    rules_of,
    same_rules,
)
from ansible_collections.todo.cloud.plugins.module_utils.parsing import Malformed

from tests.unit.charts.rendering import Helm, built

ACME = PodRules(("ghcr.io/acme/", "ghcr.io/dapr/"))
AMOUNTS = {"cpu": "1m", "memory": "8Mi"}
GOOD = {
    "name": "app", "image": "ghcr.io/acme/app:v1", "resources": {"requests": AMOUNTS, "limits": AMOUNTS},
    "livenessProbe": {},
}  # fmt: skip
SIDECAR = {**GOOD, "name": "daprd", "image": "ghcr.io/dapr/daprd:1.18.2", "restartPolicy": "Always"}


def pod(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = {"name": "app-1", "annotations": more.pop("annotations", {})}
    return {"metadata": metadata, "spec": {"containers": list(containers or (GOOD,)), **more}}


def test_what_keeps_the_rules() -> None:
    assert list(refused_for(ACME, pod(initContainers=[SIDECAR]), {})) == []


def test_every_kind_of_container_counts() -> None:
    bare = {"name": "x", "image": "evil.example/x"}
    found = pod(GOOD, initContainers=[bare], ephemeralContainers=[{"name": "debug", "image": "busybox:latest"}])
    assert list(refused_for(ACME, found, {})) == [
        "without requests and limits of CPU and memory: x",
        "images without a tag, or with latest: evil.example/x, busybox:latest",
        "images from elsewhere than ghcr.io/acme/, ghcr.io/dapr/: evil.example/x, busybox:latest",
    ]


def test_an_image_that_is_a_volume() -> None:
    volumes = [{"name": "a", "emptyDir": {}}, {"name": "b", "image": {"reference": "evil.example/tools:1"}}]
    volumes += [{"name": "c", "image": {}}, {"name": "d", "image": {"reference": "ghcr.io/acme/models:2"}}]
    assert list(refused_for(ACME, pod(volumes=volumes), {})) == [
        "images from elsewhere than ghcr.io/acme/, ghcr.io/dapr/: evil.example/tools:1"
    ]


def test_the_annotation_of_a_sidecars_image() -> None:
    found = pod(annotations={"dapr.io/sidecar-image": "ghcr.io/acmeevil/daprd:1"})
    assert list(refused_for(ACME, found, {})) == [
        "images from elsewhere than ghcr.io/acme/, ghcr.io/dapr/: ghcr.io/acmeevil/daprd:1"
    ]


def test_what_a_limit_range_fills_in_counts() -> None:
    bare = {key: value for key, value in GOOD.items() if key != "resources"}
    limits = {"limits": [{"type": "Container", "default": AMOUNTS, "defaultRequest": AMOUNTS}]}
    assert list(refused_for(ACME, pod(bare), limits)) == []
    [found] = admission_findings(ACME, [pod(bare)], {})
    assert str(found) == "app-1: without requests and limits of CPU and memory: app (environment_admission)"


def test_probes_are_asked_of_what_runs_on() -> None:
    unprobed = {key: value for key, value in GOOD.items() if key != "livenessProbe"}
    assert list(refused_for(ACME, pod(unprobed), {})) == ["without a readiness or liveness probe: app"]
    assert list(refused_for(ACME, pod(unprobed, restartPolicy="Never"), {})) == []
    assert list(refused_for(PodRules(probes=False), pod(unprobed), {})) == []


def test_the_chart_hands_its_rules_on() -> None:
    registries = ["ghcr.io/acme/"]
    objects = Helm(built("bin/helm")).environment(admission={"mode": "deny", "registries": registries, "probes": False})
    [policy] = [each for each in objects if each["kind"] == "ValidatingAdmissionPolicy"]
    assert rules_of(policy) == PodRules(("ghcr.io/acme/",), probes=False)
    assert same_rules(policy, policy)
    assert not same_rules(None, policy)


@pytest.mark.parametrize("text", ["", "no", "[]", '{"registries": "ghcr.io/"}', '{"registries": [], "probes": 1}'])
def test_damaged_rules_are_none(text: str) -> None:
    policy = {"metadata": {"annotations": {RULES: text}}}
    with pytest.raises(Malformed):
        rules_of(policy)
    good = {"metadata": {"annotations": {RULES: json.dumps({"registries": [], "probes": True})}}}
    assert not same_rules(policy, good)
