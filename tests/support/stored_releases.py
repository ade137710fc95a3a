"""Releases as Helm stores them, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import encode, secret_name
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET

from tests.support.fake_kube import FakeKube

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  template:
    spec:
      containers:
        - name: app
          env:
            - {name: URL, valueFrom: {secretKeyRef: {name: database, key: url}}}
"""


def raw_release(
    name: str = "api", revision: int = 1, status: str = "deployed", description: str = "Install complete", **more: Any
) -> dict[str, Any]:
    """The JSON that Helm packs into the Secret."""
    return {
        "name": name,
        "namespace": "ns",
        "version": revision,
        "info": {"status": status, "description": description},
        "chart": {"metadata": {"name": "service", "version": "0.1.0", "appVersion": "1"}},
        "config": {"replicas": 1},
        "manifest": MANIFEST,
        **more,
    }


def store(
    kube: FakeKube,
    name: str = "api",
    revision: int = 1,
    status: str = "deployed",
    *,
    labels: Mapping[str, str] | None = None,
    created: str = "2026-11-21T10:00:00Z",
    payload: str | None = None,
    **more: Any,
) -> str:
    """Puts one revision's Secret into the namespace ``ns``; its uid."""
    body = {
        "metadata": {
            "name": secret_name(name, revision),
            "creationTimestamp": created,
            "labels": {"owner": "helm", "name": name, "version": str(revision), "status": status, **(labels or {})},
        },
        "type": "helm.sh/release.v1",
        "data": {"release": encode(raw_release(name, revision, status, **more)) if payload is None else payload},
    }
    return str(kube.put(SECRET, "ns", body)["metadata"]["uid"])
