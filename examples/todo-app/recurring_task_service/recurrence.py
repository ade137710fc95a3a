"""When a recurring task is due next."""

from __future__ import annotations

import calendar
from datetime import date, timedelta


def next_due(due: date, recurrence: str, repeat_day: int, completed_on: date) -> date:
    """The first date of the schedule after `due` that does not lie before the day of completion (UTC).

    daily: every day; weekly: the same weekday; monthly: the same day of the month, or the month's last day where it
    is too short (RFC 7529, SKIP=BACKWARD): `repeat_day` is the day it keeps to, so 31 January is followed by
    28 February and then by 31 March. Raises ValueError for another recurrence or day.
    """
    if recurrence in ("daily", "weekly"):
        days = 1 if recurrence == "daily" else 7
        behind = max((completed_on - due).days, 1)
        return due + timedelta(days=-(-behind // days) * days)
    if recurrence != "monthly" or not 1 <= repeat_day <= 31:
        raise ValueError(f"no such recurrence: {recurrence}, day {repeat_day}")
    months = max((completed_on.year - due.year) * 12 + completed_on.month - due.month, 1)
    candidate = _in_month(due, months, repeat_day)
    return candidate if candidate >= completed_on else _in_month(due, months + 1, repeat_day)


def _in_month(start: date, months: int, day: int) -> date:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(day, calendar.monthrange(year, month + 1)[1]))
