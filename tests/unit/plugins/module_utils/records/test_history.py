"""The four figures of DORA: what counts as a deployment, as a failure, as new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.records.events import KEEP, Event
from ansible_collections.todo.cloud.plugins.module_utils.records.history import Figures, figures, read_log

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FIRST, SECOND, SIDE, MERGE = (letter * 40 for letter in "abcd")


def event(ago: dict[str, float], **more: Any) -> dict[str, Any]:
    """A deployment that succeeded after 60 s."""
    usual = {"run": "deployment", "who": "ada@ci", "commit": "", "outcome": "succeeded", "seconds": 60.0}
    time = (NOW - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Event(**{"from_set": 1, "to_set": 2, **usual, "time": time, **more}).as_result()


def told(*events: dict[str, Any], days: float = 30, log: str = "") -> Figures:
    return figures(events, days, NOW, read_log(log), KEEP)[1]


def log(*commits: tuple[str, float, tuple[str, ...]]) -> str:
    """Lines of git log: name, hours ago, parents."""
    return "\n".join(
        f"{name} {int((NOW - timedelta(hours=ago)).timestamp())} {' '.join(parents)}" for name, ago, parents in commits
    )


def test_nothing_has_run() -> None:
    found = told()
    assert (found.since, found.days) == ("2026-10-31T12:00:00Z", 30)
    assert (found.deployments, found.lead_seconds, found.change_failure_rate, found.restore_seconds) == (0, *[None] * 3)


def test_what_is_a_deployment() -> None:
    events = (
        event({"hours": 1}, outcome="refused"),
        event({"hours": 2}, run="scaling"),
        event({"hours": 3}, run="verification", outcome="failed"),
        event({"hours": 4}, run="promotion"),
        event({"hours": 5}),
        event({"days": 31}),
    )
    shown, found = figures(events, 2, NOW, {}, KEEP)
    assert (found.deployments, found.deployments_per_day) == (2, 1.0)
    assert shown == list(events[:-1])


def test_failures_and_how_long_they_lasted() -> None:
    rolled_back = (event({"hours": 1}, run="rollback", from_set=9, to_set=8), event({"hours": 3}, to_set=9))
    repaired = (event({"hours": 5}, to_set=8), event({"hours": 6}, outcome="failed"))
    restored = event({"hours": 8}, outcome="restored", seconds=45.0)
    found = told(*rolled_back, *repaired, restored)
    assert found.change_failure_rate == 3 / 4
    assert (found.restored, found.restore_seconds) == (3, 3660.0), "the median of 45, 3660 and 7200"
    both = told(event({"hours": 1}, outcome="failed"), restored)
    assert (both.restore_seconds, both.restored, both.not_restored) == (45.0, 1, 1)


def test_a_failure_does_not_end_by_what_began_before_it_ended() -> None:
    beside = event({"minutes": 59, "seconds": 30}, run="rollback")
    assert told(beside, event({"hours": 1}, outcome="failed")).not_restored == 1


def test_each_new_commit_has_a_lead_time() -> None:
    commits = log((MERGE, 2, (SECOND, SIDE)), (SECOND, 3, (FIRST,)), (SIDE, 9, (FIRST,)), (FIRST, 20, ()))
    newest = event({"hours": 1}, commit=MERGE[:12], from_commit=FIRST)
    found = told(newest, event({"hours": 19}, commit=FIRST), log=commits)
    assert found.lead_commits == 3, "not what ran before"
    assert found.lead_seconds == 2 * 3600 + 60


def test_commits_that_are_not_there_are_counted() -> None:
    commits = log((FIRST, 20, ()))
    assert told(event({"hours": 1}, commit=SECOND, from_commit=FIRST), log=commits).unknown_commits == 1
    again = told(event({"hours": 1}, commit=FIRST, from_commit=FIRST), log=f"no commit\n{commits}\n{'9' * 30}\n\n")
    assert (again.lead_commits, again.unknown_commits) == (0, 0)


def test_where_older_runs_are_gone_the_period_is_shorter() -> None:
    found = told(*(event({"hours": hour + 1}) for hour in range(KEEP)))
    assert found.days == pytest.approx(KEEP / 24, abs=0.01)
    assert found.deployments_per_day == pytest.approx(24, abs=0.1)


def test_what_began_at_no_time_began_before_all_others() -> None:
    assert told(event({"hours": 1}), event({"hours": 1}, time="yesterday")).deployments == 1
