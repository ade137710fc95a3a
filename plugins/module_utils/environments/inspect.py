# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads all objects of an environment for its fingerprint, and publishes the fingerprint."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..failure import Code, error
from ..kube.api import APPLY, KubeApi, KubeReader
from ..kube.errors import Forbidden, KubeError, NotFound
from ..kube.managed_fields import scaled_by
from ..kube.resources import CONFIG_MAP, NAMESPACE, WELL_KNOWN, Resource
from ..parsing import Malformed, check_plain, load_json, parse_as
from .fingerprint import FORMAT, PUBLISHED, Entry, counts, entry_of, kind_name, name_of, total

# Kinds that change without anybody changing the desired state, or that duplicate another kind.
_VOLATILE = frozenset(
    {
        "Event", "Lease", "LeaseCandidate", "Endpoints", "EndpointSlice", "ReplicaSet", "ControllerRevision",
        "PodMetrics", "NodeMetrics", "Node", "Namespace", "PersistentVolume", "CSINode", "CSIStorageCapacity",
        "VolumeAttachment", "ComponentStatus", "CertificateSigningRequest", "StorageVersion", "ResourceSlice",
        "IPAddress", "CertificateRequest", "Order", "Challenge",
    }
)  # fmt: skip
_WITHOUT_CONTENT = ("Secret", "Pod")
_MANAGER = "todo.cloud"


@dataclass
class Inspection:
    """A fingerprint, and its objects."""

    fingerprint: dict[str, Any]
    live: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def inspect(kube: KubeReader, namespace: str, environment: str, platform: Sequence[str] = ()) -> Inspection:
    """Reads ``namespace``, and with ``platform`` those namespaces and all cluster-scoped objects too.

    Kinds that the credentials may not read are in ``unread``. Raises Forbidden, after one request, when they may not
    read the namespace at all.
    """
    kube.list_(CONFIG_MAP, namespace, metadata_only=True)
    kinds = [kind for kind in kube.served() if kind.kind not in _VOLATILE]
    wanted: list[tuple[Resource, str]] = [(kind, namespace) for kind in kinds if kind.namespaced]
    for other in platform:
        wanted += [(kind, other) for kind in kinds if kind.namespaced]
    wanted += [(kind, "") for kind in kinds if platform and not kind.namespaced]
    unread: dict[str, str] = {}
    found: list[tuple[Resource, dict[str, Any]]] = []
    with ThreadPoolExecutor(12) as pool:
        for (kind, _where), answer in zip(wanted, pool.map(lambda pair: _list(kube, *pair), wanted), strict=True):
            if isinstance(answer, str):
                unread[kind_name(kind)] = answer
            else:
                found += [(kind, item) for item in answer if counts(kind, item)]
    home = _find(kube, namespace)
    found += [(NAMESPACE, home)] if home else []
    scaled = scaled_by(item for kind, item in found if kind.kind == "HorizontalPodAutoscaler")
    live = {name_of(kind, item, namespace): item for kind, item in found}
    objects = {name_of(kind, item, namespace): entry_of(kind, item, scaled) for kind, item in found}
    fingerprint = {
        "format": FORMAT,
        "environment": environment,
        "namespace": namespace,
        "time": int(kube.server_now()),
        "digest": total(objects),
        "objects": dict(sorted(objects.items())),
        "unread": dict(sorted(unread.items())),
    }
    return Inspection(fingerprint, live)


def publish(kube: KubeApi, namespace: str, environment: str) -> str:
    """Writes the environment's fingerprint beside its release sets. Returns an error, empty on success."""
    try:
        found = inspect(kube, namespace, environment).fingerprint
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": PUBLISHED, "labels": {"todo.cloud/fingerprint": environment}},
            "data": {"fingerprint.json": json.dumps(found, sort_keys=True, separators=(",", ":"))},
        }
        kube.patch(CONFIG_MAP, namespace, PUBLISHED, body, content_type=APPLY, field_manager=_MANAGER, force=True)
    except KubeError as exc:
        return f"The environment's fingerprint was not published: {exc}"
    return ""


def published(kube: KubeReader, namespace: str) -> dict[str, Any] | None:
    """The fingerprint that the environment published; None without one."""
    item = kube.find(CONFIG_MAP, namespace, PUBLISHED)
    data = (item or {}).get("data")
    return checked(data.get("fingerprint.json") if isinstance(data, Mapping) else None) if item else None


def checked(raw: Any) -> dict[str, Any]:
    """A valid fingerprint, from JSON or a dictionary; raises invalid_input."""
    try:
        found: dict[str, Any] = parse_as(dict[str, Any], load_json(raw) if isinstance(raw, str) else raw)
        check_plain(found)
        if found.get("format") == FORMAT:
            parse_as(dict[str, Entry], found.get("objects"), "objects")
            parse_as(Mapping[str, str], found.get("unread", {}), "unread")
            parse_as(float, found.get("time", 0), "time")
            return found
    except Malformed:
        pass
    raise error(Code.INVALID_INPUT, "This is not a valid fingerprint of environment_info.", option="compare_to")


def _list(kube: KubeReader, kind: Resource, namespace: str) -> list[dict[str, Any]] | str:
    resource = WELL_KNOWN.get((kind.api_version, kind.kind), kind)
    try:
        return kube.list_(resource, namespace, metadata_only=kind.kind in _WITHOUT_CONTENT)[0]
    except Forbidden as exc:
        return str(exc)
    except NotFound:
        return []  # a custom kind that was removed meanwhile


def _find(kube: KubeReader, namespace: str) -> dict[str, Any] | None:
    try:
        return kube.find(NAMESPACE, "", namespace)
    except Forbidden:
        return None
