"""The last runs of an environment, for people; the figures themselves: records/test_history.py."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.filter.run_history import run_history
from ansible_collections.todo.cloud.plugins.module_utils.records.events import Event

from tests.support.hostile_markdown import ATTACK, shown

NOW = "2026-11-30T12:00:00Z"


def event(time: str, **more: Any) -> dict[str, Any]:
    """A deployment that succeeded after 60 s."""
    usual = {"run": "deployment", "who": "ada@ci", "commit": "", "outcome": "succeeded", "seconds": 60.0}
    return Event(**{"from_set": 1, "to_set": 2, **usual, "time": time, **more}).as_result()


def told(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    return run_history(list(events), "staging", now=NOW, **more)


def test_nothing_has_run() -> None:
    assert told()["lines"] == [
        "staging: 0 runs since 2026-10-31T12:00:00Z, in 30 days",
        "deployment frequency: 0 a day (0 of 0 succeeded)",
        "lead time for changes: unknown, without the commits of the application's repository (history_repository)",
        "change failure rate: no deployments",
        "time to restore: nothing failed",
    ]


def test_a_line_for_each_run() -> None:
    refused = event(
        "2026-11-30T11:00:00Z", outcome="refused", seconds=0.3, code="deploy_frozen", message="It is frozen."
    )
    probed = event("2026-11-29T10:00:00Z", commit="c" * 40, requests=90, failed_requests=2, emergency="outage")
    found = told(refused, probed, days=2)
    assert found["lines"][0] == "staging: 2 runs since 2026-11-28T12:00:00Z, in 2 days"
    head, first, second = (line.replace("  ", " ").split() for line in found["lines"][5:])
    assert head[:5] == ["began", "run", "set", "commit", "by"]
    assert " ".join(first) == "2026-11-30T11:00:00Z deployment 1 -> 2 - ada@ci refused 0 - deploy_frozen: It is frozen."
    assert second[5:] == ["cccccccccccc", "ada@ci", "succeeded", "60", "2", "of", "90", "emergency:", "outage"]
    assert found["runs"] == [refused, probed]
    assert "| deployment frequency | 0.5 a day (1 of 1 succeeded) |" in found["markdown"]


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([("failed", 60.0)], "1 not restored yet"),
        ([("restored", 45.4)], "45 s (median of 1 failure)"),
        ([("failed", 60.0), ("restored", 3661.0)], "1 h 1 min (median of 1 failure); 1 not restored yet"),
    ],
)
def test_the_time_to_restore(events: list[tuple[str, float]], says: str) -> None:
    found = told(*(event("2026-11-30T09:00:00Z", outcome=outcome, seconds=seconds) for outcome, seconds in events))
    assert found["lines"][4] == f"time to restore: {says}"


def test_what_failed_and_what_was_rolled_back_later_add_up() -> None:
    back = event("2026-11-30T09:30:00Z", run="rollback", from_set=9, to_set=8)
    events = [back, event("2026-11-30T09:00:00Z", to_set=9), event("2026-11-30T08:00:00Z", to_set=8)]
    failed = [event(f"2026-11-30T0{hour}:00:00Z", outcome="restored") for hour in (1, 2)]
    lines = told(*events, *failed)["lines"]
    assert lines[1].endswith("(2 of 4 succeeded)")
    assert lines[3] == "change failure rate: 75 % (3 of 4: 2 failed, 1 was rolled back later)"


def test_without_a_repository_the_runs_know_of_their_newest_commits() -> None:
    events = [event("2026-11-30T11:00:00Z", lead_seconds=600.0), event("2026-11-30T10:00:00Z", lead_seconds=7200.0)]
    first = "lead time for changes: 1 h 5 min (median of 2 deployments), of their newest commits"
    assert told(*events, event("2026-11-30T09:00:00Z"))["lines"][2] == first
    found = told(event("2026-11-30T11:00:00Z", lead_seconds=600.0), log="a" * 40 + " 1764000000 ")
    assert found["lines"][2] == "lead time for changes: no new commit was deployed"


def test_what_others_wrote_is_only_text() -> None:
    more = dict.fromkeys(("who", "commit", "code", "message", "emergency", "run"), ATTACK)
    found = shown(run_history([event("2026-11-30T09:00:00Z", **more)], ATTACK, now=NOW)["markdown"])
    assert [found.tags.count(tag) for tag in ("h3", "tr", "td")] == [1, 5 + 2, 4 * 2 + 9]


@pytest.mark.parametrize(
    ("events", "more", "says"),
    [
        ({}, {}, "expected the events"),
        ([{}], {}, "expected the events"),
        ([], {"days": 0}, "days must be more than 0"),
        ([], {"days": "nan"}, "days must be more than 0"),
        ([], {"days": "week"}, "days must be a number"),
        ([], {"now": "soon"}, "now a time"),
    ],
)
def test_mistakes(events: Any, more: dict[str, Any], says: str) -> None:
    with pytest.raises(AnsibleFilterError, match=says):
        run_history(events, "staging", **more)
