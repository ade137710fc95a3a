# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""State of a release, and the next action: two pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .stored import History, ReleaseStatus


class State(StrEnum):
    """State of a release, from Helm's status and our records."""

    ABSENT = "absent"
    VERIFIED = "verified"  # deployed as requested, in the newest verified set, workloads Current
    DRIFTED = "drifted"  # the same, but somebody changed its objects in the cluster
    UNVERIFIED = "unverified"  # deployed as requested, not verified
    OUTDATED = "outdated"  # deployed, but with other inputs than requested
    MANUAL = "changed_manually"  # deployed by a Helm call that was not ours
    FAILED = "failed"
    SUPERSEDED = "superseded"  # the newest revision was superseded by one that no longer exists
    STUCK = "stuck"  # pending, and no run is in progress
    BUSY = "busy"  # pending, and the lock's holder is alive
    UNINSTALLING = "uninstalling"
    UNINSTALLED = "uninstalled"  # history kept
    CORRUPT = "corrupt"  # the newest revision cannot be read


class Lock(StrEnum):
    """State of the environment's lock, for this run."""

    NONE = "none"
    MINE = "mine"
    OTHER_ALIVE = "other_alive"
    OTHER_DEAD = "other_dead"


class Wanted(StrEnum):
    """Desired state of the release."""

    APPLIED = "applied"  # by the inputs
    BACK = "back"  # by a record
    ABSENT = "absent"


class Action(StrEnum):
    """The next step. RECOVER, QUARANTINE and FINISH_UNINSTALL prepare: another action follows."""

    NONE = "none"
    VERIFY = "verify"
    INSTALL = "install"
    UPGRADE = "upgrade"
    ROLLBACK = "rollback"
    RECOVER = "recover"
    QUARANTINE = "quarantine"
    FINISH_UNINSTALL = "finish_uninstall"
    UNINSTALL = "uninstall"
    REFUSE = "refuse"

    @property
    def prepares(self) -> bool:
        """Another action follows."""
        return self in (Action.RECOVER, Action.QUARANTINE, Action.FINISH_UNINSTALL)

    @property
    def writes(self) -> bool:
        """It changes the cluster."""
        return self not in (Action.NONE, Action.VERIFY, Action.REFUSE)


@dataclass(frozen=True)
class Facts:
    """What is known of the newest revision beyond Helm's status."""

    digest: str = ""  # of the inputs it was made from; empty: not known
    manual: bool = False
    verified: bool = False
    current: bool = False
    readable: bool = True


def release_state(history: History, facts: Facts, wanted_digest: str, lock: Lock) -> State:
    """State of a release; ``history`` is sorted, oldest first."""
    if not history:
        return State.ABSENT
    if not facts.readable:
        return State.CORRUPT
    match history[-1].status:
        case ReleaseStatus.PENDING_INSTALL | ReleaseStatus.PENDING_UPGRADE | ReleaseStatus.PENDING_ROLLBACK:
            return State.BUSY if lock is Lock.OTHER_ALIVE else State.STUCK
        case ReleaseStatus.UNINSTALLING:
            return State.BUSY if lock is Lock.OTHER_ALIVE else State.UNINSTALLING
        case ReleaseStatus.UNINSTALLED:
            return State.UNINSTALLED
        case ReleaseStatus.FAILED | ReleaseStatus.UNKNOWN:
            return State.FAILED
        case ReleaseStatus.SUPERSEDED:
            return State.SUPERSEDED
        case ReleaseStatus.DEPLOYED:
            return _deployed(facts, wanted_digest)


def _deployed(facts: Facts, wanted_digest: str) -> State:
    if facts.manual:
        return State.MANUAL
    if facts.digest != wanted_digest:
        return State.OUTDATED
    return State.VERIFIED if facts.verified and facts.current else State.UNVERIFIED


def action_for(state: State, wanted: Wanted) -> Action:
    """The next step for a release in ``state``."""
    match state, wanted:
        case State.BUSY, _:
            return Action.REFUSE
        case State.CORRUPT, _:
            return Action.QUARANTINE
        case State.UNINSTALLING, _:
            return Action.FINISH_UNINSTALL
        case ((State.ABSENT | State.UNINSTALLED), Wanted.ABSENT):
            return Action.NONE
        case _, Wanted.ABSENT:
            return Action.UNINSTALL
        case State.STUCK, _:
            return Action.RECOVER
        case ((State.ABSENT | State.UNINSTALLED), _):
            return Action.INSTALL
        case ((State.VERIFIED | State.DRIFTED), _):
            return Action.NONE
        case State.UNVERIFIED, _:
            return Action.VERIFY
        case _, Wanted.BACK:
            return Action.ROLLBACK
        case _:
            return Action.UPGRADE
