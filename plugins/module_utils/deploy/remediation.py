# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Remediation of a failed wave: hold, restore the failed releases, or restore the whole set; verified and recorded.

The diagnosis was made before anything here begins. The run fails in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..failure import Code, Failure, TodoCloudError, one_or_many
from ..helm.manifest import key_of, objects_of
from ..helm.stored import StoredRelease
from ..kube.deadline import Deadline
from ..kube.resources import NAMESPACE
from ..labels import MIGRATION
from ..live_lines import Retold
from ..planning.snapshot import Snapshot
from ..planning.spec import ReleaseSpec
from ..readiness.fields import is_true
from ..records.record import Member
from ..records.rollback_floor import violated_floors
from ..records.store import RecordStore
from ..settings import OnFailure
from .recorder import Recorder
from .report import CUT_OFF, Outcome, Report
from .restore import Restore, RestoreResult
from .restore_check import RestoreCheck, Target
from .run import LockedRun
from .verification import Verification, Verifier
from .writer import ReleaseWriter

_PROBE_SECONDS = 3.0
# What the old version would meet as well: nothing goes back for it.
_HELD = {
    Code.DEPENDENCY_DOWN: "going back would not bring the dependency back",
    Code.PLATFORM_DOWN: "going back would not bring the dependency back",
    Code.WEBHOOK_DOWN: "going back would call the webhook too",
    Code.REGISTRY_UNREACHABLE: "going back would not bring the registry back",
    Code.UNREACHABLE: "the API server did not answer, which is no fault of the releases; run it again to go on",
    Code.CONTROLLER_EXHAUSTED: "going back would need what this machine lacks",
}
_DATA = {"StatefulSet", "PersistentVolumeClaim"}  # a restore never uninstalls anything stateful


def _serving(names: Iterable[str], snapshot: Snapshot) -> str:
    """The end of a sentence: whether pods of what was verified before still serve; empty where there are none."""
    members = snapshot.newest.members if snapshot.newest else {}
    serve: dict[str, bool] = {}
    for name in members.keys() & set(names):
        keys = [(target.kind, target.name) for target in members[name].targets]
        workloads = [snapshot.workloads[key] for key in keys if key in snapshot.workloads]
        pods = [snapshot.pods_of(workload) for workload in workloads]
        if pods:
            serve[name] = all(any(is_true(pod, "Ready") for pod in each) for each in pods)
    if dark := sorted(name for name, well in serve.items() if not well):
        return f"; no pod of {' and '.join(dark)} is ready"
    return "; pods that are ready go on serving" if serve else ""


def _sets(targets: Iterable[Target], number: int) -> str:
    """The set that is back, by the number that the table has too, and that of its new record."""
    old = sorted({target.record.id for target in targets})
    listed = one_or_many(map(str, old), "release set {}", "release sets {}")
    return f"{listed}, recorded anew as {number}"


@dataclass(frozen=True)
class WaveFailure:
    """What failed (by release, never empty), the releases of that wave, and what was verified in earlier waves."""

    failures: Mapping[str, Failure]
    wave: Sequence[str]
    verified: Mapping[str, StoredRelease]
    specs: Mapping[str, ReleaseSpec]

    @property
    def first(self) -> Failure:
        """The failure that the run's message begins with."""
        return next(iter(self.failures.values()))

    @property
    def distinct(self) -> list[Failure]:
        """Each failure once: several releases may share one."""
        return list({id(failure): failure for failure in self.failures.values()}.values())


class Remediation:
    """Remediation of one failed wave."""

    def __init__(self, run: LockedRun) -> None:
        self._run = run
        self._kube = run.kube
        self._settings = run.settings
        self._progress = run.progress

    def remediate(self, lost: WaveFailure, report: Report) -> TodoCloudError:
        """The error that ends the run; its results are the report, remediation included."""
        for failure in lost.distinct:
            self._progress(Retold(f"failed: {failure.message}", failure.message.partition(": ")[0]))
            report.failures.append(failure)
        for name, failure in lost.failures.items():
            report.rows[name].outcome, report.rows[name].detail = Outcome.FAILED, failure.code.value
        try:
            end = self._remediate(lost, report)
        except TodoCloudError as exc:
            if exc.failure.code not in CUT_OFF:
                raise
            if lost.first.code in CUT_OFF:
                return report.interrupted(lost.first)
            report.failures.append(exc.failure)
            end = f"going back was cut off ({exc.failure.message.rstrip('.')}), run it again to go on"
        for row in report.rows.values():
            self._progress(Retold(row.describe()))
        message = f"{lost.first.message.rstrip('.')}; {end}."
        return report.fail(Failure(lost.first.code, message, lost.first.details))

    def _remediate(self, lost: WaveFailure, report: Report) -> str:
        """Follows on_failure; returns the end of the run's message."""
        if any(f.code in CUT_OFF for f in lost.failures.values()):  # still? If so, nothing more can be said
            self._kube.find(NAMESPACE, "", self._settings.namespace, deadline=Deadline.after(_PROBE_SECONDS))
        snapshot = self._run.look()
        report.set = snapshot.newest.id if snapshot.newest else 0
        for failure in lost.failures.values():
            if failure.code in _HELD:
                return f"everything is kept as it is: {_HELD[failure.code]}"
        if self._settings.on_failure is OnFailure.HOLD:
            return f"everything is kept as it is for a look (on_failure=hold){_serving(lost.failures, snapshot)}"
        return self._restore(lost, report, snapshot)

    def _restore(self, lost: WaveFailure, report: Report, snapshot: Snapshot) -> str:
        """Restores what on_failure selects; returns the end of the run's message."""
        whole = self._settings.on_failure is OnFailure.SET
        targets = differing(snapshot, self._run.records, None if whole else list(lost.failures))
        standing = {
            name for name, m in (snapshot.newest.members if snapshot.newest else {}).items() if _stands(m, snapshot)
        }
        fresh = [name for name in lost.failures if name not in {*standing, *(t.member.name for t in targets)}]
        fresh = [name for name in fresh if not lost.specs[name].migration]
        if fresh and not targets:
            return f"nothing verified to go back to, so {self._first_installs(fresh, report)}"
        if floors := violated_floors([(t.member, t.record) for t in targets], snapshot.histories):
            return f"everything is kept as it is, since {'; '.join(floors)}"
        if not targets and all(lost.specs[name].migration for name in lost.failures):
            return "its wave was not touched; what the migration did until then is not undone"
        if not targets:
            return f"nothing was changed by it, release set {report.set} still stands"
        check = RestoreCheck(self._run)
        admission = check.admission(targets, snapshot.histories)
        try:
            admission.check(self._kube)
            warning = admission.open(self._kube, self._progress)
        except TodoCloudError as exc:
            if exc.failure.code is not Code.ROLLBACK_REFUSED:
                raise
            report.failures.append(exc.failure)
            return f"everything is kept as it is: {exc.failure.message.rstrip('.')}"
        report.warnings += [warning] if warning else []
        self._progress("going back: " + ", ".join(t.member.name for t in targets))
        with self._run.timeline.span("rollback", "back to what was verified") as span:
            result = Restore(self._run, check).restore(targets, snapshot.version_ids)
            span.ends(next(iter(result.failures.values()), None))
        self._note(result, targets, report)
        if not result.ok:
            report.failures += result.failures.values()
            return f"going back failed too: {next(iter(result.failures.values())).message.rstrip('.')}"
        verified, sources = self._verified(lost, result, targets, whole)
        charts = {digest: archive for t in targets for digest, archive in t.record.charts.items()}
        number, warnings = Recorder(self._run).record(
            verified, sources, self._run.look(), charts=charts, restored_from=max(t.record.id for t in targets)
        )
        report.set = number
        report.warnings += warnings
        kept = f"; never verified, {self._first_installs(fresh, report)}" if fresh else ""
        restored = one_or_many((t.member.name for t in targets), "{} is", "{} are")
        what = "the whole set is" if whole else restored
        return f"{what} back at what was verified ({_sets(targets, number)}){kept}"

    def _first_installs(self, names: Sequence[str], report: Report) -> str:
        """Keeps or removes what failed and was never verified; says which."""
        removed = [name for name in names if self._settings.remove_failed_installs and self._removed(name, report)]
        kept = [name for name in names if name not in removed]
        parts = [one_or_many(kept, "{} is kept as it is", "{} are kept as they are")] if kept else []
        parts += [one_or_many(removed, "{} is uninstalled", "{} are uninstalled")] if removed else []
        return " and ".join(parts)

    def _removed(self, name: str, report: Report) -> bool:
        """Uninstalls one release that holds no data; a failure is added to the others."""
        row = report.rows[name]
        try:
            manifest = self._run.storage.read(name).manifest
            if _DATA & {key_of(item)[0] for item in objects_of(manifest)}:
                row.detail += ", kept: it holds data"
                return False
            ReleaseWriter(self._run).uninstall(name)
        except TodoCloudError as exc:
            if exc.failure.code is Code.LOCK_LOST:
                raise
            report.failures.append(exc.failure)
            return False
        row.now, row.outcome, report.changed = 0, Outcome.REMOVED, True
        return True

    def _verified(
        self, lost: WaveFailure, result: RestoreResult, targets: Sequence[Target], whole: bool
    ) -> tuple[dict[str, StoredRelease], dict[str, ReleaseSpec | Member]]:
        """What can be recorded: all that was restored; with on_failure=release also the healthy ones, once verified."""
        sources: dict[str, ReleaseSpec | Member] = {t.member.name: t.member for t in targets}
        verified = dict(result.verified.stored)
        if whole:  # migrations are never undone: those that were verified are recorded
            ran = {name: stored for name, stored in lost.verified.items() if lost.specs[name].migration}
            return {**verified, **ran}, {**sources, **{name: lost.specs[name] for name in ran}}
        green = [name for name in lost.wave if name not in lost.failures]
        apps = {name: lost.specs[name].app_id for name in green}
        deadline = Deadline.after(self._settings.timeout)
        found = Verifier(self._run, repair_sidecars=True).verify(green, apps, deadline) if green else Verification()
        good = {**lost.verified, **{n: s for n, s in found.stored.items() if n not in found.failures}}
        return {**good, **verified}, {**{name: lost.specs[name] for name in good}, **sources}

    def _note(self, result: RestoreResult, targets: Sequence[Target], report: Report) -> None:
        for target in targets:
            name = target.member.name
            row = report.rows.get(name)
            if row is None:
                continue
            write, failure = result.writes.get(name), result.failures.get(name)
            row.now = write.now if write else row.now
            where = f"not back: {failure.code.value}" if failure else f"back at set {target.record.id}"
            row.detail = f"{row.detail}, {where}" if row.detail else where
            if not failure:
                row.outcome = Outcome.RESTORED
            report.changed = report.changed or write is not None


def differing(snapshot: Snapshot, store: RecordStore, names: Sequence[str] | None) -> list[Target]:
    """Releases whose live revision is not the one that was last verified, with that record; all of them when ``names``
    is None.
    """
    found: dict[str, Target] = {}
    named = set(snapshot.histories) if names is None else set(names)
    wanted = {name for name in named if not any(MIGRATION in each.labels for each in snapshot.history(name)[-1:])}
    for record in store.readable(snapshot.headers):
        for name, member in record.members.items():
            if name in wanted or (names is None and record is snapshot.newest and not member.migration):
                found.setdefault(name, Target(member, record))
        if not wanted - found.keys():
            break
    return [t for t in found.values() if not _stands(t.member, snapshot)]


def _stands(member: Member, snapshot: Snapshot) -> bool:
    history = snapshot.history(member.name)
    return bool(history) and member.is_at(history[-1])
