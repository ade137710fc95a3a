# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deploys an environment's set of releases: guard, plan, lock, waves, verification, and the record.

The flow in one screen is ``Engine.apply``. What happens when a wave fails stands in remediation.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ..availability import BackgroundProbe
from ..deploy.bake import Bake, Oven
from ..deploy.drifts import DriftCheck
from ..deploy.migrations import Migrations
from ..deploy.outages import Outages
from ..deploy.recorder import Recorder
from ..deploy.remediation import Remediation, WaveFailure
from ..deploy.rendering import Rendering
from ..deploy.report import Outcome, Report, Row
from ..deploy.run import LockedRun, Run, locked_run
from ..deploy.run_event import RunEvent
from ..deploy.verification import Verification, Verifier
from ..deploy.verify_job import VerifyJob
from ..deploy.writer import ReleaseWriter, Write
from ..environments.guard import Claims, Guard, guard, record
from ..failure import Code, Failure, TodoCloudError
from ..helm.state import Action, Lock, State
from ..helm.stored import History, StoredRelease
from ..kube.api import KubeApi
from ..kube.deadline import Deadline
from ..kube.identity import identity
from ..locking.lock import free_abandoned, lock_state
from ..planning.diff import manifest_diffs
from ..planning.hiding import credentials_of, texts_of
from ..planning.image_digests import ImageDigests, as_deployed, with_images
from ..planning.oddities import credential_warning
from ..planning.plan import PlanItem, changes, make_plan, newest_content, plan_release, renamed
from ..planning.removals import removal_notes
from ..planning.secret_inputs import SecretInputs
from ..planning.snapshot import Snapshot
from ..planning.spec import ReleaseSpec
from ..preflight.problem import failure_of
from ..records.record import Header
from ..records.rollback_target import forget
from ..settings import OnDrift
from .export import export
from .obstacles import Obstacles
from .preview import Preview
from .verify import verify_set

_STOP = (Code.LOCK_LOST, Code.FOREIGN_REVISION, Code.RELEASE_PENDING)  # another writer is at work: nothing is restored


class Engine:
    """One run of release_apply. Use it once. ``withdraw``: sets to withdraw at its end, and why."""

    def __init__(
        self, run: Run, waves: Sequence[Sequence[ReleaseSpec]], withdraw: Mapping[int, str] | None = None
    ) -> None:
        self._withdraw = withdraw or {}
        self._run = run
        self._kube = run.kube
        self._read = run.storage.read
        self._settings = run.settings
        self._progress = run.progress
        self._asked = waves  # as given; self._waves: with images by digest
        self._waves = waves
        self._specs = [spec for wave in waves for spec in wave]
        self._image_digests = ImageDigests(
            run.kube, run.settings.namespace, run.settings.registries, progress=run.progress
        )
        self._secrets = SecretInputs(run.kube, run.helm, run.settings.namespace)
        self._report = Report(spent=run.spent)
        self._event = RunEvent(run)
        self._guarded = Guard()
        self._rendering = Rendering(run.kube, run.helm, run.settings)  # of what changes, before the first write
        self._drift = DriftCheck(run)
        self._migrations = Migrations(run)
        self._verify_job = VerifyJob.parse(run.settings.verify_job)
        self._bake = Bake.parse(run.settings.bake)
        self._obstacles = Obstacles(run, self._rendering, self._image_digests, self._verify_job)
        self._uncertain: list[str] = []  # that the preflight found, to be looked at
        self._headers: Sequence[Header] = ()  # of the release sets
        self._renamed: list[str] = []  # what runs has another tag now, and the set of this version is recorded
        self._removals: list[str] = []  # what goes with releases that are no longer in the inventory

    def apply(self, probe: BackgroundProbe | None = None) -> Report:
        """Raises TodoCloudError with the report in its results if the environment is not as asked. The run is kept as
        an event, with what ``probe`` found meanwhile.
        """
        with self._event.kept(self._report):
            if probe is None:
                return self._apply()
            try:
                with probe:
                    return self._apply()
            finally:
                self._report.availability = probe.result.as_result()

    def _apply(self) -> Report:
        settings = self._settings
        claims = Claims(settings.environment, settings.namespace, settings.cluster_id)
        self._guarded = guard(self._kube, claims, may_be_absent=settings.check)
        with self._run.timeline.span("plan", "the environment is read and compared"):
            snapshot, plan = self._plan(None)
        self._event.begins(snapshot.newest)
        self._report.set = snapshot.newest.id if snapshot.newest else 0
        if settings.export:
            self._take(self._secrets.all_examined(self._specs, snapshot.newest))
            self._report.exported = export(settings.export, self._waves, snapshot.version_ids, settings)
        problems, notes = self._obstacles.of(plan, snapshot, self._specs)
        problems = [*self._drift.problems, *problems]
        self._report.notes = [*self._report.notes, *notes]
        if settings.check:
            self._report.preflight = problems
            if failure := failure_of([each for each in problems if each.code is Code.CHART_INVALID]):
                raise self._report.interrupted(failure)
            plan = self._examined(plan, snapshot)
            self._report.notes = [identity(self._run.kube), *self._first_deployment(), *self._report.notes]
            if changes(plan):
                self._report.notes += [each.describe() for each in (self._verify_job, self._bake) if each]
            self._report.preflight = [*problems, *self._obstacles.too_large(self._specs, snapshot)]
            return Preview(self._run, self._read, self._rendering).fill(self._report, plan, snapshot)
        self._uncertain = [f"{problem}." for problem in problems if not problem.certain]
        self._report.warnings += self._uncertain
        if failure := failure_of(problems):
            raise self._report.interrupted(failure)
        if self._withdraw or self._renamed or changes(plan):
            with locked_run(self._run) as run:
                self._progress(identity(self._run.kube))
                self._drift, self._migrations = DriftCheck(run), Migrations(run)
                snapshot, plan = self._plan(Lock.MINE)
                self._report.set = snapshot.newest.id if snapshot.newest else 0
                self._report.warnings += run.warnings
                try:
                    if self._renamed or changes(plan):  # while the lock was waited for, another run may have done it
                        self._deploy(plan, snapshot, run)
                    for number, reason in self._withdraw.items():
                        run.records.withdraw(number, reason)
                except TodoCloudError as exc:
                    if exc.results:
                        raise
                    raise self._report.interrupted(exc.failure) from exc
        else:
            free_abandoned(self._kube, settings.namespace)
        if settings.verify:
            self._verify_all()
        return self._report

    def _first_deployment(self) -> Iterator[str]:
        """For the plan of an environment that is not there yet."""
        if not self._guarded.there:
            yield (
                f"Namespace {self._settings.namespace!r} is not there yet: the deployment of environment "
                f"{self._settings.environment!r} makes it, and what only the API server can tell is checked then."
            )

    def _verify_all(self) -> None:
        """Everything once more, what this run did not touch as well. What failed here was deployed and recorded."""
        report, app_ids = self._report, {spec.name: spec.app_id for spec in self._specs}
        try:
            with self._run.timeline.span("verify", "everything once more"):
                report.verification = verify_set(self._run, app_ids, self._settings.endpoint, self._headers)
            report.warnings += report.verification["notes"]
        except TodoCloudError as exc:
            report.verification = exc.results
            report.warnings += exc.warnings
            report.failures.append(exc.failure)
            raise report.fail(exc.failure) from exc

    def _plan(self, lock: Lock | None) -> tuple[Snapshot, list[PlanItem]]:
        """The environment and what to do about it. ``lock`` None: not held; looked at only if a release is pending."""
        settings = self._settings
        snapshot = self._run.look(remembered=settings.drift is not OnDrift.IGNORE and not settings.check)
        self._headers = snapshot.headers
        if lock is None:
            unsettled = any(
                h and (h[-1].status.pending or h[-1].status == "uninstalling") for h in snapshot.histories.values()
            )
            lock = lock_state(self._kube, settings.namespace, self._run.holder)[0] if unsettled else Lock.NONE
        self._waves = self._image_digests.resolve(self._asked, snapshot, self._read)
        specs = [as_deployed(spec, snapshot, self._read) for wave in self._waves for spec in wave]
        self._take({spec.name: self._secrets.as_labelled(spec, snapshot, self._read) for spec in specs})
        plan = make_plan(self._specs, settings.all_releases, settings.environment, snapshot, self._read, lock)
        plan = with_images(self._drift.look(self._migrations.look(plan, snapshot), snapshot), snapshot, self._read)
        self._renamed = renamed(plan, snapshot)
        removals = [item.name for item in plan if item.action is Action.UNINSTALL]
        self._report.warnings = [*self._guarded.warnings, *snapshot.warnings, *self._image_digests.warnings]
        self._report.warnings += [*self._drift.warnings, *self._uncertain]
        self._report.drift = self._drift.result
        new = [item.spec for item in plan if item.spec and item.action is Action.INSTALL]
        gone = [newest_content(snapshot.history(name), self._read) for name in removals]
        self._removals = [note for stored in gone if stored for note in removal_notes(stored, new)]
        self._report.notes = [*self._image_digests.notes, *self._removals]
        if self._renamed:
            names = ", ".join(self._renamed)
            self._report.notes.append(f"{names}: the new tag is of the image that runs, so nothing restarts.")
        if removals and not settings.prune:
            plan = [item for item in plan if item.action is not Action.UNINSTALL]
            self._report.warnings.append(
                f"{', '.join(removals)}: deployed here, but no longer in the inventory; what is not there is removed "
                "with `-e release_prune=true` (of this module: prune)."
            )
        changing = [item.spec for item in plan if item.spec and item.action is not Action.NONE]
        self._report.warnings += [text for spec in changing if (text := credential_warning(spec))]
        self._report.plan = plan
        self._report.rows = {
            item.name: Row(item.name, item.word, item.revision, 0, item.revision, *_at_rest(item, settings.check))
            for item in plan
        }
        return snapshot, plan

    def _take(self, specs: Mapping[str, ReleaseSpec]) -> None:
        """Replaces releases by name."""
        self._waves = [[specs.get(spec.name, spec) for spec in wave] for wave in self._waves]
        self._specs = [spec for wave in self._waves for spec in wave]

    def _examined(self, plan: Sequence[PlanItem], snapshot: Snapshot, kube: KubeApi | None = None) -> list[PlanItem]:
        """The plan after it was found which values of its releases are secret; with ``kube`` they get their digests."""
        busy = [item.spec for item in plan if item.spec and item.action is not Action.NONE]
        specs = self._secrets.all_examined(busy, snapshot.newest)
        if kube:
            specs = {name: self._secrets.keyed(spec, kube) for name, spec in specs.items()}
        self._take(specs)
        return [replace(item, spec=specs.get(item.name, item.spec)) for item in plan]

    def _deploy(self, plan: Sequence[PlanItem], snapshot: Snapshot, run: LockedRun) -> None:
        plan = self._examined(plan, snapshot, run.kube)
        self._obstacles.contents(plan, snapshot).check()
        problems = [*self._obstacles.forbidden(plan, snapshot), *self._drift.problems]
        problems += self._obstacles.too_large(self._specs, snapshot)
        if failure := failure_of(problems):
            raise TodoCloudError(failure)
        record(run.kube, self._settings.namespace, self._guarded)
        given_up = forget(run.kube, self._settings.namespace)
        self._report.warnings += [given_up] if given_up else []
        for note in self._removals if any(item.action is Action.UNINSTALL for item in plan) else ():
            self._progress(note)
        writer = ReleaseWriter(run)
        verifier = Outages(run, Verifier(run, repair_sidecars=True), snapshot)
        verified: dict[str, StoredRelease] = {}
        items = {item.name: item for item in plan}
        for number, wave in enumerate(self._waves, 1):
            busy = [items[spec.name] for spec in wave if items[spec.name].action is not Action.NONE]
            if not busy:
                continue
            self._progress(f"wave {number} of {len(self._waves)}: " + ", ".join(f"{i.name} ({i.word})" for i in busy))
            with run.timeline.span("wave", f"wave {number} of {len(self._waves)}") as span:
                deadline, since = Deadline.after(self._settings.timeout), self._kube.server_now()
                failures = self._write_all(busy, snapshot, writer, deadline)
                if seconds := [spec.migration.timeout for spec in wave if spec.migration]:
                    deadline = Deadline.after(max(seconds))
                found = Verification()
                if not failures:
                    apps = {each.name: each.app_id for each in wave}
                    found = verifier.verify([item.name for item in busy], apps, deadline, since)
                    self._note(found)
                    failures = self._migrations.stopped(found.failures, wave)
                span.ends(next(iter(failures.values()), None))
            if failures:
                lost = WaveFailure(failures, [i.name for i in busy], verified, {s.name: s for s in self._specs})
                raise Remediation(run).remediate(lost, self._report)
            verified |= found.stored
            for item in busy:
                self._report.rows[item.name].outcome = Outcome.VERIFIED
                self._report.rows[item.name].detail = found.not_judged(item.name)
        self._prove(run, verified)
        for item in plan:
            if item.action is Action.UNINSTALL:
                self._progress(f"{item.name}: removed, it is no longer in the inventory")
                self._done(writer.uninstall(item.name))
        sources = {spec.name: spec for spec in self._specs}
        left = self._drift.left(verified)
        for name, why in left.items():
            self._report.rows[name].outcome, self._report.rows[name].detail = Outcome.DRIFTED, why
        self._report.set, warnings = Recorder(run).record(verified, sources, snapshot, drifted=left)
        self._report.warnings += warnings

    def _prove(self, run: LockedRun, verified: Mapping[str, StoredRelease]) -> None:
        """What the environment wants to see before a set counts as verified. Raises what failed, after remediation."""
        if not verified:
            return
        since = self._kube.server_now()
        if self._verify_job:
            result = self._verify_job.run(run)
            self._report.verify_job = result.as_result()
            if result.failure:
                raise self._remedied(run, verified, dict.fromkeys(verified, result.failure))
        if self._bake:
            began = min((h[-1].created for name in verified if (h := run.storage.history(name))), default=since)
            source = self._bake.prometheus(self._kube)
            with run.timeline.span("bake", "errors and latency are compared") as span:
                baked = Oven(self._bake, source, self._settings.namespace, self._progress).bake(began or since, since)
                span.ends(next(iter(baked.failures.values()), None))
            self._report.bake = baked.as_result()
            self._report.warnings += baked.warnings
            if baked.failures:
                own = {name: failure for name, failure in baked.failures.items() if name in verified}
                first = next(iter(baked.failures.values()))  # of a service that this run left alone: what it calls
                raise self._remedied(run, verified, own or dict.fromkeys(verified, first))

    def _remedied(
        self, run: LockedRun, verified: Mapping[str, StoredRelease], found: Mapping[str, Failure]
    ) -> TodoCloudError:
        """The end of the run, for which releases that were ready failed. Migrations are never undone."""
        specs = {spec.name: spec for spec in self._specs}
        ran = {name: stored for name, stored in verified.items() if specs[name].migration}
        failures = {name: failure for name, failure in found.items() if name not in ran} or found
        done = {name: stored for name, stored in verified.items() if name in ran or name not in failures}
        return Remediation(run).remediate(WaveFailure(failures, list(failures), done, specs), self._report)

    def _write_all(
        self, items: Sequence[PlanItem], snapshot: Snapshot, writer: ReleaseWriter, deadline: Deadline
    ) -> dict[str, Failure]:
        """One Helm process per release, side by side. Failures by release; raises for a lost lock or another writer."""
        failures: dict[str, Failure] = {}

        def one(item: PlanItem) -> Write | TodoCloudError | None:
            try:
                return self._write_one(item, snapshot, writer, deadline)
            except TodoCloudError as exc:
                return exc

        with ThreadPoolExecutor(min(16, len(items))) as pool:
            for item, done in zip(items, pool.map(one, items), strict=True):
                if isinstance(done, Write):
                    self._done(done)
                elif isinstance(done, TodoCloudError):
                    if done.failure.code in _STOP:
                        raise self._report.fail(done.failure) from done
                    failures[item.name] = done.failure
        return failures

    def _write_one(self, item: PlanItem, snapshot: Snapshot, writer: ReleaseWriter, deadline: Deadline) -> Write | None:
        spec, action = item.spec, item.action
        if spec is None:  # a removal: done after all waves
            return None

        def decide(history: History) -> Action:
            now = snapshot.with_history(spec.name, history)
            return self._migrations.planned(plan_release(spec, now, self._read, Lock.MINE), now).action

        action = writer.settle(spec.name, action, decide)
        if action in (Action.INSTALL, Action.UPGRADE):
            if spec.migration:
                self._migrations.make_way(spec, self._rendering, snapshot, deadline)
            self._drift.hand_over(spec.name)
            return writer.apply(spec, snapshot.version_ids, deadline)
        if action is Action.VERIFY:
            writer.remove_orphans(spec.name)  # the run that wrote it may have been killed before this
        return None

    def _done(self, write: Write) -> None:
        row = self._report.rows[write.name]
        row.tried, row.now = write.now, write.now
        row.outcome = Outcome.REMOVED if write.action is Action.UNINSTALL else Outcome.APPLIED
        row.detail = "" if write.action is Action.UNINSTALL else "not verified yet"
        self._report.changed = True
        if self._settings.diff:
            numbers = (write.was, write.now)
            stored = [self._read(write.name, number) if number and write.now else None for number in numbers]
            before, after = (each.manifest if each else "" for each in stored)
            secrets = {text for each in stored if each for text in credentials_of(each.config)}
            secrets |= {text for spec in self._specs if spec.name == write.name for text in texts_of(spec)}
            self._report.diff += manifest_diffs(write.name, before, write.was, after, f"revision {write.now}", secrets)

    def _note(self, found: Verification) -> None:
        self._report.warnings += found.warnings
        if found.restarted:
            self._report.changed = True


def apply_releases(run: Run, waves: Sequence[Sequence[ReleaseSpec]]) -> Report:
    """release_apply in one call, with the endpoint probed meanwhile if that is asked for."""
    patience = {spec.name: spec.patience for wave in waves for spec in wave}
    settings = replace(run.settings, wait=replace(run.settings.wait, by_release=patience))
    run = run.with_settings(settings)
    if not (settings.probe and settings.endpoint) or settings.check:
        return Engine(run, waves).apply()
    probe = BackgroundProbe(settings.endpoint)
    try:
        return Engine(run, waves).apply(probe)
    except TodoCloudError as exc:
        exc.results["availability"] = probe.result.as_result()
        raise


def _at_rest(item: PlanItem, check: bool) -> tuple[Outcome, str]:
    """Outcome and detail of a release before anything was done about it."""
    if item.action is Action.NONE:
        return (Outcome.DRIFTED, item.why) if item.state is State.DRIFTED else (Outcome.UNCHANGED, "")
    what = f"{item.state.value}: " + "; ".join(item.changes) if item.changes else item.state.value
    return Outcome.PREDICTED if check else Outcome.KEPT, what
