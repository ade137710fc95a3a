# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rolls back to a verified set: chooses, checks and remembers it, restores, verifies, records, and withdraws the sets
that were left.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ..deploy.recorder import Recorder
from ..deploy.report import Outcome, Report, Row
from ..deploy.restore import Restore, state_towards
from ..deploy.restore_check import RestoreCheck, Target, usable
from ..deploy.run import LockedRun, Run, locked_run
from ..deploy.run_event import RunEvent
from ..environments.admission import Admission
from ..environments.guard import Claims, guard
from ..failure import Code, Failure, TodoCloudError, error, one_or_many
from ..helm.state import State
from ..kube.resources import SECRET
from ..planning.diff import manifest_diffs
from ..planning.hiding import credentials_of
from ..planning.snapshot import Snapshot
from ..records.record import Header, Member, Record
from ..records.rollback_floor import violated_floors
from ..records.rollback_target import RollbackTarget, forget, not_resumed, remember, remembered
from ..records.store import KEEP

VERIFIED = "verified"
_SIDE_BY_SIDE = 8
_AT_TARGET = (State.VERIFIED, State.UNVERIFIED)  # the release stands at the member's inputs


class Rollback:
    """One run of release_rollback. ``to``: ``verified``, the number of a set, or a commit; ``names``: empty for all."""

    def __init__(self, run: Run, to: str, names: Sequence[str]) -> None:
        self._run = run
        self._kube = run.kube
        self._settings = run.settings
        self._progress = run.progress
        self._read = run.storage.read
        self._check = RestoreCheck(run)
        self._to = to
        self._names = tuple(sorted(set(names)))
        self._report = Report(spent=run.spent)
        self._event = RunEvent(run)
        self._admission: Admission | None = None

    def run(self) -> Report:
        """Raises TodoCloudError: no_verified_set, set_not_found, rollback_target_missing, rollback_refused, or a
        verdict's.
        """
        settings = self._settings
        guard(self._kube, Claims(settings.environment, settings.namespace, settings.cluster_id))
        if settings.check:
            self._rollback(None)
        else:
            with self._event.kept(self._report), locked_run(self._run) as run:
                self._report.warnings += run.warnings
                self._rollback(run)
        return self._report

    def _rollback(self, run: LockedRun | None) -> None:
        """Without the lock (in check mode) it is only predicted."""
        snapshot = self._run.look()
        self._event.begins(snapshot.newest)
        self._report.set = snapshot.newest.id if snapshot.newest else 0
        begun = remembered(self._kube, self._settings.namespace)
        if begun is None and (warning := not_resumed(self._kube, self._settings.namespace)):
            self._report.warnings.append(warning)
        intention, record = self._choose(snapshot, begun)
        targets = self._targets(record, snapshot, intention)
        self._check_targets(targets, snapshot)
        if run is None:
            self._predict(targets, snapshot)
        elif targets:
            try:
                self._go(intention, record, targets, snapshot, run)
            except TodoCloudError as exc:
                if exc.results:
                    raise
                raise self._report.interrupted(exc.failure) from exc
        elif begun:  # killed after its record was written; or replaced by a set that stands already
            self._end(begun if begun.set == record.id else replace(begun, leaves=()), run)

    def _choose(self, snapshot: Snapshot, begun: RollbackTarget | None) -> tuple[RollbackTarget, Record]:
        """The set to go to. An unfinished rollback is resumed unless another target is named."""
        if begun and self._to == VERIFIED and self._names in ((), begun.names):
            self._progress(f"resuming the rollback to release set {begun.set} that {begun.who} began")
            left = tuple(h.id for h in snapshot.headers if h.id in begun.leaves and h.id > begun.set)
            return replace(begun, leaves=left), self._run.records.read(begun.set)
        record = self._newest_that_differs(snapshot) if self._to == VERIFIED else self._named(snapshot.headers)
        if missing := [name for name in self._names if name not in record.members]:
            raise error(
                Code.ROLLBACK_REFUSED,
                f"{one_or_many(missing, '{} is', '{} are')} not part of release set {record.id}; nothing was touched.",
                set=record.id,
            )
        leaves = tuple(h.id for h in snapshot.headers if h.id > record.id and not h.withdrawn)
        return RollbackTarget(record.id, self._names, leaves, f"{self._run.holder.who}@{self._run.holder.host}"), record

    def _newest_that_differs(self, snapshot: Snapshot) -> Record:
        looked = 0
        for record in self._run.records.readable(snapshot.headers, self._report.warnings.append):
            looked += 1
            members = _restorable(record, self._names)
            if any(self._state(m, snapshot) not in _AT_TARGET for m in members):
                return record
        environment = self._settings.environment
        if not looked:
            raise error(Code.NO_VERIFIED_SET, f"Environment {environment!r} has no verified release set to go back to.")
        raise error(
            Code.NO_VERIFIED_SET,
            f"Environment {environment!r} has no verified set that differs from what runs; nothing was touched.",
        )

    def _named(self, headers: Sequence[Header]) -> Record:
        if number := next((h.id for h in headers if str(h.id) == self._to), 0):
            return self._run.records.read(number)
        if record := self._run.records.of_commit(headers, self._is_commit, self._report.warnings.append):
            return record
        known = ", ".join(str(h.id) for h in headers[:KEEP]) or "none"
        raise error(
            Code.SET_NOT_FOUND,
            f"There is no release set with number or commit {self._to!r} (known: {known}).",
            to=self._to,
        )

    def _is_commit(self, commit: str) -> bool:
        return bool(commit) and (commit == self._to or (len(self._to) >= 7 and commit.startswith(self._to)))

    def _targets(self, record: Record, snapshot: Snapshot, intention: RollbackTarget) -> list[Target]:
        """Members that are not at the record's revision. The same inputs under a new revision are only verified."""
        members = _restorable(record, intention.names)
        for member in members:
            history = snapshot.history(member.name)
            live = history[-1].revision if history else 0
            self._report.rows[member.name] = Row(member.name, "unchanged", live, now=live, outcome=Outcome.UNCHANGED)
        newest = snapshot.newest.members if snapshot.newest else {}
        if not intention.names:
            for name in sorted({m.name for m in newest.values() if not m.migration} - record.members.keys()):
                self._report.warnings.append(f"{name} was not part of release set {record.id} and is left as it is.")
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            verified = pool.map(lambda m: self._is_verified(m, newest.get(m.name), snapshot), members)
            targets = [Target(m, record) for m, is_there in zip(members, verified, strict=True) if not is_there]
        for target in targets:
            self._report.rows[target.member.name].outcome = Outcome.KEPT
        going = {target.member.name for target in targets}
        for ran in newest.values():
            then = record.members.get(ran.name)
            if ran.migration in going and (then is None or then.inputs != ran.inputs):
                self._report.warnings.append(
                    f"{ran.migration}: its migration {ran.name} (revision {ran.revision}) ran since release set "
                    f"{record.id} and is not undone: the older version has to work with the data as they are."
                )
        return targets

    def _is_verified(self, member: Member, newest: Member | None, snapshot: Snapshot) -> bool:
        """Does it stand at the member's inputs by a revision that was verified?"""
        history = snapshot.history(member.name)
        if not history or self._state(member, snapshot) not in _AT_TARGET:
            return False
        return any(m is not None and m.is_at(history[-1]) for m in (member, newest))

    def _check_targets(self, targets: Sequence[Target], snapshot: Snapshot) -> None:
        """Checks before the first write that a target's revision or chart and every Secret key exist, that no release
        violates its floor, and that the namespace admits its pods.
        """
        going = [t for t in targets if self._state(t.member, snapshot) not in _AT_TARGET]
        for target in going:
            self._report.rows[target.member.name].action = "rollback"
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            problems = [each for found in pool.map(lambda t: self._problems(t, snapshot), going) for each in found]
        if problems:
            raise error(
                Code.ROLLBACK_REFUSED,
                f"The rollback would break what it brings back: {'; '.join(problems)}. Nothing was touched.",
                missing=problems,
            )
        self._admission = self._check.admission(going, snapshot.histories)
        self._admission.check(self._kube)

    def _problems(self, target: Target, snapshot: Snapshot) -> list[str]:
        member = target.member
        return [
            *map(str, self._check.problems(target, snapshot.history(member.name), snapshot.version_ids)),
            *violated_floors([(member, target.record)], snapshot.histories),
            *self._missing_secrets(member),
        ]

    def _missing_secrets(self, member: Member) -> list[str]:
        found = []
        for name in sorted({ref.name for ref in member.secrets}):
            secret = self._kube.find(SECRET, self._settings.namespace, name)
            keys = [ref.key for ref in member.secrets if ref.name == name and ref.key]
            if secret is None:
                found.append(f"{member.name} needs Secret {name!r}, which is gone")
            else:
                gone = [key for key in keys if key not in (secret.get("data") or {})]
                found += [f"{member.name} needs key {key!r} of Secret {name!r}, which is gone" for key in gone]
        return found

    def _predict(self, targets: Sequence[Target], snapshot: Snapshot) -> None:
        for target in targets:
            member, row = target.member, self._report.rows[target.member.name]
            row.outcome = Outcome.PREDICTED
            row.detail = f"back to set {target.record.id}" if row.action == "rollback" else "to be verified"
            self._report.changed = self._report.changed or row.action == "rollback"
            if self._settings.diff and row.action == "rollback":
                stored = self._read(member.name, row.was) if row.was else None
                now, secrets = (stored.manifest, credentials_of(stored.config)) if stored else ("", set())
                there = usable(member, snapshot.history(member.name), self._read)
                then = self._read(member.name, member.revision).manifest if there else now
                secrets |= credentials_of(member.values)
                as_in = f"as in set {target.record.id}"
                self._report.diff += manifest_diffs(member.name, now, row.was, then, as_in, secrets)

    def _go(
        self,
        intention: RollbackTarget,
        record: Record,
        targets: Sequence[Target],
        snapshot: Snapshot,
        run: LockedRun,
    ) -> None:
        warning = self._admission.open(run.kube, self._progress) if self._admission else ""
        self._report.warnings += [warning] if warning else []
        remember(run.kube, self._settings.namespace, intention)
        self._progress(f"going back to release set {record.id}: {', '.join(t.member.name for t in targets)}")
        with run.timeline.span("rollback", f"back to release set {record.id}") as span:
            result = Restore(run, self._check).restore(targets, snapshot.version_ids)
            span.ends(next(iter(result.failures.values()), None))
        for target in targets:
            row, name = self._report.rows[target.member.name], target.member.name
            write, failure = result.writes.get(name), result.failures.get(name)
            if write:
                row.tried = row.now = write.now
                self._report.changed = True
            row.outcome = Outcome.FAILED if failure else Outcome.RESTORED
            row.detail = failure.code.value if failure else f"as in set {record.id}"
        if not result.ok:
            self._report.failures = list(result.failures.values())
            first = self._report.failures[0]
            again = f"the rollback to release set {record.id} is not done, run it again to go on"
            message = f"{first.message.rstrip('.')}; {again}."
            raise self._report.fail(Failure(first.code, message, first.details))
        sources = {t.member.name: t.member for t in targets}
        self._report.set, warnings = Recorder(run).record(
            result.verified.stored, sources, snapshot, charts=record.charts, restored_from=record.id
        )
        self._report.warnings += warnings
        self._end(intention, run)

    def _end(self, intention: RollbackTarget, run: LockedRun) -> None:
        """The last two steps: withdraws the sets that were left, and forgets the target."""
        for number in intention.leaves:
            run.records.withdraw(number, f"left for set {intention.set} by {intention.who}")
        forget(run.kube, self._settings.namespace)

    def _state(self, member: Member, snapshot: Snapshot) -> State:
        return state_towards(member, snapshot.history(member.name), self._read)


def _restorable(record: Record, names: Sequence[str]) -> list[Member]:
    """Members that a rollback takes back, all or those with these names; migrations are never undone, or run again."""
    return [m for m in record.members.values() if not m.migration and (not names or m.name in names)]
