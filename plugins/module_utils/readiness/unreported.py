# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Custom resources of which a controller has said nothing yet, or nothing since their last change. Pure."""

from __future__ import annotations

from .conventions import observed
from .fields import Object, metadata, timestamp
from .pods import created
from .rule import NO_STATUS, NOT_JUDGED
from .status import Status
from .tree import written


def unreported(obj: Object, found: Status, now: float, grace: float, busy: float = 0.0) -> tuple[Status, float]:
    """The status of an object, and the seconds until it is another one by the passing of time alone.

    Without a status it is not ready; ``grace`` seconds after its last write it exists, not judged, if no controller has
    ever written one. ``now``: the server's clock, in seconds since the epoch; ``busy``: when, by the same clock, other
    objects were last seen starting, the controller may have been among them.
    """
    if found != NO_STATUS or _has_writer(obj):
        return found, float("inf")
    lasted = now - max(written(obj), busy)
    if lasted < grace:
        return found, grace - lasted
    why = f"nobody has written its status in the {grace:.0f} s since its last change (does its controller run?)"
    return Status(NOT_JUDGED.state, f"{NOT_JUDGED.message}: {why}", judged=False), float("inf")


def seconds_to_trust(obj: Object, now: float, stability: float) -> float:
    """Seconds for which the status of an object that was changed may still be the one from before.

    Only a status that names no generation is in doubt: until its controller writes it anew, or ``stability`` seconds
    after the change. ``now``: the server's clock, in seconds since the epoch.
    """
    changed = written(obj)
    if changed <= created(obj) or observed(obj) or max(_said(obj), default=changed) > changed:
        return 0.0
    return max(0.0, changed + stability - now)


def _has_writer(obj: Object) -> bool:
    return bool(_said(obj))


def _said(obj: Object) -> list[float]:
    """When the status was written by each of its managers; the API's times are whole seconds."""
    entries = [one for one in metadata(obj).get("managedFields") or () if one.get("subresource") == "status"]
    return [timestamp(one.get("time")) or 0.0 for one in entries]
