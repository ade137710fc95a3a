"""No event is lost, whatever happens to the sidecar, the broker or a replica; reminders are sent by one replica."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.apps.conftest import User
from tests.unit.apps.postgres import Postgres
from tests.unit.apps.processes import Running, wait_until
from tests.unit.apps.sidecar import Sidecar


def _add(backend: Running, user: User, count: int = 1, **task: Any) -> list[dict[str, Any]]:
    answers = [
        backend.call("POST", "/api/tasks", {"title": f"task {n}", **task}, token=user.token) for n in range(count)
    ]
    assert {answer.status for answer in answers} == {201}
    return [answer.json for answer in answers]


def _subjects(events: list[dict[str, Any]]) -> Counter[str]:
    return Counter(event["subject"] for event in events)


@pytest.fixture
def empty_outbox(backend: Running, postgres: Postgres, database: str) -> Callable[[], None]:
    def empty() -> None:
        wait_until(lambda: postgres.sql(database, "SELECT count(*) FROM outbox") == [["0"]], "the outbox is empty")

    return empty


@pytest.fixture(scope="module")
def second(backend: Running, start_backend: Callable[..., Running]) -> Running:
    """Another replica, beside `backend`."""
    return start_backend()


def test_trouble_of_the_broker_breaks_no_request_and_loses_no_event(
    backend: Running, user: User, sidecar: Sidecar, empty_outbox: Callable[[], None]
) -> None:
    sidecar.answer = "down"
    tasks = _add(backend, user, 45)  # more than two batches
    wait_until(lambda: backend.metric("outbox_pending") >= 45, "the metric shows what waits")
    assert sidecar.events(user.id) == []
    sidecar.answer = "ok"
    events = sidecar.wait_for(45, user.id)
    empty_outbox()
    assert _subjects(events) == Counter(task["id"] for task in tasks)
    assert len({event["id"] for event in events}) == 45


def test_a_lost_answer_leads_to_the_same_event_again(
    backend: Running, user: User, sidecar: Sidecar, empty_outbox: Callable[[], None]
) -> None:
    sidecar.answer = "lost answer"
    _add(backend, user)
    events = sidecar.wait_for(2, user.id)
    sidecar.answer = "ok"
    empty_outbox()
    assert len({event["id"] for event in events}) == 1


def test_one_event_that_is_refused_does_not_hold_up_the_others(
    backend: Running, user: User, sidecar: Sidecar, empty_outbox: Callable[[], None]
) -> None:
    sidecar.answer = "reject task.deleted"
    [task] = _add(backend, user)
    backend.call("DELETE", f"/api/tasks/{task['id']}", token=user.token)
    _add(backend, user, 3)
    sidecar.wait_for(4, user.id, "task.created")
    assert sidecar.events(user.id, "task.deleted") == []
    assert backend.logged("it stays in the outbox")
    sidecar.answer = "ok"
    sidecar.wait_for(1, user.id, "task.deleted")
    empty_outbox()


def test_two_replicas_publish_each_event_once(
    backend: Running, second: Running, user: User, sidecar: Sidecar, empty_outbox: Callable[[], None]
) -> None:
    sidecar.answer = "down"
    tasks = _add(backend, user, 60) + _add(second, user, 60)
    sidecar.answer = "ok"
    empty_outbox()
    assert _subjects(sidecar.events(user.id)) == Counter(task["id"] for task in tasks)


def test_what_a_killed_replica_left_is_published_by_another(
    backend: Running, start_backend: Callable[..., Running], user: User, sidecar: Sidecar, empty_outbox: Any
) -> None:
    failing = start_backend(DAPR_HTTP_PORT=1)  # its own sidecar is gone: it can't publish itself
    sidecar.answer = "down"
    tasks = _add(failing, user, 5)
    failing.kill()
    sidecar.answer = "ok"
    events = sidecar.wait_for(5, user.id)
    assert set(_subjects(events)) == {task["id"] for task in tasks}


def test_each_reminder_is_reported_once_by_one_of_the_replicas(
    backend: Running,
    second: Running,
    user: User,
    sidecar: Sidecar,
    postgres: Postgres,
    database: str,
    empty_outbox: Callable[[], None],
) -> None:
    later = "2199-01-01T00:00:00Z"
    [done] = _add(backend, user, 1, remind_at=later)
    backend.call("POST", f"/api/tasks/{done['id']}/complete", token=user.token)
    tasks = _add(backend, user, 30, remind_at=later) + _add(second, user, 1, remind_at=later)
    due = ", ".join(f"'{task['id']}'" for task in (done, *tasks[:30]))
    postgres.sql(database, f"UPDATE tasks SET remind_at = now() WHERE id IN ({due})")  # of all at once
    events = sidecar.wait_for(30, user.id, "reminder.due")
    empty_outbox()
    assert _subjects(sidecar.events(user.id, "reminder.due")) == Counter(task["id"] for task in tasks[:30])
    assert len({event["data"]["reminder_id"] for event in events}) == 30
    # moved to another time, it is a new reminder
    task = tasks[0]["id"]
    backend.call("PATCH", f"/api/tasks/{task}", {"remind_at": "2020-01-01T00:00:00Z"}, token=user.token)
    events = sidecar.wait_for(31, user.id, "reminder.due")
    assert len({event["data"]["reminder_id"] for event in events if event["subject"] == task}) == 2


def test_replicas_that_meet_at_a_reminder_report_it_once(
    backend: Running,
    second: Running,
    user: User,
    sidecar: Sidecar,
    postgres: Postgres,
    database: str,
    empty_outbox: Any,
) -> None:
    """Its row is locked here until both have come to it: one that waited for the lock would tell it again."""
    due = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    [task] = _add(backend, user, 1, remind_at=due)
    commits = f"SELECT xact_commit FROM pg_stat_database WHERE datname = '{database}'"
    with postgres.holding(database, f"SELECT title FROM tasks WHERE id = '{task['id']}' FOR UPDATE"):
        wait_until(lambda: postgres.sql("postgres", f"SELECT now() > '{due}'") == [["t"]], "it is due")
        before = int(postgres.sql("postgres", commits)[0][0])
        wait_until(lambda: int(postgres.sql("postgres", commits)[0][0]) > before + 20, "both replicas have looked")
    sidecar.wait_for(1, user.id, "reminder.due")
    empty_outbox()
    assert len(sidecar.events(user.id, "reminder.due")) == 1


def test_a_stopped_replica_publishes_nothing_twice(
    start_backend: Callable[..., Running], backend: Running, user: User, sidecar: Sidecar, empty_outbox: Any
) -> None:
    leaving = start_backend()
    tasks = _add(leaving, user, 40)
    assert leaving.stop() == 0
    empty_outbox()
    assert _subjects(sidecar.events(user.id)) == Counter(task["id"] for task in tasks)


def test_without_dapr_events_wait(
    backend: Running, start_backend: Callable[..., Running], user: User, sidecar: Sidecar, postgres: Postgres
) -> None:
    lonely = start_backend(DAPR_ENABLED="false")
    wait_until(lonely.ready, "ready")
    assert lonely.call("GET", "/ready").json["checks"] == ["database"]
    assert lonely.logged("events stay in the outbox")
    [task] = _add(lonely, user)
    assert lonely.call("GET", f"/api/tasks/{task['id']}", token=user.token).status == 200
    sidecar.wait_for(1, user.id)  # the replica that has a sidecar tells
