"""When a recurring task is due next: the rule itself."""

from __future__ import annotations

import calendar
import random
import runpy
from datetime import date, timedelta

import pytest

from tests.unit.apps.processes import APPS

next_due = runpy.run_path(str(APPS / "recurring_task_service" / "recurrence.py"))["next_due"]


@pytest.mark.parametrize(
    ("due", "recurrence", "completed", "expected"),
    [
        ("2026-03-10", "daily", "2026-03-10", "2026-03-11"),
        ("2026-03-10", "daily", "2026-03-01", "2026-03-11"),  # done before it was due
        ("2026-03-10", "daily", "2026-03-11", "2026-03-11"),  # a day late: today is the next one
        ("2026-03-10", "daily", "2026-03-20", "2026-03-20"),
        ("2026-12-31", "daily", "2026-12-31", "2027-01-01"),
        ("2026-03-10", "weekly", "2026-03-10", "2026-03-17"),
        ("2026-03-10", "weekly", "2026-03-17", "2026-03-17"),
        ("2026-03-10", "weekly", "2026-03-18", "2026-03-24"),  # the weekday is kept
        ("2026-03-10", "monthly", "2026-03-10", "2026-04-10"),
        ("2026-01-31", "monthly", "2026-01-31", "2026-02-28"),
        ("2024-01-31", "monthly", "2024-01-31", "2024-02-29"),  # a leap year
        ("2026-01-30", "monthly", "2026-01-30", "2026-02-28"),
        ("2026-12-31", "monthly", "2026-12-31", "2027-01-31"),
        ("2026-01-31", "monthly", "2026-03-01", "2026-03-31"),  # February went by
        ("2026-01-15", "monthly", "2026-04-15", "2026-04-15"),
        ("2026-01-15", "monthly", "2026-04-16", "2026-05-15"),
    ],
)
def test_next_due(due: str, recurrence: str, completed: str, expected: str) -> None:
    start = date.fromisoformat(due)
    assert next_due(start, recurrence, start.day, date.fromisoformat(completed)) == date.fromisoformat(expected)


def test_a_monthly_task_keeps_to_its_day_through_short_months() -> None:
    due, seen = date(2027, 12, 31), []
    for _ in range(5):
        due = next_due(due, "monthly", 31, due)
        seen.append(due.isoformat())
    assert seen == ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"]


def test_against_a_schedule_written_out_in_full() -> None:
    """The rule is arithmetic; here the schedule is walked date by date instead."""
    dice = random.Random(7)
    for _ in range(2000):
        due = date(2020, 1, 1) + timedelta(days=dice.randrange(3000))
        completed = due + timedelta(days=dice.randrange(-40, 400))
        recurrence = dice.choice(["daily", "weekly", "monthly"])
        day = due.day
        if recurrence == "monthly" and due.day == calendar.monthrange(due.year, due.month)[1]:
            day = dice.choice(range(due.day, 32))  # it may have begun in a longer month
        candidate = due + timedelta(days=1)
        while candidate < completed or not _on_schedule(candidate, due, recurrence, day):
            candidate += timedelta(days=1)
        assert next_due(due, recurrence, day, completed) == candidate


def _on_schedule(candidate: date, due: date, recurrence: str, day: int) -> bool:
    if recurrence == "monthly":
        return candidate.day == min(day, calendar.monthrange(candidate.year, candidate.month)[1])
    return recurrence == "daily" or (candidate - due).days % 7 == 0


@pytest.mark.parametrize(("recurrence", "day"), [("yearly", 1), ("none", 1), ("monthly", 0), ("monthly", 32)])
def test_unknown_schedules_are_refused(recurrence: str, day: int) -> None:
    with pytest.raises(ValueError, match="no such recurrence"):
        next_due(date(2026, 1, 1), recurrence, day, date(2026, 1, 1))
