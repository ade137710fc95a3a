# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Custom resources whose kind has a status that nobody writes: its controller needs none, or does not run. Pure."""

from __future__ import annotations

from .fields import Object, metadata
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


def _has_writer(obj: Object) -> bool:
    return any(entry.get("subresource") == "status" for entry in metadata(obj).get("managedFields") or ())
