"""An API server in a dictionary: enough of it for code that reads and writes a few objects."""

from __future__ import annotations

import copy
import itertools
import uuid
from collections.abc import Mapping
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import AlreadyExists, Conflict, NotFound
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import WELL_KNOWN, Resource


class FakeKube:
    """Objects by (kind, namespace, name), with uid and resourceVersion as in real life. ``writes`` are noted."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.writes: list[tuple[str, str, str]] = []
        self.reads: list[tuple[str, str]] = []
        self.now = 1_000_000.0
        self._versions = itertools.count(1)

    def put(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Lays an object down without noting a write."""
        item = copy.deepcopy(dict(body))
        item["metadata"] = {
            "uid": str(uuid.uuid4()), **item["metadata"], "namespace": namespace,
            "resourceVersion": str(next(self._versions)),
        }  # fmt: skip
        self.objects[resource.kind, namespace, item["metadata"]["name"]] = item
        return copy.deepcopy(item)

    def resource(self, api_version: str, kind: str, **_: Any) -> Resource:
        return WELL_KNOWN[api_version, kind]

    def server_now(self) -> float:
        return self.now

    def get(self, resource: Resource, namespace: str, name: str, **_: Any) -> dict[str, Any]:
        self.reads.append((resource.kind, name))
        try:
            return copy.deepcopy(self.objects[resource.kind, namespace, name])
        except KeyError:
            raise NotFound(f"There is no {resource.label} {name}.", 404) from None

    def find(self, resource: Resource, namespace: str, name: str, **_: Any) -> dict[str, Any] | None:
        try:
            return self.get(resource, namespace, name)
        except NotFound:
            return None

    def list_(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", **_: Any
    ) -> tuple[list[dict[str, Any]], str]:
        self.reads.append((resource.kind, "*"))
        wanted = dict(each.split("=", 1) for each in label_selector.split(",") if each)
        found = [
            copy.deepcopy(item)
            for (kind, where, _), item in self.objects.items()
            if kind == resource.kind
            and where == namespace
            and wanted.items() <= (item["metadata"].get("labels") or {}).items()
        ]
        return found, "0"

    def create(self, resource: Resource, namespace: str, body: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        if (resource.kind, namespace, body["metadata"]["name"]) in self.objects:
            raise AlreadyExists("It is there already.", 409)
        self.writes.append(("create", resource.kind, body["metadata"]["name"]))
        return self.put(resource, namespace, body)

    def replace(
        self, resource: Resource, namespace: str, body: Mapping[str, Any], *, deadline: Deadline | None = None
    ) -> dict[str, Any]:
        there = self.get(resource, namespace, body["metadata"]["name"])
        version = body["metadata"].get("resourceVersion")
        if version and version != there["metadata"]["resourceVersion"]:
            raise Conflict("Somebody else wrote first.", 409)
        self.writes.append(("replace", resource.kind, body["metadata"]["name"]))
        return self.put(
            resource, namespace, {**body, "metadata": {**body["metadata"], "uid": there["metadata"]["uid"]}}
        )

    def patch(self, resource: Resource, namespace: str, name: str, body: Any, **_: Any) -> dict[str, Any]:
        there = self.get(resource, namespace, name)
        version = body.get("metadata", {}).get("resourceVersion")
        if version and version != there["metadata"]["resourceVersion"]:
            raise Conflict("Somebody else wrote first.", 409)
        self.writes.append(("patch", resource.kind, name))
        return self.put(resource, namespace, _merged(there, body))

    def delete(self, resource: Resource, namespace: str, name: str, *, uid: str = "", **_: Any) -> bool:
        there = self.objects.get((resource.kind, namespace, name))
        if there is None:
            return False
        if uid and uid != there["metadata"]["uid"]:
            raise Conflict("Another object has this name by now.", 409)
        self.writes.append(("delete", resource.kind, name))
        del self.objects[resource.kind, namespace, name]
        return True


def _merged(there: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(there) if isinstance(there, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged
