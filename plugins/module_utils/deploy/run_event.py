# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps a run as an event of its environment, once it has begun: one that failed as well, but none that did nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from ..failure import Failure, TodoCloudError
from ..kube.errors import KubeError
from ..records.announcement import Announcement, tell_drift
from ..records.events import Event, add
from ..records.history import DEPLOYMENTS
from ..records.record import Record
from .lead_time import lead_seconds
from .otlp import Attribute, body_of, send
from .report import CUT_OFF, Outcome, Report
from .run import Run

_NAMES = {
    "release_apply": "deployment",
    "release_rollback": "rollback",
    "release_adjust": "scaling",
    "environment_sleep": "sleep",
}


class RunEvent:
    """Of one run. Until ``begins`` is called nothing is written: the namespace may be another environment's."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._began = time.monotonic()
        self._time = _now()
        self._newest: Record | None = None
        self._begun = False

    def begins(self, newest: Record | None) -> None:
        """``newest``: the newest verified set."""
        if not self._begun:
            self._begun, self._newest = True, newest

    @contextmanager
    def kept(self, report: Report) -> Iterator[None]:
        """Around the run."""
        try:
            yield
        except TodoCloudError as exc:
            self._keep(report, exc.failure)
            raise
        self._keep(report)
        self._tell_drift(report)

    def _keep(self, report: Report, failure: Failure | None = None) -> None:
        was = self._newest.id if self._newest else 0
        settings = self._run.settings
        done = report.changed or report.set != was
        if not self._begun or settings.check or not settings.environment or not (done or failure):
            return
        event = self._event(report, failure)
        report.warnings += self._traced(event, failure)
        if failure and failure.code in CUT_OFF:
            return  # nobody takes it
        if event.outcome == "succeeded" and event.run in DEPLOYMENTS and event.commit != event.from_commit:
            event = replace(event, lead_seconds=lead_seconds(event.commit))
        kube, kept, warnings = self._run.kube, list[Event](), list[str]()
        try:
            kept = add(kube, settings.namespace, settings.environment, event)
        except KubeError as exc:
            warnings = [f"This run was not kept among the events of {settings.environment}: {exc}"]
        told = Announcement(kube, settings.namespace, settings.environment, event, kept)
        report.warnings += [*told.make(settings.announce), *warnings]

    def _event(self, report: Report, failure: Failure | None) -> Event:
        settings = self._run.settings
        seen = report.availability or {}
        promoted = settings.change_rules.promoted is not None
        return replace(
            _event(self._run, self._newest, failure, time.monotonic() - self._began),
            run="promotion" if promoted else _NAMES.get(self._run.what, self._run.what),
            time=self._time,
            to_set=report.set,
            outcome=_outcome(report, failure),
            requests=seen.get("requests", 0),
            failed_requests=seen.get("failed_requests", 0),
            longest_gap_ms=float(seen.get("longest_gap_ms", 0.0)),
        )

    def _traced(self, event: Event, failure: Failure | None) -> list[str]:
        """Sends the run's trace, if somebody wants it; a warning if it was not taken."""
        settings, wanted = self._run.settings, self._run.settings.announce
        if not wanted.trace_endpoint:
            return []
        self._run.timeline.close(f"{event.run} of {settings.environment}", failure)
        about: dict[str, Attribute] = {
            "todo.outcome": event.outcome, "todo.set": event.to_set, "todo.set.before": event.from_set,
            "todo.commit": event.commit, "todo.url": event.url, "todo.outage_ms": event.longest_gap_ms,
        }  # fmt: skip
        about = {key: value for key, value in about.items() if value != ""}
        where = {"deployment.environment.name": settings.environment, "k8s.namespace.name": settings.namespace}
        body = body_of(self._run.timeline, wanted.trace_parent, where, about)
        why = send(wanted.trace_endpoint, wanted.trace_headers, body)
        return [f"The trace of this run was not taken by trace_endpoint: {why}."] if why else []

    def _tell_drift(self, report: Report) -> None:
        """How many releases differ from the verified set; 0 only if all were looked at, and something was written."""
        settings = self._run.settings
        if not self._begun or settings.check or not settings.announce.metric or report.drift is None:
            return
        drifted = sum(row.outcome is Outcome.DRIFTED for row in report.rows.values())
        members = self._newest.members.values() if self._newest else ()
        whole = {each.name for each in members if not each.migration} <= set(report.rows)
        if drifted or (whole and report.changed):
            report.warnings += tell_drift(self._run.kube, settings.namespace, settings.environment, report.set, drifted)


def keep_verification(run: Run, newest: Record, failure: Failure | None, seconds: float) -> None:
    """That a set failed when it was verified again, or did not any more. Raises KubeError."""
    event = _event(run, newest, failure, seconds)
    settings = run.settings
    kept = add(run.kube, settings.namespace, settings.environment, event)
    list(Announcement(run.kube, settings.namespace, settings.environment, event, kept).make(settings.announce))


def _event(run: Run, newest: Record | None, failure: Failure | None, seconds: float) -> Event:
    settings, holder, number = run.settings, run.holder, newest.id if newest else 0
    return Event(
        time=_now(),
        run="verification",
        who=f"{holder.who}@{holder.host}",
        commit=holder.commit,
        from_set=number,
        to_set=number,
        outcome="failed" if failure else "succeeded",
        seconds=round(seconds, 1),
        from_commit=newest.commit if newest else "",
        code=failure.code.value if failure else "",
        message=failure.message if failure else "",
        emergency=settings.change_rules.emergency,
        url=holder.url,
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _outcome(report: Report, failure: Failure | None) -> str:
    if not failure:
        return "succeeded"
    outcomes = {row.outcome for row in report.rows.values()}
    if Outcome.RESTORED in outcomes and Outcome.FAILED not in outcomes:
        return "restored"
    return "failed" if report.changed or Outcome.FAILED in outcomes or report.verification is not None else "refused"
