"""Every state with every wish, and how a history becomes a state."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.helm.state import (
    Action,
    Facts,
    Lock,
    State,
    Wanted,
    action_for,
    release_state,
)
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import ReleaseStatus, Revision

#                           applied           back              absent
TABLE = {
    State.ABSENT:       (Action.INSTALL, Action.INSTALL, Action.NONE),
    State.VERIFIED:     (Action.NONE, Action.NONE, Action.UNINSTALL),
    State.DRIFTED:      (Action.NONE, Action.NONE, Action.UNINSTALL),
    State.UNVERIFIED:   (Action.VERIFY, Action.VERIFY, Action.UNINSTALL),
    State.OUTDATED:     (Action.UPGRADE, Action.ROLLBACK, Action.UNINSTALL),
    State.MANUAL:      (Action.UPGRADE, Action.ROLLBACK, Action.UNINSTALL),
    State.FAILED:       (Action.UPGRADE, Action.ROLLBACK, Action.UNINSTALL),
    State.SUPERSEDED:   (Action.UPGRADE, Action.ROLLBACK, Action.UNINSTALL),
    State.STUCK:        (Action.RECOVER, Action.RECOVER, Action.UNINSTALL),
    State.BUSY:         (Action.REFUSE, Action.REFUSE, Action.REFUSE),
    State.UNINSTALLING: (Action.FINISH_UNINSTALL, Action.FINISH_UNINSTALL, Action.FINISH_UNINSTALL),
    State.UNINSTALLED:  (Action.INSTALL, Action.INSTALL, Action.NONE),
    State.CORRUPT:      (Action.QUARANTINE, Action.QUARANTINE, Action.QUARANTINE),
}  # fmt: skip
PAIRS = [
    (state, wanted, action)
    for state, actions in TABLE.items()
    for wanted, action in zip((Wanted.APPLIED, Wanted.BACK, Wanted.ABSENT), actions, strict=True)
]


def test_the_table_names_every_pair() -> None:
    assert {(s, w) for s, w, _ in PAIRS} == set(itertools.product(State, Wanted))


@pytest.mark.parametrize(("state", "wanted", "action"), PAIRS)
def test_action(state: State, wanted: Wanted, action: Action) -> None:
    assert action_for(state, wanted) is action


def history(*statuses: str) -> list[Revision]:
    return [Revision("api", "ns", n, ReleaseStatus(status)) for n, status in enumerate(statuses, 1)]


SAME = Facts(digest="d/none", verified=True, current=True)


@pytest.mark.parametrize("lock", list(Lock))
@pytest.mark.parametrize("status", ["pending-install", "pending-upgrade", "pending-rollback"])
def test_a_pending_entry_is_busy_only_while_its_writer_lives(status: str, lock: Lock) -> None:
    state = release_state(history("deployed", status), SAME, "d/none", lock)
    assert state is (State.BUSY if lock is Lock.OTHER_ALIVE else State.STUCK)


@pytest.mark.parametrize("lock", list(Lock))
def test_an_uninstall_is_finished_unless_its_writer_lives(lock: Lock) -> None:
    state = release_state(history("uninstalling"), SAME, "d/none", lock)
    assert state is (State.BUSY if lock is Lock.OTHER_ALIVE else State.UNINSTALLING)


@pytest.mark.parametrize("lock", list(Lock))
@pytest.mark.parametrize(
    ("statuses", "facts", "state"),
    [
        ((), SAME, State.ABSENT),
        (("deployed",), SAME, State.VERIFIED),
        (("deployed",), Facts("d/none", verified=False, current=True), State.UNVERIFIED),
        (("deployed",), Facts("d/none", verified=True, current=False), State.UNVERIFIED),
        (("deployed",), Facts("e/none", verified=True, current=True), State.OUTDATED),
        (("deployed",), Facts("d/none", manual=True, verified=True, current=True), State.MANUAL),
        (("deployed",), Facts(readable=False), State.CORRUPT),
        (("deployed", "failed"), SAME, State.FAILED),
        (("failed",), SAME, State.FAILED),
        (("unknown",), SAME, State.FAILED),
        (("superseded",), SAME, State.SUPERSEDED),
        (("deployed", "uninstalled"), SAME, State.UNINSTALLED),
    ],
)
def test_state(statuses: tuple[str, ...], facts: Facts, state: State, lock: Lock) -> None:
    assert release_state(history(*statuses), facts, "d/none", lock) is state


def test_only_preparing_actions_are_followed_by_another() -> None:
    assert {a for a in Action if a.prepares} == {Action.RECOVER, Action.QUARANTINE, Action.FINISH_UNINSTALL}
    assert {a for a in Action if not a.writes} == {Action.NONE, Action.VERIFY, Action.REFUSE}
