"""Stored manifests that name APIs which are gone are mended, so that Helm can go on."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.deploy.removed_apis import with_served_apis
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import objects_of

from tests.support.fake_kube import FakeKube

SERVED = """\
---
# Source: c/a.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  x: |
    apiVersion: old/v1
"""
BUDGET = "---\n# Source: c/b.yaml\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata:\n  name: b\n"
INGRESS = '---\nkind: Ingress\n"apiVersion": "extensions/v1beta1"\nmetadata: {name: i}\n'
WIDGET = "---\napiVersion: x.example.com/v1\nkind: Widget\nmetadata: {name: w}\n"


def found(manifest: str) -> list[tuple[Any, ...]]:
    return [(item["apiVersion"], item["kind"], item["metadata"]["name"]) for item in objects_of(manifest)]


def test_what_is_served_stays_as_it_is() -> None:
    assert with_served_apis(FakeKube(), SERVED) == (SERVED, [])


def test_objects_get_the_version_that_is_served_and_kinds_that_are_gone_go() -> None:
    manifest, changes = with_served_apis(FakeKube(), SERVED + BUDGET + INGRESS + WIDGET)
    assert found(manifest) == [
        ("v1", "ConfigMap", "a"), ("policy/v1", "PodDisruptionBudget", "b"), ("networking.k8s.io/v1", "Ingress", "i"),
    ]  # fmt: skip
    assert "# Source: c/b.yaml" in manifest
    assert "apiVersion: old/v1" in manifest
    assert changes == [
        "PodDisruptionBudget b: policy/v1beta1 -> policy/v1",
        "Ingress i: extensions/v1beta1 -> networking.k8s.io/v1",
        "Widget w: x.example.com/v1 -> removed",
    ]
    assert with_served_apis(FakeKube(), manifest) == (manifest, [])
