# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One release by the same engine, without a record: platform charts, and whatever else somebody deploys with Helm."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from ..deploy.back_off import BackOff
from ..deploy.orphans import with_orphans
from ..deploy.rendering import Rendering
from ..deploy.request import apply_request
from ..deploy.run import LockedRun, Run, locked_run
from ..deploy.verification import Verifier
from ..deploy.writer import ReleaseWriter
from ..environments.guard import Claims, guard
from ..failure import Code, Failure, TodoCloudError, error, one_or_many
from ..helm.errors import HelmError
from ..helm.manifest import is_kept, key_of, objects_of
from ..helm.program import Helm
from ..helm.state import Action, Facts, Lock, State, Wanted, action_for, release_state
from ..helm.stored import CorruptRelease, History, ReleaseStatus, StoredRelease
from ..kube.api import KubeClient
from ..kube.deadline import Deadline
from ..kube.resources import NAMESPACE
from ..live_lines import Passing
from ..locking.lock import free_abandoned, lock_state
from ..planning.diff import manifest_diffs
from ..planning.drift import deleted
from ..planning.hiding import credentials_of, texts_of, without_secrets
from ..planning.plan import changes_of, newest_content, origin_of
from ..planning.secret_inputs import SecretInputs
from ..planning.snapshot import WORKLOADS, Snapshot, is_workload, targets_of
from ..planning.spec import ReleaseSpec
from ..preflight.check import left_out
from ..readiness.status import State as WorkloadState
from ..settings import Progress, Settings

_AT_REST = (Action.NONE, Action.VERIFY)
_PROTECTING = frozenset({"NetworkPolicy", "ResourceQuota", "LimitRange", "APIService"})  # nothing else shows it
_GONE_POLL_SECONDS = 0.5


@dataclass
class HelmReleaseReport:
    """What was found and done."""

    state_before: State = State.ABSENT
    action: Action = Action.NONE
    revision: int = 0
    input_digest: str = ""
    verdict: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    diff: list[dict[str, str]] = field(default_factory=list)
    changed: bool = False
    warnings: list[str] = field(default_factory=list)
    helm_calls: int = 0
    failures: list[Failure] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "changed": self.changed,
            "state_before": self.state_before.value,
            "action": self.action.value,
            "revision": self.revision,
            "input_digest": self.input_digest,
            "verdict": dict(self.verdict),
            "changes": list(self.changes),
            "diff": self.diff,
            "helm_calls": self.helm_calls,
            "failures": [failure.as_result() for failure in self.failures],
        }


class HelmReleaseRun:
    """One run of helm_release."""

    def __init__(self, run: Run, *, force_conflicts: bool = False, skip_crds: bool = False) -> None:
        self._run = run
        self._kube = run.kube
        self._settings = run.settings
        self._read = run.storage.read
        self._force = force_conflicts
        self._skip_crds = skip_crds
        self._secrets = SecretInputs(run.kube, run.helm, run.settings.namespace)
        self._report = HelmReleaseReport()
        self._gone_from: dict[int, tuple[str, ...]] = {}  # by revision

    def present(self, spec: ReleaseSpec) -> HelmReleaseReport:
        """Installs or upgrades the release and verifies it. Raises TodoCloudError with the report if it fails."""
        report, there = self._report, self._namespace_is_there(self._settings.check)
        with ExitStack() as stack:
            run, state, snapshot = self._look(stack, lambda s, lock: self._state(spec, s, lock), Wanted.APPLIED, spec)
            report.state_before, report.action = state, action_for(state, Wanted.APPLIED)
            spec = self._with_digest(spec, snapshot, run)
            revisions = snapshot.history(spec.name)
            report.revision = revisions[-1].revision if revisions else 0
            stored = newest_content(revisions, self._read) if report.action is Action.UPGRADE else None
            manual = state is State.MANUAL
            changes = changes_of(spec, revisions, snapshot, stored, manual=manual) if stored else ()
            missing = () if there else (f"namespace {self._settings.namespace} is to be made first",)
            report.changes = (*missing, *changes, *self._gone(spec.name, revisions))
            if self._settings.check:
                report.changed = report.action.writes
                self._preview(spec, snapshot, there)
                return self._finish()
            if run and report.action in _AT_REST:
                ReleaseWriter(run).remove_orphans(spec.name)
            if report.action is not Action.NONE:
                self._deploy(spec, snapshot, run, stack)
        return self._finish()

    def _with_digest(self, spec: ReleaseSpec, snapshot: Snapshot, run: LockedRun | None) -> ReleaseSpec:
        """The release with the digest of its inputs, examined if it is to be written. A digest over secret values that
        no key was made for yet is not shown.
        """
        spec = self._secrets.as_labelled(spec, snapshot, self._read)
        if self._report.action not in _AT_REST:
            spec = self._secrets.examined(spec)
            spec = self._secrets.keyed(spec, run.kube) if run else spec
        self._report.input_digest = "" if spec.secret_values and not spec.input_key else spec.inputs
        return spec

    def pending(self, spec: ReleaseSpec) -> str:
        """What :meth:`present` would have to do, in words; empty when nothing. Writes nothing."""
        settings = self._settings
        snapshot = self._take()
        lock = lock_state(self._kube, settings.namespace, platform=settings.platform)[0]
        state = self._state(spec, snapshot, lock)
        if gone := self._gone(spec.name, snapshot.history(spec.name)):
            return f"release {spec.name}: {', '.join(gone)}"
        if action_for(state, Wanted.APPLIED) is not Action.NONE:
            return f"release {spec.name} is {state.value}"
        if with_orphans(snapshot.history(spec.name)):
            return f"release {spec.name}: a failed revision may have left objects"
        return f"release {spec.name}: a dead run holds the lock" if lock is Lock.OTHER_DEAD else ""

    def absent(self, name: str) -> HelmReleaseReport:
        """Uninstalls the release and waits until its workloads are gone."""
        report = self._report
        if not self._namespace_is_there(True):
            return self._finish()
        with ExitStack() as stack:
            run, state, snapshot = self._look(
                stack, lambda s, lock: release_state(s.history(name), Facts(), "", lock), Wanted.ABSENT, None
            )
            report.state_before, report.action = state, action_for(state, Wanted.ABSENT)
            if report.action is Action.NONE:
                return self._finish()
            report.changed = True
            revisions = snapshot.history(name)
            stored = self._readable(name, revisions[-1].revision)
            if self._settings.diff and stored:
                secrets = credentials_of(stored.config)
                report.diff = manifest_diffs(name, stored.manifest, stored.revision, "", "absent", secrets)
            if run:
                writer = ReleaseWriter(run)
                if report.action is Action.QUARANTINE:
                    writer.settle(name, report.action, lambda history: Action.UNINSTALL)
                writer.uninstall(name)
                self._wait_until_gone(name, stored)
        return self._finish()

    def _look(
        self,
        stack: ExitStack,
        decide: Callable[[Snapshot, Lock], State],
        wanted: Wanted,
        spec: ReleaseSpec | None,
    ) -> tuple[LockedRun | None, State, Snapshot]:
        """State of the release; when it has to be written, the lock is taken first and it is looked at again."""
        snapshot = self._take()
        lock = lock_state(self._kube, self._settings.namespace, platform=self._settings.platform)[0]
        state = decide(snapshot, lock)
        orphans = spec is not None and with_orphans(snapshot.history(spec.name))
        if self._settings.check or (action_for(state, wanted) in _AT_REST and not orphans):
            if lock is Lock.OTHER_DEAD and not self._settings.check:
                free_abandoned(self._kube, self._settings.namespace, platform=self._settings.platform)
            return None, state, snapshot
        run = stack.enter_context(locked_run(self._run))
        self._report.warnings += run.warnings
        snapshot = self._take()
        return run, decide(snapshot, Lock.MINE), snapshot

    def _take(self) -> Snapshot:
        return self._run.look(WORKLOADS)

    def _state(self, spec: ReleaseSpec, snapshot: Snapshot, lock: Lock) -> State:
        revisions = snapshot.history(spec.name)
        facts = Facts(readable=not revisions or newest_content(revisions, self._read) is not None)
        if facts.readable and revisions and revisions[-1].status is ReleaseStatus.DEPLOYED:
            origin = origin_of(revisions, None, self._read)
            current = self._current(spec.name, revisions[-1].revision, snapshot)
            key = "" if self._gone(spec.name, revisions) else origin.key
            facts = Facts(key, origin.manual, verified=current, current=current)
        wanted = self._secrets.as_labelled(spec, snapshot, self._read)
        return release_state(revisions, facts, wanted.wanted(snapshot.version_ids), lock)

    def _gone(self, name: str, revisions: History) -> tuple[str, ...]:
        """What somebody deleted of the objects of its newest revision, if that one is deployed. It is looked for once
        for each revision; of the platform's there are too many kinds to list all in each run.
        """
        if not revisions or revisions[-1].status is not ReleaseStatus.DEPLOYED:
            return ()
        revision, kinds = revisions[-1].revision, _PROTECTING if self._settings.platform else None
        if revision not in self._gone_from:
            stored = self._readable(name, revision)
            gone = deleted(self._kube, self._settings.namespace, stored.manifest, kinds) if stored else []
            self._gone_from[revision] = tuple(f"{each} does not exist any more" for each in gone)
        return self._gone_from[revision]

    def _current(self, name: str, revision: int, snapshot: Snapshot) -> bool:
        stored = self._readable(name, revision)
        targets = [t for t in targets_of(stored) if is_workload(t)] if stored else []
        return stored is not None and all(snapshot.status(t).state is WorkloadState.CURRENT for t in targets)

    def _deploy(self, spec: ReleaseSpec, snapshot: Snapshot, run: LockedRun | None, lock: ExitStack) -> None:
        report, deadline = self._report, Deadline.after(self._settings.timeout)
        since = self._kube.server_now()

        def decide(history: History) -> Action:
            state = self._state(spec, snapshot.with_history(spec.name, history), Lock.MINE)
            return action_for(state, Wanted.APPLIED)

        try:
            if run:
                writer = ReleaseWriter(run)
                if writer.settle(spec.name, report.action, decide).writes:
                    self._apply(writer, spec, snapshot, deadline)
            lock.close()  # verifying only reads: another run may write meanwhile
            self._verify(spec, deadline, since)
        except TodoCloudError as exc:
            report.failures = report.failures or [exc.failure]
            raise TodoCloudError(exc.failure, self._finish().as_result(), report.warnings) from exc

    def _apply(self, writer: ReleaseWriter, spec: ReleaseSpec, snapshot: Snapshot, deadline: Deadline) -> None:
        self._run.progress(Passing(f"{spec.name}: {self._report.action.value}", of=""))
        if not self._settings.platform:  # the platform's releases are the whole cluster's
            rendering = Rendering(self._kube, self._run.helm, self._settings)
            rendered = rendering.one(spec, snapshot.version_ids, self._report.revision + 1)
            is_first = self._report.action is Action.INSTALL and not self._skip_crds
            crds = {spec.name: rendering.crds(spec, snapshot.version_ids)} if is_first else {}
            contents = self._run.boundary().look({spec.name: (rendered.manifest, *rendered.hooks)}, crds)
            contents.check()
            self._report.warnings += [f"{each}." for each in (*contents.problems, *left_out(spec.name, rendered))]
        done = writer.apply(
            spec, snapshot.version_ids, deadline, force_conflicts=self._force, skip_crds=self._skip_crds
        )
        self._report.changed, self._report.revision = True, done.now
        self._note_diff(spec.name, done.was, done.now)

    def _verify(self, spec: ReleaseSpec, deadline: Deadline, since: float) -> None:
        verifier = Verifier(self._run, repair_sidecars=False)
        back_off = BackOff(self._run)
        found = back_off.verified(lambda: verifier.verify([spec.name], {}, deadline), since, deadline)
        self._report.verdict = found.verdict.as_result() if found.verdict else {}
        self._report.warnings += found.warnings
        if not found.ok:
            raise TodoCloudError(found.failures[spec.name])

    def _preview(self, spec: ReleaseSpec, snapshot: Snapshot, there: bool) -> None:
        report = self._report
        if not (self._settings.diff and there and report.action in (Action.INSTALL, Action.UPGRADE)):
            return
        before = self._readable(spec.name, report.revision)
        options = {"force_conflicts": self._force, "skip_crds": self._skip_crds}
        request = apply_request(self._settings, spec, snapshot.version_ids, report.revision + 1, **options)
        try:
            rendered, then = self._run.helm.render(request), f"revision {report.revision + 1}"
        except HelmError as exc:
            exc = HelmError(without_secrets(exc.failure, spec), transient=exc.transient)
            if exc.failure.code is Code.CHART_INVALID:
                raise exc from None
            report.warnings.append(f"The difference can't be shown: {exc.failure.message}")
            return
        report.warnings += [f"{problem}." for problem in left_out(spec.name, rendered)]
        manifest, secrets = (before.manifest, credentials_of(before.config)) if before else ("", set())
        secrets |= texts_of(spec)
        report.diff = manifest_diffs(spec.name, manifest, report.revision, rendered.manifest, then, secrets)

    def _note_diff(self, name: str, was: int, now: int) -> None:
        if self._settings.diff:
            before, after = self._readable(name, was), self._readable(name, now)
            old, new = (before.manifest if before else ""), (after.manifest if after else "")
            secrets = {text for each in (before, after) if each for text in credentials_of(each.config)}
            self._report.diff = manifest_diffs(name, old, was, new, f"revision {now}", secrets)

    def _wait_until_gone(self, name: str, stored: StoredRelease | None) -> None:
        """Helm's uninstall only requests the deletion; the API shows when it is done."""
        kept = [item for item in objects_of(stored.manifest) if is_kept(item)] if stored else []
        if kept:
            names = [" ".join(filter(None, (key_of(item)[0], key_of(item)[2]))) for item in kept]
            are_left = one_or_many(names, "{} is left, as its annotation", "{} are left, as the annotation")
            self._report.warnings.append(f"{name}: {are_left} helm.sh/resource-policy says.")
        keys = {(kind, item_name) for kind, _namespace, item_name in map(key_of, kept)}
        left = [t for t in targets_of(stored) if is_workload(t)] if stored else []
        left = [t for t in left if (t.kind, t.name) not in keys]
        deadline, pause = Deadline.after(self._settings.timeout), threading.Event()
        while left:
            left = [t for t in left if self._kube.find(WORKLOADS[t.kind], t.namespace, t.name, metadata_only=True)]
            if left and deadline.expired:
                there = one_or_many((t.label for t in left), "{} is still there", "{} are still there")
                raise error(Code.TIMEOUT, f"{name}: {there} {self._settings.timeout} s after the uninstall.")
            if left:
                pause.wait(_GONE_POLL_SECONDS)

    def _namespace_is_there(self, may_be_absent: bool) -> bool:
        namespace = self._settings.namespace
        if self._kube.find(NAMESPACE, "", namespace, metadata_only=True) is not None:
            return True
        if not may_be_absent:
            raise error(Code.NOT_FOUND, f"There is no namespace {namespace!r}: make it first.", namespace=namespace)
        return False

    def _readable(self, name: str, revision: int) -> StoredRelease | None:
        try:
            return self._read(name, revision) if revision else None
        except CorruptRelease:
            return None

    def _finish(self) -> HelmReleaseReport:
        self._report.helm_calls = self._run.helm.calls
        return self._report


def single_release(
    kube: KubeClient, helm: Helm, params: Mapping[str, Any], settings: Settings, progress: Progress
) -> HelmReleaseReport:
    """helm_release in one call; with an environment nothing is written where it may not deploy."""
    leaving = params["state"] == "absent"
    warnings = []
    if settings.environment:
        claims = Claims(settings.environment, settings.namespace, settings.cluster_id)
        warnings = guard(kube, claims, may_be_absent=leaving or settings.check, leaving=leaving).warnings
    # The release belongs to none of the environment's sets.
    run = Run(kube, helm, replace(settings, environment=""), progress, "helm_release")
    one = HelmReleaseRun(run, force_conflicts=params["force_conflicts"], skip_crds=params["skip_crds"])
    keys = ("name", "namespace", "chart", "chart_version", "files", "values", "watches")
    spec = None if leaving else ReleaseSpec.parse({key: params[key] for key in keys})
    report = one.present(spec) if spec else one.absent(params["name"])
    report.warnings = [*warnings, *report.warnings]
    return report
