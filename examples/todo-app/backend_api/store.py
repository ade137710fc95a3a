"""Tasks in the database. Every change and the event that tells of it are written in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from psycopg.rows import DictRow

from backend_api.database import Connection, maybe, one
from todo_common import trace
from todo_common.dapr import REMINDERS, TASK_EVENTS

_SHOWN = (
    *("id", "title", "notes", "due", "recurrence", "repeat_day", "remind_at"),
    *("completed_at", "created_at", "updated_at", "parent_task_id", "next_task_id"),
)
_COLUMNS = ", ".join(_SHOWN) + ", user_id"
_ORDERS = {
    "all": ("", "completed_at IS NOT NULL, due NULLS LAST, created_at, id"),
    "open": ("AND completed_at IS NULL", "due NULLS LAST, created_at, id"),
    "done": ("AND completed_at IS NOT NULL", "completed_at DESC, id"),
}


class Invalid(Exception):
    """The change asked for makes no sense; the message says why."""


def as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """A task as the API and the events show it."""
    return {name: _plain(row[name]) for name in _SHOWN}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


async def list_(db: Connection, user: UUID, status: str, limit: int, offset: int) -> tuple[list[DictRow], bool]:
    """Tasks of a user, what is due first, and whether there are more."""
    where, order = _ORDERS[status]
    query = f"SELECT {_COLUMNS} FROM tasks WHERE user_id = %s {where} ORDER BY {order} LIMIT %s OFFSET %s"
    rows = await (await db.execute(query, (user, limit + 1, offset))).fetchall()
    return rows[:limit], len(rows) > limit


async def get(db: Connection, user: UUID, task: UUID, lock: bool = False) -> DictRow | None:
    query = f"SELECT {_COLUMNS} FROM tasks WHERE id = %s AND user_id = %s{' FOR UPDATE' if lock else ''}"
    return await maybe(db, query, (task, user))


async def create(db: Connection, user: UUID, task: Mapping[str, Any], key: str = "") -> DictRow:
    """A new task. The same `key` from the same user makes one task, however often it comes."""
    _check(task)
    task_id = uuid5(user, key) if key else uuid4()
    row = await maybe(
        db,
        "INSERT INTO tasks (id, user_id, title, notes, due, recurrence, repeat_day, remind_at)"
        f" VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING RETURNING {_COLUMNS}",
        (task_id, user, task["title"], task["notes"], task["due"], task["recurrence"], _day(task), task["remind_at"]),
    )
    if row is None:
        return await one(db, f"SELECT {_COLUMNS} FROM tasks WHERE id = %s", (task_id,))
    await emit(db, "task.created", row)
    return row


async def update(db: Connection, user: UUID, task: UUID, changes: Mapping[str, Any]) -> DictRow | None:
    """Apply the fields given; a task that already is so is left alone."""
    old = await get(db, user, task, lock=True)
    if old is None or all(old[name] == value for name, value in changes.items()):
        return old
    new = {**old, **changes}
    _check(new)
    row = await one(
        db,
        "UPDATE tasks SET title = %s, notes = %s, due = %s, recurrence = %s, repeat_day = %s, remind_at = %s,"
        " reminded_at = CASE WHEN remind_at IS NOT DISTINCT FROM %s THEN reminded_at END, updated_at = now()"
        f" WHERE id = %s RETURNING {_COLUMNS}",
        (
            new["title"],
            new["notes"],
            new["due"],
            new["recurrence"],
            old["repeat_day"] if new["due"] == old["due"] else _day(new),
            new["remind_at"],
            new["remind_at"],
            task,
        ),
    )
    await emit(db, "task.updated", row)
    return row


async def set_completed(db: Connection, user: UUID, task: UUID, completed: bool) -> DictRow | None:
    """Complete or reopen; asking twice changes nothing and tells nobody."""
    value, was = ("now()", "NULL") if completed else ("NULL", "NOT NULL")
    query = (
        f"UPDATE tasks SET completed_at = {value}, updated_at = now()"
        f" WHERE id = %s AND user_id = %s AND completed_at IS {was} RETURNING {_COLUMNS}"
    )
    row = await maybe(db, query, (task, user))
    if row is None:
        return await get(db, user, task)
    await emit(db, "task.completed" if completed else "task.updated", row)
    return row


async def delete(db: Connection, user: UUID, task: UUID) -> bool:
    row = await maybe(db, f"DELETE FROM tasks WHERE id = %s AND user_id = %s RETURNING {_COLUMNS}", (task, user))
    if row is not None:
        await emit(db, "task.deleted", row)
    return row is not None


async def create_next(db: Connection, parent_id: UUID, due: date) -> tuple[DictRow | None, bool]:
    """The next instance of a completed recurring task, made at most once; the row and whether it is new.

    Whoever sets the parent's next_task_id makes it. A later call finds it set and gets the row, or None when the
    instance has been deleted meanwhile. Raises Invalid when there is no next instance to make.
    """
    task_id = uuid4()
    parent = await maybe(
        db,
        "UPDATE tasks SET next_task_id = %s WHERE id = %s AND next_task_id IS NULL AND completed_at IS NOT NULL"
        f" AND recurrence <> 'none' AND due < %s RETURNING {_COLUMNS}",
        (task_id, parent_id, due),
    )
    if parent is None:
        return await _existing_next(db, parent_id), False
    remind_at = parent["remind_at"] and parent["remind_at"] + timedelta(days=(due - parent["due"]).days)
    row = await one(
        db,
        "INSERT INTO tasks (id, user_id, title, notes, due, recurrence, repeat_day, remind_at, parent_task_id)"
        f" VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}",
        (
            task_id,
            *(parent["user_id"], parent["title"], parent["notes"], due),
            *(parent["recurrence"], parent["repeat_day"], remind_at, parent_id),
        ),
    )
    await emit(db, "task.created", row)
    return row, True


async def _existing_next(db: Connection, parent_id: UUID) -> DictRow | None:
    parent = await maybe(db, "SELECT next_task_id FROM tasks WHERE id = %s", (parent_id,))
    if parent is None:
        raise Invalid("this task does not exist any more")
    if parent["next_task_id"] is None:
        raise Invalid("this task is not completed, does not recur, or is due later than that")
    return await maybe(db, f"SELECT {_COLUMNS} FROM tasks WHERE id = %s", (parent["next_task_id"],))


async def claim_reminders(db: Connection, limit: int) -> list[DictRow]:
    """Take reminders that are due; each is taken by one replica, once."""
    query = (
        "UPDATE tasks SET reminded_at = now() WHERE id IN (SELECT id FROM tasks WHERE remind_at <= now()"
        " AND reminded_at IS NULL AND completed_at IS NULL ORDER BY remind_at LIMIT %s FOR UPDATE SKIP LOCKED)"
        f" RETURNING {_COLUMNS}"
    )
    rows = await (await db.execute(query, (limit,))).fetchall()
    for row in rows:
        reminder_id = uuid5(row["id"], row["remind_at"].astimezone(UTC).isoformat())
        await emit(db, "reminder.due", row, {"reminder_id": str(reminder_id)}, REMINDERS)
    return rows


async def emit(
    db: Connection, kind: str, row: Mapping[str, Any], more: Mapping[str, str] | None = None, topic: str = TASK_EVENTS
) -> None:
    """Write a CloudEvent to the outbox, in the transaction at hand."""
    event = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/backend-api",
        "type": kind,
        "subject": str(row["id"]),
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": {"user_id": str(row["user_id"]), "task": as_json(row), **(more or {})},
    }
    await db.execute(
        "INSERT INTO outbox (topic, key, event, traceparent) VALUES (%s, %s, %s, %s)",
        (topic, str(row["user_id"]), json.dumps(event), trace.outgoing()),
    )


def _check(task: Mapping[str, Any]) -> None:
    if task["recurrence"] != "none" and task["due"] is None:
        raise Invalid("a recurring task needs a due date")


def _day(task: Mapping[str, Any]) -> int | None:
    return task["due"].day if task["due"] else None
