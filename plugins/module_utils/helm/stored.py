# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release as Helm stores it: a Secret's metadata, and the content (base64 of gzip of JSON, in a Secret's base64)."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..failure import Code, Failure, TodoCloudError
from ..parsing import Malformed, check_plain, load_json, parse_as, unpack_base64, unpack_gzip

SELECTOR = "owner=helm"
_SYSTEM_LABELS = frozenset({"name", "owner", "status", "version", "createdAt", "modifiedAt"})
# Helm's own of a release, its info and its hooks, as far as they decide what Helm writes and deletes.
_KEYS = frozenset({
    "name", "info", "chart", "config", "manifest", "hooks", "version", "namespace", "status", "rollback_revision",
    "kind", "path", "events", "delete_policies",
})  # fmt: skip
_NUMBER = re.compile(r"[0-9]{1,9}")


class ReleaseStatus(StrEnum):
    """Helm's status of a revision (helm.sh/helm, pkg/release/common/status.go)."""

    UNKNOWN = "unknown"
    DEPLOYED = "deployed"
    UNINSTALLED = "uninstalled"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    UNINSTALLING = "uninstalling"
    PENDING_INSTALL = "pending-install"
    PENDING_UPGRADE = "pending-upgrade"
    PENDING_ROLLBACK = "pending-rollback"

    @property
    def pending(self) -> bool:
        """A Helm process was running when this was written; it may be dead by now."""
        return self.value.startswith("pending-")


@dataclass(frozen=True)
class Revision:
    """One revision, from its Secret's metadata. ``labels`` are those of ``helm --labels``."""

    name: str
    namespace: str
    revision: int
    status: ReleaseStatus
    uid: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    created: float = 0.0  # seconds since the epoch, by the API server's clock; 0: not known
    version: str = ""  # the Secret's resourceVersion

    @property
    def secret(self) -> str:
        """Name of the Secret."""
        return secret_name(self.name, self.revision)


History = Sequence[Revision]  # of one release, oldest first; empty when there is none


@dataclass(frozen=True)
class StoredRelease:
    """One revision with its content."""

    name: str
    namespace: str
    revision: int
    status: ReleaseStatus
    description: str
    chart_name: str
    chart_version: str
    app_version: str
    config: Mapping[str, Any]
    manifest: str
    rollback_revision: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    hooks: tuple[str, ...] = ()  # their manifests, which are not part of ``manifest``
    events: tuple[tuple[str, ...], ...] = ()  # when each of them runs, such as ("pre-delete",)


class CorruptRelease(TodoCloudError):
    """The Secret exists but does not contain the release that it is named for."""

    def __init__(self, why: str) -> None:
        super().__init__(Failure(Code.HELM_FAILED, f"A Helm release's Secret cannot be read: {why}.", {}))


def secret_name(name: str, revision: int) -> str:
    """Helm's name for the Secret of a revision."""
    return f"sh.helm.release.v1.{name}.v{revision}"


def revision_of(metadata: Mapping[str, Any]) -> Revision | None:
    """From a Secret's metadata; None when it is not a Helm release."""
    labels = metadata.get("labels")
    if not isinstance(labels, Mapping) or labels.get("owner") != "helm":
        return None
    if not _NUMBER.fullmatch(str(labels.get("version", ""))):
        return None
    return Revision(
        name=str(labels.get("name", "")),
        namespace=str(metadata.get("namespace", "")),
        revision=int(labels["version"]),
        status=_status(labels.get("status")),
        uid=str(metadata.get("uid", "")),
        labels={str(key): str(value) for key, value in labels.items() if key not in _SYSTEM_LABELS},
        created=_seconds(metadata.get("creationTimestamp")),
        version=str(metadata.get("resourceVersion", "")),
    )


def histories_of(metadata: Iterable[Mapping[str, Any]]) -> dict[str, list[Revision]]:
    """The releases of one namespace by name, each oldest revision first."""
    found: dict[str, list[Revision]] = {}
    for each in metadata:
        if revision := revision_of(each):
            found.setdefault(revision.name, []).append(revision)
    for revisions in found.values():
        revisions.sort(key=lambda r: r.revision)
    return found


def decode(data: str) -> dict[str, Any]:
    """Content of a Secret's key ``release``, as in the API; raises CorruptRelease."""
    try:
        packed = unpack_base64(unpack_base64(data).decode("ascii", "replace"))
        release = load_json(unpack_gzip(packed) if packed[:3] == b"\x1f\x8b\x08" else packed)
    except Malformed as exc:
        raise CorruptRelease(str(exc)) from exc
    if not isinstance(release, dict) or not isinstance(release.get("info"), dict):
        raise CorruptRelease("it contains no release")
    hooks = release.get("hooks")
    for part in (release, release["info"], *(hooks if isinstance(hooks, list) else ())):
        if isinstance(part, dict) and any(key not in _KEYS and key.casefold() in _KEYS for key in part):
            raise CorruptRelease("it contains a key in other letters")  # which counts for Helm, as for all of Go
    return release


def encode(release: Mapping[str, Any]) -> str:
    """The reverse of ``decode``."""
    packed = gzip.compress(json.dumps(release, separators=(",", ":")).encode(), mtime=0)
    return base64.b64encode(base64.b64encode(packed)).decode()


def stored_release(raw: Mapping[str, Any], labels: Mapping[str, str] | None = None) -> StoredRelease:
    """From the decoded JSON. What is null or missing is empty, as for Helm; raises CorruptRelease for another type."""
    try:
        check_plain(dict(raw))
        info, chart = _part(raw, "info", dict[str, Any], {}), _part(raw, "chart", dict[str, Any], {})
        metadata = _part(chart, "metadata", dict[str, Any], {})
        hooks = _part(raw, "hooks", tuple[dict[str, Any], ...], ())
        return StoredRelease(
            name=_part(raw, "name", str, ""),
            namespace=_part(raw, "namespace", str, ""),
            revision=_part(raw, "version", int, 0),
            status=_status(_part(info, "status", str, "")),
            description=_part(info, "description", str, ""),
            chart_name=_part(metadata, "name", str, ""),
            chart_version=_part(metadata, "version", str, ""),
            app_version=_part(metadata, "appVersion", str, ""),
            config=_part(raw, "config", dict[str, Any], {}),
            manifest=_part(raw, "manifest", str, ""),
            rollback_revision=_part(info, "rollback_revision", int, 0),
            labels=dict(labels or {}),
            hooks=tuple(_part(hook, "manifest", str, "") for hook in hooks),
            events=tuple(_part(hook, "events", tuple[str, ...], ()) for hook in hooks),
        )
    except Malformed as exc:
        raise CorruptRelease(str(exc)) from exc


def chart_files(raw: Mapping[str, Any]) -> dict[str, str]:
    """Files of the chart, by their paths, of the decoded JSON; raises CorruptRelease."""
    try:
        files = _part(_part(raw, "chart", dict[str, Any], {}), "files", tuple[dict[str, Any], ...], ())
        return {
            _part(file, "name", str, ""): unpack_base64(_part(file, "data", str, "")).decode("utf-8", "replace")
            for file in files
        }
    except Malformed as exc:
        raise CorruptRelease(str(exc)) from exc


def _part(raw: Mapping[str, Any], key: str, kind: Any, default: Any) -> Any:
    value = raw.get(key)
    return default if value is None else parse_as(kind, value, key)


def _status(word: object) -> ReleaseStatus:
    try:
        return ReleaseStatus(str(word))
    except ValueError:
        return ReleaseStatus.UNKNOWN


def _seconds(timestamp: Any) -> float:
    try:
        return datetime.fromisoformat(timestamp).timestamp() if isinstance(timestamp, str) else 0.0
    except (ValueError, OverflowError):
        return 0.0


def payload_of(secret: Mapping[str, Any]) -> str:
    """What a Secret has under its key ``release``; raises CorruptRelease."""
    data = secret.get("data")
    payload = data.get("release") if isinstance(data, Mapping) else None
    if not isinstance(payload, str):
        raise CorruptRelease("the Secret has no key 'release'")
    return payload
