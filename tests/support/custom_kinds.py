"""Kinds of operators, as a fake API server serves them, and pods that belong to them."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import Resource

from .fake_kube import FakeKube

DATABASE = Resource("db.example.org/v1", "Database", "databases")
POD_SET = Resource("db.example.org/v1", "PodSet", "podsets")
ROLLOUT = Resource("argoproj.io/v1alpha1", "Rollout", "rollouts")
KRUISE_SET = Resource("apps.kruise.io/v1beta1", "StatefulSet", "statefulsets")
SETTING = Resource("db.example.org/v1", "Setting", "settings", has_status=False)
MONITOR = Resource("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors")
KINDS = (DATABASE, POD_SET, ROLLOUT, KRUISE_SET, SETTING, MONITOR)


def operators(kube: FakeKube) -> FakeKube:
    """The same server, with these kinds."""
    kube.kinds |= {(one.api_version, one.kind): one for one in KINDS}
    return kube


def custom(resource: Resource, name: str, status: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A custom resource, as an API server shows it."""
    meta = {"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z", **fields.pop("metadata", {})}
    body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, **fields}
    return body if status is None else {**body, "status": status}


def owned(name: str, *owners: tuple[Resource, str], controller: bool = True) -> dict[str, Any]:
    """Metadata of something that these own; an owner's uid is its name."""
    references = [
        {"apiVersion": kind.api_version, "kind": kind.kind, "name": owner, "uid": owner, "controller": controller}
        for kind, owner in owners
    ]
    return {"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:10Z", "ownerReferences": references}


def crashing_pod(name: str, *owners: tuple[Resource, str], **meta: Any) -> dict[str, Any]:
    """A pod whose container is in a crash loop."""
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {**owned(name, *owners), **meta},
        "spec": {"nodeName": "n", "containers": [{"name": "postgres", "image": "postgres"}]},
        "status": {"phase": "Running", "conditions": [{"type": "PodScheduled", "status": "True"}],
                   "containerStatuses": [
            {"name": "postgres", "ready": False, "restartCount": 3, "containerID": "x",
             "state": {"waiting": {"reason": "CrashLoopBackOff"}},
             "lastState": {"terminated": {"exitCode": 2, "reason": "Error"}}}]},
    }  # fmt: skip
