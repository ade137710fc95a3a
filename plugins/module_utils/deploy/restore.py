# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restores releases to a record; their state is read from the cluster, never remembered from a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from ..failure import Code, Failure, TodoCloudError
from ..helm.state import Action, Facts, Lock, State, Wanted, action_for, release_state
from ..helm.stored import History, ReleaseStatus
from ..kube.deadline import Deadline
from ..planning.plan import Read, newest_content, origin_of
from ..planning.spec import VersionIds
from ..preflight.problem import failure_of
from ..records.record import Member
from .forced_rollback import ForcedRollback
from .report import CUT_OFF
from .restore_check import RestoreCheck, Target, usable
from .run import LockedRun
from .verification import Verification, Verifier
from .writer import ReleaseWriter, Write


@dataclass(frozen=True)
class RestoreResult:
    """What a restore did. ``writes``: Helm calls made; ``failures`` by release."""

    writes: Mapping[str, Write] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    verified: Verification = field(default_factory=Verification)

    @property
    def ok(self) -> bool:
        """Every release is where it should be, verified."""
        return not self.failures


class Restore:
    """Restores components first, then services in the reverse order of their waves: callers before what they call.

    It does not wait between waves; all are verified together. A failure does not stop the others.
    """

    def __init__(self, run: LockedRun, check: RestoreCheck | None = None) -> None:
        self._run = run
        self._check = check or RestoreCheck(run)
        self._storage = run.storage
        self._settings = run.settings
        self._progress = run.progress
        self._writer = ReleaseWriter(run)
        self._verifier = Verifier(run, repair_sidecars=True)

    def restore(self, targets: Sequence[Target], version_ids: VersionIds) -> RestoreResult:
        """Restores releases and verifies them. Failures are collected, not raised (a lost lock is raised)."""
        deadline = Deadline.after(self._settings.timeout)
        writes: dict[str, Write] = {}
        failures: dict[str, Failure] = {}
        for stage in _stages(targets):
            with ThreadPoolExecutor(min(16, len(stage))) as pool:
                for target, done in zip(
                    stage, pool.map(lambda t: self._one(t, version_ids, deadline), stage), strict=True
                ):
                    if isinstance(done, Failure):
                        failures[target.member.name] = done
                    elif done is not None:
                        writes[target.member.name] = done
            if any(failure.code in CUT_OFF for failure in failures.values()):
                return RestoreResult(writes, failures)
        names = [t.member.name for t in targets if t.member.name not in failures]
        apps = {t.member.name: t.member.app_id for t in targets}
        verified = self._verified(names, apps, deadline) if names else Verification()
        return RestoreResult(writes, {**verified.failures, **failures}, verified)

    def _verified(self, names: Sequence[str], apps: Mapping[str, str], deadline: Deadline) -> Verification:
        verify = partial(self._verifier.verify, names, apps, deadline)
        return ForcedRollback(self._run, names).verified(verify, deadline)

    def _one(self, target: Target, version_ids: VersionIds, deadline: Deadline) -> Write | Failure | None:
        """One release; None when it stands at its target already."""
        member = target.member

        def decide(revisions: History) -> Action:
            return action_for(state_towards(member, revisions, self._storage.read), Wanted.BACK)

        try:
            first = decide(self._storage.history(member.name))
            action = self._writer.settle(member.name, first, decide, Code.ROLLBACK_FAILED)
            if action in (Action.NONE, Action.VERIFY):
                self._writer.remove_orphans(member.name)
                return None
            return self._write(target, action, version_ids, deadline)
        except TodoCloudError as exc:
            if exc.failure.code is Code.LOCK_LOST:
                raise
            self._progress(f"{member.name}: could not be restored: {exc.failure.message}")
            return exc.failure

    def _write(self, target: Target, action: Action, version_ids: VersionIds, deadline: Deadline) -> Write:
        member, record = target.member, target.record
        revisions = self._storage.history(member.name)
        if failure := failure_of(self._check.problems(target, revisions, version_ids)):
            raise TodoCloudError(failure)
        if action is Action.ROLLBACK and usable(member, revisions, self._storage.read):
            self._progress(f"{member.name}: back to revision {member.revision}")
            return self._writer.rollback(member.name, member.revision, deadline, revisions)
        self._progress(f"{member.name}: back to what set {record.id} holds (revision {member.revision} is gone)")
        return self._writer.redeploy(member, record, version_ids, deadline)


def _stages(targets: Sequence[Target]) -> list[list[Target]]:
    """What is restored side by side, in its order."""
    found: dict[tuple[bool, int], list[Target]] = {}
    for target in targets:
        own = target.member.components
        found.setdefault((not own, 0 if own else -target.member.wave), []).append(target)
    return [found[key] for key in sorted(found)]


def state_towards(member: Member, revisions: History, read: Read) -> State:
    """State of a release relative to a record's member. The same inputs under another revision are equivalent."""
    at_target = bool(revisions) and member.is_at(revisions[-1])
    facts = Facts(readable=not revisions or at_target or newest_content(revisions, read) is not None)
    if facts.readable and revisions and revisions[-1].status is ReleaseStatus.DEPLOYED:
        origin = origin_of(revisions, member, read)
        # Watched Secrets are never rolled back: a revision that differs in nothing else is the target.
        digest = origin.key.partition("/")[0]
        facts = Facts(digest, manual=origin.manual, verified=at_target, current=at_target, readable=origin.readable)
    return release_state(revisions, facts, member.inputs, Lock.MINE)
