# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads fields of Kubernetes objects (plain JSON) that may be absent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Object = Mapping[str, Any]


def metadata(obj: Object) -> Object:
    """``metadata``, empty when absent."""
    return _map(obj.get("metadata"))


def spec(obj: Object) -> Object:
    """``spec``, empty when absent."""
    return _map(obj.get("spec"))


def status(obj: Object) -> Object:
    """``status``, empty when absent."""
    return _map(obj.get("status"))


def _map(value: Any) -> Object:
    """Custom resources may have anything there."""
    return value if isinstance(value, Mapping) else {}


def name(obj: Object) -> str:
    """``metadata.name``."""
    return str(metadata(obj).get("name", ""))


def uid(obj: Object) -> str:
    """``metadata.uid``."""
    return str(metadata(obj).get("uid", ""))


def labels(obj: Object) -> Object:
    """``metadata.labels``, empty when absent."""
    return metadata(obj).get("labels") or {}


def number(fields: Object, key: str, default: int = 0) -> int:
    """An integer field; what is absent or no number is ``default``: CronJobs have a list in ``active``."""
    try:
        return int(fields.get(key))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return default


def condition(obj: Object, kind: str) -> Object:
    """The condition of this type, empty when absent."""
    entries = status(obj).get("conditions")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get("type") == kind:
            return entry
    return {}


def is_true(obj: Object, kind: str) -> bool:
    """True if the condition of this type has status True."""
    return bool(condition(obj, kind).get("status") == "True")


def is_false(obj: Object, kind: str) -> bool:
    """True if the condition of this type has status False."""
    return bool(condition(obj, kind).get("status") == "False")


def terminating(obj: Object) -> bool:
    """True once deletion has begun."""
    return bool(metadata(obj).get("deletionTimestamp"))


def controller(obj: Object) -> Object:
    """The reference to the controlling owner, empty when there is none."""
    owners = metadata(obj).get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), {})


def controller_uid(obj: Object) -> str:
    """uid of the controlling owner, empty when there is none."""
    return str(controller(obj).get("uid", ""))


def timestamp(value: Any) -> float | None:
    """An RFC 3339 time as seconds since the epoch; None when absent or unreadable."""
    try:
        return datetime.fromisoformat(str(value)).timestamp() if value else None
    except ValueError:
        return None
