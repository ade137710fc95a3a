"""An API server in a dictionary: enough of it for code that reads, watches and writes a few objects."""

from __future__ import annotations

import copy
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.api import APPLY
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import (
    AlreadyExists,
    Conflict,
    NotFound,
    Unreachable,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD, WELL_KNOWN, Resource
from ansible_collections.todo.cloud.plugins.module_utils.kube.stream import Stream
from ansible_collections.todo.cloud.plugins.module_utils.kube.transport import ApiCounts


@dataclass(frozen=True)
class _Event:
    version: int
    type: str
    kind: str
    namespace: str
    object: dict[str, Any]


class FakeKube:
    """Objects by (kind, namespace, name), with uid and resourceVersion as in real life; a ``KubeClient``.

    ``writes`` and ``reads`` are noted. ``before`` is called ahead of each of them: a subclass may raise there.
    """

    server = "https://fake"
    patience = 1.0

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.writes: list[tuple[str, str, str]] = []
        self.reads: list[tuple[str, str]] = []
        self.now = 1_000_000.0
        self.counts = ApiCounts()
        self.kinds: dict[tuple[str, str], Resource] = dict(WELL_KNOWN)
        self.rules: list[dict[str, Any]] = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        self.asked_rights: list[tuple[str, str]] = []
        self.denied_rights: set[tuple[str, str]] = set()
        self.warns: list[str] = []  # what the API server warns of, and the patches that were tried
        self.tried: list[dict[str, Any]] = []
        self._version = 0
        self._events: list[_Event] = []
        self._changed = threading.Condition(threading.RLock())

    def outlast(self, seconds: float, tell: Callable[[str], None]) -> None:
        """Nothing goes away here."""

    def before(self, verb: str, resource: Resource, name: str) -> None:
        """Verbs are get, list, create, replace, patch and delete; a dry run of the last four is "try"."""

    def put(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Lays an object down without noting a write."""
        item = copy.deepcopy(dict(body))
        with self._changed:
            self._version += 1
            item["metadata"] = {
                "uid": str(uuid.uuid4()), **item["metadata"], "namespace": namespace,
                "resourceVersion": str(self._version),
            }  # fmt: skip
            key = (resource.kind, namespace, item["metadata"]["name"])
            self._tell("MODIFIED" if key in self.objects else "ADDED", resource, namespace, item)
            self.objects[key] = item
        return copy.deepcopy(item)

    def resource(self, api_version: str, kind: str, **_: Any) -> Resource:
        try:
            return self.kinds[api_version, kind]
        except KeyError:
            raise NotFound(f"The API server has no kind {kind} in {api_version}.", 404) from None

    def served(self, **_: Any) -> list[Resource]:
        return list(WELL_KNOWN.values())

    def version(self, **_: Any) -> str:
        return "v1.36.0"

    def server_now(self) -> float:
        return self.now

    def get(
        self, resource: Resource, namespace: str, name: str, *, metadata_only: bool = False, **_: Any
    ) -> dict[str, Any]:
        self.before("get", resource, name)
        self.reads.append((resource.kind, name))
        try:
            return _shown(self.objects[resource.kind, namespace, name], metadata_only)
        except KeyError:
            raise NotFound(f"There is no {resource.label} {name}.", 404) from None

    def find(self, resource: Resource, namespace: str, name: str, **options: Any) -> dict[str, Any] | None:
        try:
            return self.get(resource, namespace, name, **options)
        except NotFound:
            return None

    def list_(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = "",
        metadata_only: bool = False, **_: Any,
    ) -> tuple[list[dict[str, Any]], str]:  # fmt: skip
        self.before("list", resource, "*")
        self.reads.append((resource.kind, "*"))
        with self._changed:
            found = [
                _shown(item, metadata_only)
                for (kind, where, name), item in list(self.objects.items())  # a test may change them meanwhile
                if (kind, where) == (resource.kind, namespace)
                and (
                    field_selector in ("", f"metadata.name={name}")
                    or (
                        field_selector.startswith("type!=")
                        and item.get("type") != field_selector.removeprefix("type!=")
                    )
                )
                and _selected(item["metadata"].get("labels") or {}, label_selector)
            ]
            return found, str(self._version)

    def watch(
        self, resource: Resource, namespace: str, resource_version: str, *, seconds: float, silence: float,
        field_selector: str = "",
    ) -> Stream:  # fmt: skip
        return _Watch(self, resource, namespace, int(resource_version), seconds, field_selector)

    def warnings(self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], **_: Any) -> list[str]:
        self.before("patch", resource, name)
        self.tried.append(dict(body))
        return list(self.warns)

    def count_relist(self) -> None:
        self.counts.relists += 1

    log = ""  # of every container

    def logs(self, namespace: str, pod: str, container: str, **_: Any) -> str:
        return self.log

    def proxy_get(self, namespace: str, pod: str, port: int | str, path: str, **_: Any) -> tuple[int, str]:
        return 200, "{}"

    def service_get(
        self, namespace: str, service: str, port: int | str, path: str, query: Mapping[str, str], **_: Any
    ) -> tuple[int, str]:
        return 200, "{}"

    def create(
        self, resource: Resource, namespace: str, body: Mapping[str, Any], *, dry_run: bool = False, **_: Any
    ) -> dict[str, Any]:
        if resource.kind == "SelfSubjectReview":
            self.reads.append((resource.kind, ""))
            return {"status": {"userInfo": {"username": "tester"}}}
        if resource.kind == "SelfSubjectRulesReview":
            return {"status": {"resourceRules": copy.deepcopy(self.rules), "incomplete": False}}
        if resource.kind == "SelfSubjectAccessReview":
            asked = body["spec"]["resourceAttributes"]
            self.asked_rights.append((asked["verb"], asked["resource"]))
            return {"status": {"allowed": self.asked_rights[-1] not in self.denied_rights}}
        name = body["metadata"]["name"]
        if resource.kind == "Eviction":
            return self._evict(namespace, name, body["deleteOptions"]["preconditions"]["uid"])
        self.before("try" if dry_run else "create", resource, name)
        if (resource.kind, namespace, name) in self.objects:
            raise AlreadyExists("It is there already.", 409)
        if dry_run:
            return _injected(body)
        self.writes.append(("create", resource.kind, name))
        return self.put(resource, namespace, body)

    def replace(
        self, resource: Resource, namespace: str, body: Mapping[str, Any], *, dry_run: bool = False, **_: Any
    ) -> dict[str, Any]:
        name = body["metadata"]["name"]
        self.before("try" if dry_run else "replace", resource, name)
        there = self.get(resource, namespace, name)
        version = body["metadata"].get("resourceVersion")
        if version and version != there["metadata"]["resourceVersion"]:
            raise Conflict("Somebody else wrote first.", 409)
        if dry_run:
            return copy.deepcopy(dict(body))
        self.writes.append(("replace", resource.kind, name))
        return self.put(
            resource, namespace, {**body, "metadata": {**body["metadata"], "uid": there["metadata"]["uid"]}}
        )

    def patch(
        self, resource: Resource, namespace: str, name: str, body: Any, *, content_type: str = "",
        dry_run: bool = False, **_: Any,
    ) -> dict[str, Any]:  # fmt: skip
        self.before("try" if dry_run else "patch", resource, name)
        makes = content_type == APPLY and (resource.kind, namespace, name) not in self.objects
        there = {} if makes else self.get(resource, namespace, name)
        version = body.get("metadata", {}).get("resourceVersion")
        if version and version != there["metadata"]["resourceVersion"]:
            raise Conflict("Somebody else wrote first.", 409)
        if dry_run:
            return copy.deepcopy(_merged(there, body))
        self.writes.append(("patch", resource.kind, name))
        return self.put(resource, namespace, _merged(there, body))

    def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str = "", dry_run: bool = False, **_: Any
    ) -> bool:
        self.before("try" if dry_run else "delete", resource, name)
        there = self.objects.get((resource.kind, namespace, name))
        if there is None:
            return False
        if uid and uid != there["metadata"]["uid"]:
            raise Conflict("Another object has this name by now.", 409)
        if dry_run:
            return True
        self.writes.append(("delete", resource.kind, name))
        with self._changed:
            self._version += 1
            del self.objects[resource.kind, namespace, name]
            self._tell("DELETED", resource, namespace, there)
        return True

    def _evict(self, namespace: str, pod: str, uid: str) -> dict[str, Any]:
        """A disruption budget that allows nothing is answered by 429, as by the API server."""
        labels = self.objects["Pod", namespace, pod]["metadata"].get("labels") or {}
        budgets = [o for key, o in self.objects.items() if key[:2] == ("PodDisruptionBudget", namespace)]
        selecting = [o for o in budgets if o["spec"]["selector"]["matchLabels"].items() <= labels.items()]
        if any(not budget["status"]["disruptionsAllowed"] for budget in selecting):
            raise Unreachable("Cannot evict pod as it would violate the pod's disruption budget.", 429)
        self.delete(POD, namespace, pod, uid=uid)
        return {}

    def _tell(self, what: str, resource: Resource, namespace: str, item: Mapping[str, Any]) -> None:
        sent = {"apiVersion": resource.api_version, "kind": resource.kind, **copy.deepcopy(dict(item))}
        sent["metadata"]["resourceVersion"] = str(self._version)
        self._events.append(_Event(self._version, what, resource.kind, namespace, sent))
        self._changed.notify_all()


class _Watch(Stream):
    """What happens to one kind in one namespace from a version on."""

    def __init__(
        self, kube: FakeKube, resource: Resource, namespace: str, version: int, seconds: float, field_selector: str
    ) -> None:
        super().__init__(None)
        self._kube, self._version, self._end = kube, version, time.monotonic() + seconds
        self._kind, self._namespace, self._only = resource.kind, namespace, field_selector.partition("=")[2]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        changed = self._kube._changed
        while True:
            with changed:
                while not (news := self._news()):
                    if not changed.wait(max(0.0, self._end - time.monotonic())):
                        return
            for event in news:
                self._version = event.version
                yield {"type": event.type, "object": copy.deepcopy(event.object)}

    def _news(self) -> list[_Event]:
        return [
            event
            for event in self._kube._events
            if event.version > self._version
            and (event.kind, event.namespace) == (self._kind, self._namespace)
            and self._only in ("", event.object["metadata"]["name"])
        ]

    def interrupt(self) -> None:
        with self._kube._changed:
            self._end = 0.0
            self._kube._changed.notify_all()

    def close(self) -> None:
        pass


def _shown(item: Mapping[str, Any], metadata_only: bool) -> dict[str, Any]:
    return copy.deepcopy({"metadata": item["metadata"]} if metadata_only else dict(item))


def _selected(labels: Mapping[str, str], selector: str) -> bool:
    """A label selector of (in)equalities (``a=b``, ``a!=b``) and existence (``a``)."""
    for each in filter(None, selector.split(",")):
        key, equals, value = each.partition("=")
        is_so = labels.get(key.rstrip("!")) == value if equals else key in labels
        if is_so == key.endswith("!"):
            return False
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


def _injected(body: Mapping[str, Any]) -> dict[str, Any]:
    """A pod as Dapr's injector lets it through; anything else as it is."""
    item = copy.deepcopy(dict(body))
    annotations = (item.get("metadata") or {}).get("annotations") or {}
    if item.get("kind") == "Pod" and annotations.get("dapr.io/enabled") == "true":
        item["spec"]["containers"] = [*item["spec"]["containers"], {"name": "daprd"}]
    return item
