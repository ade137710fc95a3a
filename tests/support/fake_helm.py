"""Helm without a program: revisions become Secrets of a FakeKube, and the manifest's objects are there at once.

The manifest follows from the values: ``image`` makes a Deployment with one pod (which crashes if the image ends in
``bad``), ``dapr`` gives its pods a sidecar, ``component`` makes a Dapr component, ``maps`` name ConfigMaps,
``secret`` makes a Secret. With ``kind: Job`` the image is that of a Job, which has ended.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import objects_of
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest, HelmVersion, Rendered
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import (
    CorruptRelease,
    ReleaseStatus,
    Revision,
    StoredRelease,
    decode,
    histories_of,
    revision_of,
    secret_name,
    stored_release,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import Check, always_allowed
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    JOB,
    POD,
    REPLICA_SET,
    SECRET,
    Resource,
)

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store

Object = dict[str, Any]
Step = Callable[[FakeKube, ApplyRequest, int], None]
LONG_AGO = "1970-01-10T00:00:00Z"  # the clock of a FakeKube stands two days later
_PENDING = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")


class FakeHelm:
    """Satisfies ``Helm``. ``script`` replaces single calls of apply; ``commands`` are the calls that write."""

    def __init__(self, kube: FakeKube, *script: Step) -> None:
        self.kube = kube
        self.script = list(script)
        self.commands: list[str] = []
        self.check: Check = always_allowed
        self.calls = 0
        self.templates: list[str] = []
        self.jobs: list[str] = []  # that were started
        self.version = HelmVersion(4, 1, 0)
        self.injecting = True  # Dapr's injector gives new pods their sidecar

    def before(self, verb: str, name: str) -> None:
        """Called ahead of every call that writes."""

    def guarded(self, check: Check) -> FakeHelm:
        self.check = check
        return self

    def apply(self, request: ApplyRequest) -> None:
        self._begin("upgrade", request.name)
        revisions = self._history(request.name)
        number = revisions[-1].revision + 1 if revisions else 1
        if self.script:
            self.script.pop(0)(self.kube, request, number)
        else:
            manifest = manifest_of(request.name, request.values)
            self._deploy(request.name, number, manifest, request.labels, dict(request.values))

    def render(self, request: ApplyRequest) -> Rendered:
        self.calls += 1
        return Rendered(manifest_of(request.name, request.values))

    def template(self, request: ApplyRequest, *, kubernetes: str = "") -> str:
        self.templates.append(request.name)
        return manifest_of(request.name, request.values)

    def crds(self, request: ApplyRequest) -> str:
        return ""

    def rollback(self, name: str, namespace: str, revision: int, *, timeout: int = 300, history_max: int = 40) -> None:
        self._begin("rollback", name)
        target = self._content(name, revision)
        number = self._history(name)[-1].revision + 1
        description = f"Rollback to {revision}"
        self._deploy(name, number, target.manifest, target.labels, dict(target.config), description)

    def uninstall(self, name: str, namespace: str, *, timeout: int = 300) -> None:
        self._begin("uninstall", name)
        for revision in self._history(name):
            self._forget(SECRET, revision.secret)
        for item in self._live(name):
            self._remove(item)

    def _begin(self, verb: str, name: str) -> None:
        self.check()
        self.before(verb, name)
        self.commands.append(f"{verb} {name}")
        self.calls += 1

    def _history(self, name: str) -> list[Revision]:
        secrets = [item["metadata"] for key, item in list(self.kube.objects.items()) if key[0] == "Secret"]
        return histories_of(secrets).get(name, [])

    def _content(self, name: str, revision: int) -> StoredRelease:
        secret = self.kube.objects["Secret", "ns", secret_name(name, revision)]
        found = revision_of(secret["metadata"])
        return stored_release(decode(secret["data"]["release"]), found.labels if found else {})

    def _deploy(
        self, name: str, number: int, manifest: str, labels: Mapping[str, str], config: Object, description: str = ""
    ) -> None:
        history = self._history(name)
        before = self._compared(history, bool(description))
        for old in history:
            secret = self.kube.objects["Secret", "ns", old.secret]
            if secret["metadata"]["labels"]["status"] in ("deployed", *_PENDING):
                secret["metadata"]["labels"]["status"] = "superseded"
        store(self.kube, name, number, labels=labels, manifest=manifest, config=config,
              description=description or "Upgrade complete")  # fmt: skip
        items = objects_of(manifest)
        for gone in objects_of(before):
            if not any((i["kind"], i["metadata"]["name"]) == (gone["kind"], gone["metadata"]["name"]) for i in items):
                self._remove(gone)
        for item in items:
            self._bring(name, item)

    def _compared(self, history: list[Revision], rollback: bool) -> str:
        """The manifest that a new one is compared with: an upgrade takes the last deployed one, a rollback the last."""
        known = [r for r in history if rollback or r.status is ReleaseStatus.DEPLOYED]
        try:
            return self._content(known[-1].name, known[-1].revision).manifest if known else ""
        except CorruptRelease:
            return ""

    def _bring(self, release: str, item: Object) -> None:
        notes = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "ns"}
        labels = {**(item["metadata"].get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
        metadata = {**item["metadata"], "annotations": notes, "labels": labels}
        resource = self.kube.resource(item["apiVersion"], item["kind"])
        if item["kind"] == "Deployment":
            self._roll({**item, "metadata": metadata})
        elif item["kind"] != "Job":
            self.kube.put(resource, "ns", {**item, "metadata": metadata})
        elif ("Job", "ns", metadata["name"]) not in self.kube.objects:  # one that is there goes on
            self.jobs.append(metadata["name"])
            self.kube.put(resource, "ns", {**item, "metadata": metadata, "status": _ended(item)})

    def _roll(self, item: Object) -> None:
        """The new pod is there, as the image says; the old one goes once the new one is ready."""
        name, template = item["metadata"]["name"], item["spec"]["template"]
        version = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:8]
        good = not template["spec"]["containers"][0].get("image", "").endswith("bad")
        old = [p for p in self._pods(name) if p["metadata"]["labels"]["pod-template-hash"] != version]
        for pod in self._pods(name):
            if good or pod not in old:
                self._forget(POD, pod["metadata"]["name"])
        left = 0 if good else len(old)
        counts = {"updatedReplicas": 1, "replicas": 1 + left, "availableReplicas": 1 if good else left}
        there = self.kube.objects.get(("Deployment", "ns", name))
        metadata = {**item["metadata"], **({"uid": there["metadata"]["uid"]} if there else {}), "generation": 1}
        status = {"observedGeneration": 1, **counts}
        owner = self.kube.put(DEPLOYMENT, "ns", {**item, "metadata": metadata, "status": status})
        labels = {"app": name, "pod-template-hash": version}
        replica_set = self.kube.put(REPLICA_SET, "ns", {
            **_typed(REPLICA_SET), "spec": {"replicas": 1, "template": template}, "status": {"replicas": 1},
            "metadata": {"name": f"{name}-{version}", "labels": labels, "creationTimestamp": LONG_AGO,
                         "ownerReferences": [_owner(owner, "Deployment")]},
        })  # fmt: skip
        self.start_pod(replica_set, f"{name}-{version}-1", good=good)

    def start_pod(self, replica_set: Object, name: str, *, good: bool = True) -> None:
        """A pod of a ReplicaSet, with its sidecar if it wants one and the injector works."""
        template, labels = replica_set["spec"]["template"], replica_set["metadata"]["labels"]
        notes = (template.get("metadata") or {}).get("annotations") or {}
        app = template["spec"]["containers"][0]
        containers = [{**app, "readinessProbe": {}}]
        if notes.get("dapr.io/enabled") and self.injecting:
            containers.append({"name": "daprd", "image": "r/daprd:1.14.0", "readinessProbe": {}})
        now = datetime.fromtimestamp(self.kube.now, UTC).isoformat()
        running = {"ready": True, "restartCount": 0, "state": {"running": {"startedAt": LONG_AGO}}}
        crashing = {"ready": False, "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": now}}}  # fmt: skip
        state = running if good else crashing
        self.kube.put(POD, "ns", {
            **_typed(POD), "spec": {"containers": containers},
            "metadata": {"name": name, "labels": labels, "annotations": notes, "creationTimestamp": LONG_AGO,
                         "ownerReferences": [_owner(replica_set, "ReplicaSet")]},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": str(good), "lastTransitionTime": LONG_AGO}],
                "containerStatuses": [{"name": each["name"], "imageID": "r/app@sha256:ab", **state}
                                      for each in containers],
            },
        })  # fmt: skip

    def _pods(self, deployment: str) -> list[Object]:
        items = list(self.kube.objects.items())  # other threads write
        return [item for key, item in items if key[0] == "Pod" and item["metadata"]["labels"].get("app") == deployment]

    def _live(self, release: str) -> Iterator[Object]:
        """Objects of a release, by their annotation, with their kind."""
        for (kind, _, _), item in list(self.kube.objects.items()):
            notes = item["metadata"].get("annotations") or {}
            if notes.get("meta.helm.sh/release-name") == release:
                yield {**item, "kind": kind}

    def _remove(self, item: Object) -> None:
        name = item["metadata"]["name"]
        if item["kind"] == "Deployment":
            for pod in self._pods(name):
                self._forget(POD, pod["metadata"]["name"])
        self.kube.objects.pop((item["kind"], "ns", name), None)

    def _forget(self, resource: Resource, name: str) -> None:
        self.kube.objects.pop((resource.kind, "ns", name), None)


def manifest_of(release: str, values: Mapping[str, Any]) -> str:
    """What the chart of these tests renders."""
    items: list[Object] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in values.get("maps") or ()
    ]
    if values.get("component"):
        items.append({
            "apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": values["component"]},
        })  # fmt: skip
    if values.get("service"):
        items.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": release}, "spec": {"ports": []}})
    if values.get("secret"):
        data = base64.b64encode(values["secret"].encode()).decode()
        items.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": release}, "data": {"password": data}})
    if values.get("kind") == "Job":
        version = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]
        labels = {"app.kubernetes.io/instance": release}
        items.append({
            **_typed(JOB), "metadata": {"name": f"{release}-{version}", "labels": labels},
            "spec": {"template": {"spec": {"containers": [{"name": "app", "image": values["image"]}]}}},
        })  # fmt: skip
    elif values.get("image"):
        notes = {"dapr.io/enabled": "true", "dapr.io/app-id": release} if values.get("dapr") else {}
        notes |= values.get("podAnnotations") or {}
        items.append({
            **_typed(DEPLOYMENT), "metadata": {"name": release},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": {"app": release}},
                "template": {"metadata": {"labels": {"app": release}, "annotations": notes},
                             "spec": {"containers": [{"name": "app", "image": values["image"]}]}},
            },
        })  # fmt: skip
    return "\n---\n".join(json.dumps(item) for item in items)


def _ended(job: Object) -> Object:
    """How a Job ended: badly with an image that ends in ``bad``, not yet with one that ends in ``hangs``."""
    image = job["spec"]["template"]["spec"]["containers"][0]["image"]
    if image.endswith("hangs"):
        return {"active": 1}
    return {"conditions": [{"type": "Failed" if image.endswith("bad") else "Complete", "status": "True"}]}


def _typed(resource: Resource) -> dict[str, str]:
    return {"apiVersion": resource.api_version, "kind": resource.kind}


def _owner(item: Object, kind: str) -> dict[str, Any]:
    metadata = item["metadata"]
    return {
        "apiVersion": "apps/v1", "kind": kind, "name": metadata["name"], "uid": metadata["uid"], "controller": True,
    }  # fmt: skip
