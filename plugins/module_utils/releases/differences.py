# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In what an environment differs from the newest set that was verified: releases and, in the cluster, their objects."""

from __future__ import annotations

from typing import Any

from ..deploy.run import Run
from ..failure import TodoCloudError
from ..kube.errors import KubeError
from ..planning.drift import drift_of
from ..planning.live import is_written
from ..records.announcement import tell_drift
from ..records.record import Member

_NAMED = 3


def note_differences(run: Run, result: dict[str, Any]) -> None:
    """Adds ``differences`` to the result of a verification, notes them, and tells Prometheus how many there are."""
    settings = run.settings
    try:
        snapshot = run.look(remembered=True)
        newest = snapshot.newest
        if newest is None or snapshot.without_secrets:
            return
        found: dict[str, list[str]] = {}
        for name, member in newest.members.items():
            history = snapshot.history(name)
            if member.migration:
                continue
            if not history:
                found[name] = ["it is not installed"]
            elif not member.is_at(history[-1]):
                found[name] = [f"its revision is {history[-1].revision}, and {member.revision} was verified"]
            elif is_written(member.live, snapshot.listed, name) and (texts := _drift(run, member)):
                found[name] = texts
    except TodoCloudError as exc:
        result["notes"] = [*result["notes"], f"Whether somebody changed something is unknown: {exc.failure.message}"]
        return
    except KubeError as exc:
        result["notes"] = [*result["notes"], f"Whether somebody changed something is unknown: {exc}"]
        return
    result["differences"] = found
    notes = [f"{name} differs from release set {newest.id}: {_shortened(texts)}." for name, texts in found.items()]
    if settings.announce.metric and not settings.check:
        notes += tell_drift(run.kube, settings.namespace, settings.environment, newest.id, len(found))
    result["notes"] = [*result["notes"], *notes]


def _drift(run: Run, member: Member) -> list[str]:
    """What somebody changed in the objects of a release, a sentence each."""
    stored = run.storage.read(member.name, member.revision)
    return [each.message for each in drift_of(run.kube, run.settings.namespace, [stored]) if each.known]


def _shortened(texts: list[str]) -> str:
    more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return "; ".join(texts[:_NAMED]) + more
