# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fingerprint of an environment's objects, and the changes between two fingerprints; pure.

Left out are status, owned objects (pods of a Deployment), replicas that an autoscaler owns, and fields that only
Kubernetes' own or other known controllers write. Secrets count by their resource version, never by their content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..digest import canonical, digest_of
from ..kube.managed_fields import Writer, leaves, owners, parts_of, writers_of
from ..kube.resources import Resource
from ..labels import ENVIRONMENT_DRIFT, RELEASE_EVENTS, VERIFICATION_FAILED

FORMAT = 1
PUBLISHED = "environment-fingerprint"  # the ConfigMap with the environment's own fingerprint
_OF_RUNS = frozenset({PUBLISHED, RELEASE_EVENTS, ENVIRONMENT_DRIFT})  # what runs tell, whenever they end
_LEADER = "control-plane.alpha.kubernetes.io/leader"
_IGNORED = frozenset({"apiVersion", "kind", "status"})
_OWN = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "namespace"})
_DEPTH = 6  # parts of spec.template.spec.containers[app].image; more would only enlarge the fingerprint
_SHORT = 12
_CERTIFICATE = "cert-manager.io/certificate-name"

Scaled = frozenset[tuple[str, str]]  # (kind, name) of what an autoscaler scales


@dataclass(frozen=True)
class Entry:
    """An object's part of a fingerprint, as it is stored: a digest for each section."""

    uid: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """One object that changed. ``expected``: the regular work of a known controller, such as a renewal."""

    object: str
    change: str  # created, deleted, replaced, changed
    message: str
    fields: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    expected: bool = False

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "object": self.object,
            "change": self.change,
            "fields": list(self.fields),
            "by": list(self.by),
            "expected": self.expected,
            "message": self.message,
        }


def counts(resource: Resource, item: Mapping[str, Any]) -> bool:
    """False for owned objects, leader election, events of runs, and the fingerprint itself."""
    metadata = item["metadata"]
    if any(owner.get("controller") for owner in metadata.get("ownerReferences") or ()):
        return False
    if resource.kind in ("ConfigMap", "PrometheusRule") and metadata["name"] in _OF_RUNS:
        return False
    return _LEADER not in (metadata.get("annotations") or {})


def name_of(resource: Resource, item: Mapping[str, Any], home: str) -> str:
    """``Deployment/api``; elsewhere ``dapr-system: Deployment/x``; cluster-scoped ``cluster: ClusterRole/x``.

    Custom kinds include their group, since kinds of two groups may have the same name.
    """
    metadata = item["metadata"]
    name = f"{kind_name(resource)}/{metadata['name']}"
    if not resource.namespaced:
        return name if metadata["name"] == home and resource.kind == "Namespace" else f"cluster: {name}"
    return name if metadata.get("namespace", home) == home else f"{metadata['namespace']}: {name}"


def kind_name(resource: Resource) -> str:
    """``Deployment``, ``Component.dapr.io``."""
    group = resource.group
    return resource.kind if "." not in group or group.endswith(".k8s.io") else f"{resource.kind}.{group}"


def entry_of(resource: Resource, item: Mapping[str, Any], scaled: Scaled) -> dict[str, Any]:
    """An object's part of the fingerprint: uid, and a digest for each of its sections."""
    metadata = item["metadata"]
    if resource.kind in ("Secret", "Pod"):  # read without content
        version = str(metadata.get("resourceVersion")) if resource.kind == "Secret" else ""
        return {"uid": metadata.get("uid", ""), "fields": {"version": version}}
    content = {key: value for key, value in item.items() if key not in _IGNORED}
    content["metadata"] = {key: value for key, value in metadata.items() if key not in _OWN}
    notes = metadata.get("annotations") or {}
    if VERIFICATION_FAILED in notes:  # by whoever verifies: nothing is wanted otherwise
        kept = {key: value for key, value in notes.items() if key != VERIFICATION_FAILED}
        content["metadata"]["annotations"] = kept
    writers = writers_of(item)
    sections: dict[str, dict[str, Any]] = {}
    for path, value in leaves(content).items():
        if path == "spec.replicas" and (resource.kind, metadata["name"]) in scaled:
            continue
        by = owners(writers, path)
        if not by or not all(writer.is_controller for writer in by):
            sections.setdefault(section(path), {})[path] = value
    return {
        "uid": metadata.get("uid", ""),
        "fields": {name: digest_of(canonical(part))[:_SHORT] for name, part in sorted(sections.items())},
    }


def section(path: str) -> str:
    """The leading part of a path, by which changes are reported."""
    return "".join(parts_of(path)[:_DEPTH])


def total(objects: Mapping[str, Any]) -> str:
    """One digest over all objects."""
    return digest_of(canonical(dict(objects)))


def compare(before: Mapping[str, Any], after: Mapping[str, Any], live: Mapping[str, Mapping[str, Any]]) -> list[Change]:
    """What changed from one fingerprint to the next. ``live``: the objects of ``after`` by name, with managedFields.

    Kinds that either could not read are not compared.
    """
    was, now = before["objects"], after["objects"]
    unread = {*before.get("unread", {}), *after.get("unread", {})}
    since = float(before.get("time") or 0)
    found = []
    for name in sorted(was.keys() | now.keys()):
        if _kind_of(name) in unread:
            continue
        if name not in now:
            found.append(Change(name, "deleted", f"{name} was deleted (by whom is not recorded)"))
        elif name not in was:
            found.append(_created(name, "created", live[name]))
        elif was[name]["uid"] != now[name]["uid"]:
            found.append(_created(name, "replaced", live[name]))
        elif was[name] != now[name]:
            found.append(_changed(name, was[name]["fields"], now[name]["fields"], live[name], since))
    return found


def _created(name: str, change: str, item: Mapping[str, Any]) -> Change:
    by = tuple(writer.described for writer in writers_of(item) if writer.subresource != "status")[-1:]
    verb = "was deleted and created again" if change == "replaced" else "is new"
    return Change(name, change, f"{name} {verb} ({by[0] if by else 'by whom is not recorded'})", by=by)


def _changed(
    name: str, was: Mapping[str, str], now: Mapping[str, str], item: Mapping[str, Any], since: float
) -> Change:
    fields = tuple(sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key)))
    recent = [w for w in writers_of(item) if w.subresource != "status" and _seconds(w.time) >= since - 1]
    by = [w for w in recent if any(_touches(w, key) for key in fields)] or recent
    people = [w for w in by if not w.is_controller]
    by = people or by[:1]
    expected = bool(by) and not people
    annotations = (item.get("metadata") or {}).get("annotations") or {}
    shown = "" if fields == ("version",) else f": {', '.join(fields)}"
    who = ", ".join(writer.described for writer in by) or "by whom is not recorded"
    if expected and _CERTIFICATE in annotations and by[0].manager.startswith("cert-manager"):
        message = f"{name}: certificate {annotations[_CERTIFICATE]!r} was renewed ({who})"
    else:
        message = f"{name} was changed{shown} ({who})"
    return Change(name, "changed", message, () if not shown else fields, tuple(w.described for w in by), expected)


def _touches(writer: Writer, field: str) -> bool:
    return writer.owns(field) or any(path.startswith(field) for path in writer.paths)


def _kind_of(name: str) -> str:
    return name.rpartition(": ")[2].partition("/")[0]


def _seconds(time: str) -> float:
    try:
        return datetime.fromisoformat(time).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def format_changes(environment: str, changes: Iterable[Change], compared: int) -> list[str]:
    """Lines for people: unchanged, or each object that changed; expected changes last, marked as such."""
    listed = list(changes)
    ours = [change.message for change in listed if not change.expected]
    theirs = [f"expected: {change.message}" for change in listed if change.expected]
    head = (
        f"{environment}: {len(ours)} of {compared} objects changed"
        if ours
        else f"{environment}: untouched, " + (f"{compared} objects compared")
    )
    return [head, *(f"{environment}: {message}" for message in (*ours, *theirs))]
