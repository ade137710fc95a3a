# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes releases by Helm. The history is read before and after each call, transient faults are retried, and other
writers are detected.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ..failure import Code, Failure, TodoCloudError, error
from ..helm.errors import OWNER, HelmError
from ..helm.program import Helm
from ..helm.state import Action
from ..helm.stored import CorruptRelease, History, ReleaseStatus, Revision
from ..kube.deadline import Deadline
from ..labels import INPUTS, REVISION
from ..planning.hiding import without_secrets
from ..planning.spec import ReleaseSpec, VersionIds
from ..records.record import Member, Record
from .handover import take_over
from .hooks import HookWatch, both
from .orphans import label_failed, remove_orphans
from .removed_apis import with_served_apis
from .replicas import free_replicas
from .request import apply_request, spec_of
from .run import LockedRun

_REMOVAL = ("pre-delete", "post-delete")  # events of Helm
_STEPS = 4  # at most: quarantine, recovery, the end of an uninstall, and the step itself
_REVISIONS = 6  # failed revisions per write: more would push good ones out of Helm's history
_SERVER_SIDE = 4  # Helm's first version that applies by the server
_PAUSE_SECONDS = 1.0  # doubled each time, up to the longest
_LONGEST_PAUSE_SECONDS = 10.0
_WEBHOOK_ATTEMPT = 3  # a webhook's pod takes its time to start: fewer failed revisions, longer pauses
_MANUAL_SECONDS = 300.0  # pending revisions younger than this may belong to a running manual helm call


@dataclass(frozen=True)
class Write:
    """One write of a release: the revisions before and after it."""

    name: str
    action: Action
    was: int
    now: int


class ReleaseWriter:
    """Writes releases of one namespace; threads may share it."""

    def __init__(self, run: LockedRun) -> None:
        self._run = run
        self._kube = run.kube
        self._helm = run.helm
        self._check = run.check
        self._storage = run.storage
        self._settings = run.settings
        self._progress = run.progress
        self._pause = threading.Event()

    def apply(
        self,
        spec: ReleaseSpec,
        version_ids: VersionIds,
        deadline: Deadline,
        *,
        force_conflicts: bool = False,
        skip_crds: bool = False,
        takes_over: bool = False,
    ) -> Write:
        """Installs or upgrades ``spec`` and verifies in the history that the newest revision is this one.
        ``takes_over``: fields of others are no obstacle.
        """

        def call(helm: Helm, revision: int) -> None:
            adopts = spec.raw and revision == 1 and helm.version.major >= _SERVER_SIDE
            options = {"force_conflicts": force_conflicts or adopts, "skip_crds": skip_crds}
            helm.apply(apply_request(self._settings, spec, version_ids, revision, **options))

        def ours(newest: Revision) -> bool:
            return newest.labels.get(INPUTS) == spec.inputs and newest.labels.get(REVISION) == str(newest.revision)

        def clean(exc: HelmError) -> HelmError:  # Helm's words, and those of hooks, may quote values
            return HelmError(without_secrets(exc.failure, spec), transient=exc.transient)

        was, now = self._write(spec.name, call, ours, deadline, clean=clean, takes_over=takes_over)
        if spec.raw and not was:  # objects that somebody applied before: the next change must not meet their fields
            take_over(self._kube, self._storage, self._storage.history(spec.name))
        return Write(spec.name, Action.UPGRADE if was else Action.INSTALL, was, now)

    def rollback(self, name: str, revision: int, deadline: Deadline, known: History | None = None) -> Write:
        """``helm rollback`` to a revision that is in the history. ``known``: the history, if it has just been read."""
        settings = self._settings

        def call(helm: Helm, expected: int) -> None:
            del expected  # Helm assigns the number
            helm.rollback(
                name, settings.namespace, revision, timeout=settings.timeout, history_max=settings.history_max
            )

        known = self._storage.history(name) if known is None else known
        target = next((r for r in known if r.revision == revision), None)
        if target is None:
            raise error(
                Code.ROLLBACK_TARGET_MISSING,
                f"{name}: revision {revision} is no longer in Helm's history.",
                release=name,
            )
        labels = target.labels
        was, now = self._write(name, call, lambda newest: newest.labels == labels, deadline, takes_over=True)
        return Write(name, Action.ROLLBACK, was, now)

    def redeploy(self, member: Member, record: Record, version_ids: VersionIds, deadline: Deadline) -> Write:
        """A member of a record whose revision is gone from Helm's history, from the chart and values kept in the
        record.
        """
        with tempfile.TemporaryDirectory(prefix="todo-cloud-chart-") as folder:
            spec = spec_of(member, record, self._settings.namespace, Path(folder))
            done = self.apply(spec, version_ids, deadline, takes_over=True)
        return Write(member.name, Action.INSTALL if not done.was else Action.ROLLBACK, done.was, done.now)

    def uninstall(self, name: str) -> Write:
        """Removes a release and its history."""
        newest = self._newest(name)
        self._uninstall(name)
        return Write(name, Action.UNINSTALL, newest.revision if newest else 0, 0)

    def settle(
        self, name: str, action: Action, decide: Callable[[History], Action], code: Code = Code.HELM_FAILED
    ) -> Action:
        """Recovers, quarantines or finishes an uninstall until another step is due, and returns that step.

        ``decide``: the step for a history, which is read again after each of them. Raises ``code`` after four of them.
        """
        for _step in range(_STEPS):
            if not action.prepares:
                return action
            self._prepare(name, action)
            action = decide(self._storage.history(name))
        raise error(code, f"{name}: its Helm history does not settle.", release=name)

    def _prepare(self, name: str, action: Action) -> None:
        """RECOVER, QUARANTINE or FINISH_UNINSTALL."""
        newest = self._newest(name)
        if newest is None:
            return
        match action:
            case Action.RECOVER if newest.status.pending:
                self._refuse_if_young(newest)
                self._progress(f"{name}: revision {newest.revision} was left {newest.status.value}, marked failed")
                self._storage.mark_failed(
                    newest, f"Interrupted while {newest.status.value}; marked failed by todo.cloud"
                )
            case Action.QUARANTINE:
                self._quarantine(name, newest.secret)
            case Action.FINISH_UNINSTALL:
                self._progress(f"{name}: an uninstall was interrupted, finishing it")
                self._uninstall(name)
            case _:
                return

    def _quarantine(self, name: str, secret: str) -> None:
        self._progress(f"{name}: {secret} can't be read, quarantined as {secret}.corrupt")
        self._storage.quarantine(secret, name)

    def _write(
        self,
        name: str,
        call: Callable[[Helm, int], None],
        ours: Callable[[Revision], bool],
        deadline: Deadline,
        clean: Callable[[HelmError], HelmError] = lambda exc: exc,
        takes_over: bool = False,
    ) -> tuple[int, int]:
        """Revisions before and after. Transient faults are retried until the deadline, after the history was read
        again. ``takes_over``: fields of others are no obstacle.
        """
        known = self._looked_at(name)
        before = known[-1].revision if known else 0
        if not known:
            self._storage.refuse_second_history(name)
        label_failed(self._kube, self._settings.namespace, known)
        last, mended = before, False
        for attempt in count():
            expected = last + 1
            try:
                free_replicas(self._kube, self._storage, known)
                span = self._run.timeline.span("helm", f"{name} revision {expected}", name)
                with span, self._hooks_watched(name) as helm:
                    call(helm, expected)
                failed = None
            except HelmError as exc:
                failed = clean(exc)
            revisions = self._storage.history(name)
            newest = revisions[-1] if revisions else None
            if failed is None:
                if not (newest and newest.revision == expected and newest.status.pending and ours(newest)):
                    self.remove_orphans(name, _verified(name, expected, revisions, ours))
                    return before, expected
                failed = _end_not_recorded(name, newest)
            if newest and newest.revision > expected:
                raise _foreign(name, expected, newest) from failed
            if newest and newest.revision == expected and newest.status is ReleaseStatus.DEPLOYED and ours(newest):
                self.remove_orphans(name, revisions)
                return before, expected  # only the response was lost
            if newest and newest.status.pending and newest.revision == expected:
                self._storage.mark_failed(newest, f"Helm ended early: {failed.failure.message}"[:500])
            if not mended and (mended := self._mended(failed, name, takes_over)):
                last = newest.revision if newest else 0
                continue
            pause = _pause(attempt + (_WEBHOOK_ATTEMPT if failed.failure.code is Code.WEBHOOK_DOWN else 0))
            failed_revisions = (newest.revision if newest else 0) - before
            # The history could be read: if Helm's token was rejected, it has been renewed since.
            transient = failed.transient or (failed.failure.code is Code.UNAUTHORIZED and attempt == 0)
            if not transient or failed_revisions >= _REVISIONS or deadline.remaining <= pause:
                raise failed
            self._progress(f"{name}: {failed.failure.message}; trying again in {pause:.0f} s")
            self._pause.wait(pause)
            last = newest.revision if newest else 0
        raise AssertionError("the loop above returns or raises")

    @contextmanager
    def _hooks_watched(self, name: str) -> Iterator[Helm]:
        """Helm for one call, which ends when one of the release's hooks has failed for good."""
        watch = HookWatch(self._kube, self._storage, self._settings, self._progress, name)
        with watch.watching():
            yield self._helm.guarded(both(self._check, watch.check))

    def _looked_at(self, name: str, runs: Sequence[str] = ()) -> History:
        """The history, once it is sure that Helm deletes nothing because of it which is not the release's: it deletes
        what a revision holds and the next one does not. Raises foreign_object. ``runs``: see Boundary.removal.
        """
        if self._settings.platform:  # its releases are the whole cluster's
            return self._storage.history(name)
        boundary = self._run.boundary()
        history, found, unreadable = self._storage.contents(name)
        for secret in unreadable:  # by us; by Helm perhaps
            self._quarantine(name, secret)
        compared = {each.revision for each in history if runs or each.status is ReleaseStatus.DEPLOYED}
        compared |= {each.revision for each in history[-1:]}
        for stored in found:
            if stored.revision in compared:
                boundary.removal(stored, runs).check()
        return history

    def _uninstall(self, name: str) -> None:
        """Helm's uninstall, which continues an interrupted one."""
        self._looked_at(name, _REMOVAL)
        deadline, mended = Deadline.after(self._settings.timeout), False
        for attempt in count():
            try:
                with self._run.timeline.span("helm", f"{name} uninstall", name), self._hooks_watched(name) as helm:
                    helm.uninstall(name, self._settings.namespace, timeout=self._settings.timeout)
                return
            except HelmError as exc:
                if not exc.transient and not mended and self._mend_manifest(name):  # Helm does not say why it failed
                    mended = True
                    continue
                if not exc.transient or deadline.remaining <= _pause(attempt):
                    raise
                self._progress(f"{name}: {exc.failure.message}; trying again in {_pause(attempt):.0f} s")
                self._pause.wait(_pause(attempt))

    def _mended(self, failed: HelmError, name: str, takes_over: bool) -> bool:
        """Whether what Helm failed at was put right: APIs that are gone, or fields that others own."""
        if failed.failure.code is Code.API_REMOVED:
            return self._mend_manifest(name)
        if not takes_over or OWNER not in failed.failure.details:
            return False
        self._progress(f"{name}: what {failed.failure.details[OWNER]} wrote in its objects is taken back")
        take_over(self._kube, self._storage, self._storage.history(name))
        return True

    def _mend_manifest(self, name: str) -> bool:
        """Whether the manifest that Helm compares with named APIs that are gone: it no longer does then."""
        revisions = self._storage.history(name)
        deployed = [r for r in revisions if r.status is ReleaseStatus.DEPLOYED] or revisions
        if not deployed:
            return False
        try:
            manifest, changes = with_served_apis(self._kube, self._storage.read(name, deployed[-1].revision).manifest)
        except CorruptRelease:
            return False
        for change in changes:
            self._progress(f"{name}: its revision {deployed[-1].revision} names an API that is gone: {change}")
        if changes:
            self._storage.replace_manifest(deployed[-1], manifest)
        return bool(changes)

    def remove_orphans(self, name: str, known: History | None = None) -> None:
        """Removes orphans of failed revisions once a good one is deployed. ``known``: the history, if it has just been
        read.
        """
        revisions = self._storage.history(name) if known is None else known
        for gone in remove_orphans(self._kube, self._storage, name, revisions):
            self._progress(f"{name}: removed {gone}, an orphan of a failed revision")

    def _newest(self, name: str) -> Revision | None:
        revisions = self._storage.history(name)
        return revisions[-1] if revisions else None

    def _refuse_if_young(self, newest: Revision) -> None:
        """A pending revision without our labels may belong to a running manual helm call."""
        if newest.labels.get(INPUTS) or not newest.created:
            return
        age = self._kube.server_now() - newest.created
        if age < _MANUAL_SECONDS:
            raise error(
                Code.RELEASE_PENDING,
                f"{newest.name}: a manual Helm call began {max(age, 0):.0f} s ago "
                f"({newest.status.value}): wait for its end, or try again after {_MANUAL_SECONDS:.0f} s.",
                release=newest.name,
                revision=newest.revision,
            )


def _pause(attempt: int) -> float:
    return float(min(_PAUSE_SECONDS * 2**attempt, _LONGEST_PAUSE_SECONDS))


def _verified(name: str, expected: int, revisions: History, ours: Callable[[Revision], bool]) -> History:
    """The history, after checking that its newest revision is the expected one of ours."""
    newest = revisions[-1] if revisions else None
    if newest is None or newest.revision != expected or newest.status is not ReleaseStatus.DEPLOYED or not ours(newest):
        raise _foreign(name, expected, newest)
    return revisions


def _end_not_recorded(name: str, newest: Revision) -> HelmError:
    """Helm's install ends well although the API server refused its last write, that of the status: Helm only logs it
    (pkg/action/install.go, recordRelease).
    """
    message = f"{name}: Helm could not record the end of revision {newest.revision}, it is still {newest.status.value}"
    details = {"release": name, "revision": newest.revision}
    return HelmError(Failure(Code.API_ERROR, message, details), transient=True)


def _foreign(name: str, expected: int, newest: Revision | None) -> TodoCloudError:
    found = f"revision {newest.revision} ({newest.status.value})" if newest else "nothing"
    return error(
        Code.FOREIGN_REVISION,
        f"{name}: after the Helm call the newest revision should be {expected}, but it is {found}: "
        "somebody else writes this release.",
        release=name,
        expected=expected,
        found=newest.revision if newest else 0,
    )
