"""A stored manifest, and everything that is derived from its objects before a write."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.deploy.boundary import Boundary
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import (
    is_components,
    key_of,
    manifest_digest,
    objects_of,
    secret_refs,
)
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import targets_of_manifest

from tests.fuzz.frame import Target
from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import MANIFEST

LISTED = json.dumps({
    "apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "ns"}, "data": {"x": "1"}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "b"}, "spec": {"type": "LoadBalancer"}},
    ],
})  # fmt: skip
JOB = json.dumps({
    "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "annotations": {"helm.sh/hook": "pre-upgrade"}},
    "spec": {"ttlSecondsAfterFinished": 5, "template": {"spec": {
        "containers": [{"name": "c", "envFrom": [{"secretRef": {"name": "s"}}]}],
        "volumes": [{"secret": {"secretName": "t", "items": [{"key": "k", "path": "p"}]}}],
    }}},
})  # fmt: skip


def attempt(text: Any) -> None:
    if not isinstance(text, str):
        return
    for item in objects_of(text):
        key_of(item)
    is_components(text)
    manifest_digest(text)
    secret_refs(text)
    targets_of_manifest(text, "ns", "api")
    contents = Boundary(FakeKube(), "ns").look({"api": (text,)})
    assert all(item.namespace in ("", "ns") for item in contents.items) or contents.problems
    json.dumps([str(problem) for problem in contents.problems]).encode()


TARGET = Target("manifest", (MANIFEST, LISTED, JOB, f"{JOB}\n---\n{MANIFEST}"), attempt)
