# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What state a release is in and what has to be done about it: two pure functions and one table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .storage import History, ReleaseStatus


class State(StrEnum):
    """State of a release, Helm's word and ours together."""

    ABSENT = "absent"
    VERIFIED = "verified"  # deployed as asked, in the newest verified set, workloads Current
    UNVERIFIED = "unverified"  # deployed as asked, not proved
    OUTDATED = "outdated"  # deployed, but something else was asked
    MANUAL = "changed_manually"  # deployed by a Helm call that was not ours
    FAILED = "failed"
    SUPERSEDED = "superseded"  # the newest revision was replaced by one that is gone
    STUCK = "stuck"  # pending, and nobody is at work any more
    BUSY = "busy"  # pending, and the lock's holder is alive
    UNINSTALLING = "uninstalling"
    UNINSTALLED = "uninstalled"  # history kept
    CORRUPT = "corrupt"  # the newest revision can't be read


class Lock(StrEnum):
    """The environment's lock as this run sees it."""

    NONE = "none"
    MINE = "mine"
    OTHER_ALIVE = "other_alive"
    OTHER_DEAD = "other_dead"


class Wanted(StrEnum):
    """What the caller wants of the release."""

    APPLIED = "applied"  # as the inputs say
    BACK = "back"  # as a record says
    ABSENT = "absent"


class Action(StrEnum):
    """The next step. RECOVER, QUARANTINE and FINISH_UNINSTALL prepare: the history is judged again after them."""

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
        """The cluster is changed by it."""
        return self not in (Action.NONE, Action.VERIFY, Action.REFUSE)


@dataclass(frozen=True)
class Facts:
    """What is known of the newest revision beyond Helm's word for it."""

    digest: str = ""  # of the inputs it was made from; empty: not known
    by_hand: bool = False
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
    if facts.by_hand:
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
        case State.VERIFIED, _:
            return Action.NONE
        case State.UNVERIFIED, _:
            return Action.VERIFY
        case _, Wanted.BACK:
            return Action.ROLLBACK
        case _:
            return Action.UPGRADE
