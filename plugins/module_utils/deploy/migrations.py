# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Migrations in a run: none runs for a version for which it was verified before, and never two of one service at once.

A killed run leaves its Job at work, so before another one is written, that one is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..failure import Code, Failure, TodoCloudError, error, one_or_many
from ..helm.manifest import objects_of
from ..helm.state import Action, State
from ..kube.api import Object
from ..kube.deadline import Deadline
from ..kube.resources import JOB
from ..planning.plan import PlanItem
from ..planning.snapshot import Snapshot
from ..planning.spec import ReleaseSpec
from ..readiness.fields import is_true, name, terminating, uid
from .job_output import jobs_of, last_lines
from .rendering import Rendering
from .run import Run

_POLL_SECONDS = 1.0
_SAY_NOTHING = (Code.SET_DAMAGED, Code.SET_UNSIGNED, Code.SET_NOT_FOUND)


class Migrations:
    """The migrations of one run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._namespace = run.settings.namespace

    def look(self, plan: Iterable[PlanItem], snapshot: Snapshot) -> list[PlanItem]:
        """The plan, in which a migration is run only for a version that it never was verified for."""
        return [self.planned(item, snapshot) for item in plan]

    def planned(self, item: PlanItem, snapshot: Snapshot) -> PlanItem:
        """The same for one release."""
        spec = item.spec
        if spec is None or spec.migration is None:
            return item
        if item.action in (Action.INSTALL, Action.UPGRADE):
            if self._was_verified(spec, snapshot):
                return replace(item, state=State.VERIFIED, action=Action.NONE, changes=())
            return replace(item, changes=(spec.migration.describe(),))
        if item.action is Action.VERIFY and (why := self._failed(spec)):
            return replace(item, state=State.FAILED, action=Action.UPGRADE, changes=(why, spec.migration.describe()))
        return item

    def make_way(self, spec: ReleaseSpec, rendering: Rendering, snapshot: Snapshot, deadline: Deadline) -> None:
        """Before a migration is written: its last Job has ended, and is gone if it failed. Raises timeout."""
        manifest = rendering.one(spec, snapshot.version_ids, len(snapshot.history(spec.name)) + 1).manifest
        wanted = {name(item) for item in objects_of(manifest) if item.get("kind") == JOB.kind}
        told = False
        while busy := self._in_the_way(spec, wanted):
            if deadline.expired:
                working = one_or_many(busy, "{} of an earlier run is", "{} of an earlier run are")
                message = f"{spec.name}: {working} still at work, so it was not run again."
                raise error(Code.TIMEOUT, message, release=spec.name)
            if not told:
                gone = ("{} of an earlier run is gone or has ended", "{} of an earlier run are gone or have ended")
                self._run.progress(f"{spec.name}: waiting until {one_or_many(busy, *gone)}")
                told = True
            time.sleep(_POLL_SECONDS)

    def stopped(self, failures: Mapping[str, Failure], wave: Iterable[ReleaseSpec]) -> dict[str, Failure]:
        """The failures of a wave, once those of its migrations that have not ended are stopped."""
        found = dict(failures)
        for spec in wave:
            if spec.migration is None or spec.name not in failures:
                continue
            for job in self._jobs(spec):
                if not _has_ended(job):
                    lines = last_lines(self._run.kube, self._namespace, spec.name, self._run.settings.wait.log_lines)
                    self._delete(job)
                    last = f", its last line: {lines[-1]}" if lines else ""
                    failure = failures[spec.name]
                    message = f"{failure.message.rstrip('.')}; it was stopped{last}"
                    found[spec.name] = Failure(failure.code, message, {**failure.details, "log_tail": lines})
        return found

    def _in_the_way(self, spec: ReleaseSpec, wanted: set[str]) -> list[str]:
        """Jobs that must end or go first. One that failed and would be the same again is deleted."""
        found = []
        for job in self._jobs(spec):
            again = name(job) in wanted
            if again and is_true(job, "Failed"):
                self._delete(job)
                found.append(f"Job {name(job)}")
            elif not again and not _has_ended(job):
                found.append(f"Job {name(job)}")
        return found

    def _delete(self, job: Object) -> None:
        if not terminating(job):
            self._run.kube.delete(JOB, self._namespace, name(job), uid=uid(job))

    def _jobs(self, spec: ReleaseSpec) -> Sequence[Object]:
        return jobs_of(self._run.kube, self._run.storage, spec.name)

    def _failed(self, spec: ReleaseSpec) -> str:
        """Why it has to run again, though it was applied; empty when it is at work or has ended well."""
        jobs = self._jobs(spec)
        if not jobs:
            return "its Job is gone, and was not seen to end well"
        return f"Job {name(jobs[-1])} failed" if is_true(jobs[-1], "Failed") else ""

    def _was_verified(self, spec: ReleaseSpec, snapshot: Snapshot) -> bool:
        """Whether a release set says that it ran for this version; withdrawn ones count, since it is never undone."""
        for header in snapshot.headers:
            try:
                member = self._run.records.read(header.id).members.get(spec.name)
            except TodoCloudError as exc:
                if exc.failure.code not in _SAY_NOTHING:
                    raise
                continue
            if member and member.migration and member.inputs == spec.inputs:
                return True
        return False


def _has_ended(job: Object) -> bool:
    return is_true(job, "Complete") or is_true(job, "Failed")
