# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Drift in a run: which releases are compared with the cluster, and what their differences mean for the plan.

A run compares only releases in which somebody wrote since they were verified: lists of metadata tell, one for each kind
of object that they have (planning/live.py). Check mode compares all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..failure import Code
from ..helm.manifest import objects_of
from ..helm.state import Action, State
from ..helm.stored import ReleaseStatus, StoredRelease
from ..planning.drift import Drift, drift_of
from ..planning.live import is_written
from ..planning.plan import PlanItem
from ..planning.snapshot import Snapshot
from ..preflight.problem import Problem
from ..settings import OnDrift
from .handover import hand_over_all
from .run import Run

_NAMED = 3
_REMEDY = "undo that, or put it back with drift=restore (release_drift=restore)"


class DriftCheck:
    """The drift of one run, and of one moment: before the lock, or under it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._policy = run.settings.drift
        self._found: Sequence[Drift] = ()
        self._stored: Mapping[str, StoredRelease] = {}

    def look(self, plan: Sequence[PlanItem], snapshot: Snapshot) -> list[PlanItem]:
        """The plan, with what somebody changed in the cluster, and the repair of that where it is asked for."""
        asked = [] if self._policy is OnDrift.IGNORE else [i for i in plan if self._is_suspicious(i, snapshot)]
        self._stored = {item.name: self._run.storage.read(item.name, item.revision) for item in asked}
        self._found = self._compare(self._stored)
        return [self._planned(item) for item in plan]

    @property
    def result(self) -> Sequence[Drift] | None:
        """All differences; None when they were not asked for."""
        return None if self._policy is OnDrift.IGNORE else self._found

    @property
    def problems(self) -> list[Problem]:
        """One for each difference, if they end the run."""
        refused = self._found if self._policy is OnDrift.REFUSE else ()
        return [Problem(drift.release, Code.DRIFTED, drift.message, _REMEDY) for drift in refused if drift.known]

    @property
    def warnings(self) -> list[str]:
        """What stays as it is, and what could not be compared; check mode has them in its table."""
        if self._run.settings.check:
            return []
        texts = [f"{drift.release}: {drift.message}." for drift in self._found if not drift.known]
        if self._policy is OnDrift.REPORT:
            drifted = dict.fromkeys(drift.release for drift in self._found if drift.known)
            texts += [f"{name} drifted: {self._why(name)}. It is left so: {_REMEDY}." for name in drifted]
        return texts

    def hand_over(self, release: str) -> None:
        """Before Helm writes a release that is to be restored: Helm becomes the owner of what others wrote in it, so it
        may overwrite and remove that.
        """
        drifted = {(d.kind, d.name) for d in self._of(release) if d.change != "missing"}
        if self._policy is not OnDrift.RESTORE or not drifted:
            return
        items = objects_of(self._stored[release].manifest)
        changed = [item for item in items if (str(item.get("kind")), str(item["metadata"]["name"])) in drifted]
        hand_over_all(self._run.kube, self._run.settings.namespace, changed)

    def left(self, verified: Mapping[str, StoredRelease]) -> dict[str, str]:
        """Verified releases that drifted and still do, and how."""
        self._found = self._compare({name: verified[name] for name in verified if self._of(name)})
        return {name: self._why(name) for name in dict.fromkeys(d.release for d in self._found if d.known)}

    def _compare(self, stored: Mapping[str, StoredRelease]) -> Sequence[Drift]:
        return drift_of(self._run.kube, self._run.settings.namespace, stored.values()) if stored else ()

    def _is_suspicious(self, item: PlanItem, snapshot: Snapshot) -> bool:
        newest = snapshot.history(item.name)[-1:]
        if not newest or newest[0].status is not ReleaseStatus.DEPLOYED or item.state is State.CORRUPT:
            return False
        if item.action in (Action.UNINSTALL, Action.REFUSE) or (item.spec and item.spec.migration):
            return False  # a migration is over, whatever became of its Job
        if self._run.settings.check:
            return True
        member = snapshot.newest.members.get(item.name) if snapshot.newest else None
        remembered = member.live if member and member.is_at(newest[0]) else {}
        if not remembered:  # never verified, or by an older version of the collection
            return item.action is not Action.NONE
        return is_written(remembered, snapshot.listed, item.name)

    def _of(self, release: str) -> list[Drift]:
        return [drift for drift in self._found if drift.release == release and drift.known]

    def _why(self, release: str) -> str:
        found = self._of(release)
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        return "; ".join(drift.message for drift in found[:_NAMED]) + more

    def _planned(self, item: PlanItem) -> PlanItem:
        if not self._of(item.name):
            return item
        changes = (*item.changes, self._why(item.name))
        if item.action not in (Action.NONE, Action.VERIFY):
            return replace(item, changes=changes)
        action = Action.UPGRADE if self._policy is OnDrift.RESTORE and item.spec else item.action
        return replace(item, state=State.DRIFTED, action=action, changes=changes)
