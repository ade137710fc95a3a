# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Lease behind a lock: its place, content and description. Nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard

from ..failure import Code, TodoCloudError, error
from ..kube.api import KubeReader
from ..parsing import read_json
from .holder import LONGEST_SECONDS, Holder

LOCK_NAME = "todo.cloud-lock"
PLATFORM_LOCK, PLATFORM_NAMESPACE = "todo.cloud-platform-lock", "kube-system"  # of the cluster, whoever manages it
HOLDER = "todo.cloud/holder"
TAKEN_OVER = "todo.cloud/lock-taken-over"  # manually; stays until a run has reported it
UNFINISHED = "todo.cloud/unfinished-rollback"  # stays until a run has finished or abandoned it
TTL_SECONDS = 15
_MAX_TRANSITIONS = 2**31 - 1  # an int32 of the API


def place(namespace: str, platform: bool) -> tuple[str, str]:
    """Namespace and name of a lock's Lease: a namespace's own, or the one of the cluster's platform."""
    return (PLATFORM_NAMESPACE, PLATFORM_LOCK) if platform else (namespace, LOCK_NAME)


def subject(namespace: str, name: str) -> str:
    """Describes what a lock protects."""
    return "the platform" if name == PLATFORM_LOCK else f"namespace {namespace!r}"


def spec_of(lease: Mapping[str, Any]) -> Mapping[str, Any]:
    """A Lease's spec, which the API server lets be empty."""
    spec = lease.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def identity_of(lease: Mapping[str, Any]) -> str:
    """Who holds a Lease; empty when it is free."""
    return str(spec_of(lease).get("holderIdentity") or "")


def annotations_of(lease: Mapping[str, Any]) -> dict[str, str]:
    """A Lease's annotations."""
    metadata = lease.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return {key: str(value) for key, value in found.items()} if isinstance(found, Mapping) else {}


def lease_body(
    namespace: str, name: str, holder: Holder, ttl: int, lease: Mapping[str, Any], annotations: Mapping[str, str]
) -> dict[str, Any]:
    """A Lease held by ``holder`` from now on, replacing ``lease`` (empty: there is none)."""
    now = stamp()
    kept = {key: value for key, value in annotations_of(lease).items() if key == UNFINISHED}
    notes = {HOLDER: holder.as_json(), **kept, **annotations}
    metadata = {"name": name, "namespace": namespace, "annotations": notes}
    if lease:
        metadata["resourceVersion"] = lease["metadata"]["resourceVersion"]
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": holder.identity,
            "leaseDurationSeconds": ttl,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": _transitions(lease) + (1 if lease else 0),
        },
    }


def freed(lease: Mapping[str, Any]) -> dict[str, Any]:
    """The Lease without a holder; a manual takeover was reported by then."""
    notes = {k: v for k, v in annotations_of(lease).items() if k != TAKEN_OVER}
    metadata = {**lease["metadata"], "annotations": notes}
    return {**lease, "metadata": metadata, "spec": {**spec_of(lease), "holderIdentity": None}}


def duration_of(lease: Mapping[str, Any]) -> float:
    """Seconds for which a Lease is valid without a renewal."""
    seconds = spec_of(lease).get("leaseDurationSeconds")
    return float(min(seconds, LONGEST_SECONDS)) if _is_int(seconds) and seconds > 0 else float(TTL_SECONDS)


def silent_for(kube: KubeReader, lease: Mapping[str, Any]) -> float:
    """Seconds since the last write of a Lease, by the API server's timestamps; 0 without any."""
    metadata = lease.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, Mapping) else None
    entries = [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
    stamps = [_seconds(entry["time"]) for entry in entries if entry.get("time")]
    return max(kube.server_now() - max(stamps), 0.0) if stamps else 0.0


def _seconds(time: object) -> float:
    try:
        return datetime.fromisoformat(str(time)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _transitions(lease: Mapping[str, Any]) -> int:
    count = spec_of(lease).get("leaseTransitions")
    return count if _is_int(count) and 0 <= count < _MAX_TRANSITIONS else 0


def holder_of(lease: Mapping[str, Any]) -> Holder:
    """Who holds a Lease, by its annotation (only the identity when another program wrote it)."""
    return Holder.parse(annotations_of(lease).get(HOLDER, ""), identity_of(lease))


def held(namespace: str, lease: dict[str, Any]) -> TodoCloudError:
    """The refusal that names the holder."""
    holder, name = holder_of(lease), str(lease["metadata"].get("name", LOCK_NAME))
    locked = subject(namespace, name)
    if holder.manual:
        advice = f"It was taken manually: ask {holder.who}, or take it over by deploy_lock"
    else:
        advice = (
            "Wait for that run, or let this one wait: -e release_lock_wait=60 (of a module: lock_wait); "
            f"if it is dead, more than {duration_of(lease) + holder.grace:.0f} s take the lock over"
        )
    return error(
        Code.LOCK_HELD,
        f"{locked[0].upper()}{locked[1:]} is locked: {describe_holder(lease)}. {advice}.",
        namespace=namespace,
        holder=read_json(holder.as_json()),
        renewed=spec_of(lease).get("renewTime"),
    )


def describe_holder(lease: Mapping[str, Any]) -> str:
    """Describes who holds a Lease and since when."""
    spec = spec_of(lease)
    return f"{holder_of(lease).describe()} holds it since {spec.get('acquireTime')}, last seen {spec.get('renewTime')}"


def stamp() -> str:
    """The current time in a Lease's format; for people, never compared."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
