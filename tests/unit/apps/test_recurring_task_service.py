"""recurring-task-service with a real backend behind it; the sidecar's stand-in delivers."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.cluster.ports import free_port
from tests.unit.apps.conftest import SERVICE_TOKEN, User
from tests.unit.apps.processes import Launcher, Running, call, wait_until
from tests.unit.apps.sidecar import Sidecar


@pytest.fixture(scope="module")
def recurring(launcher: Launcher, backend: Running, sidecar: Sidecar) -> Running:
    return launcher.start(
        "recurring_task_service", BACKEND_URL=backend.url, SERVICE_TOKEN=SERVICE_TOKEN, DAPR_HTTP_PORT=sidecar.port
    )


def _open(backend: Running, user: User) -> list[dict[str, Any]]:
    return list(backend.call("GET", "/api/tasks?status=open", token=user.token).json["tasks"])


def _complete_new(backend: Running, user: User, sidecar: Sidecar, **task: Any) -> dict[str, Any]:
    """Add a task, complete it, and return the event that tells of it."""
    made = backend.call("POST", "/api/tasks", {"title": "Pay the rent", **task}, token=user.token)
    assert made.status == 201, made.body
    backend.call("POST", f"/api/tasks/{made.json['id']}/complete", token=user.token)
    return _wait_completed(sidecar, user, made.json["id"])


def _completed(sidecar: Sidecar, user: User, task: str) -> list[dict[str, Any]]:
    return [event for event in sidecar.events(user.id, "task.completed") if event["subject"] == task]


def _wait_completed(sidecar: Sidecar, user: User, task: str) -> dict[str, Any]:
    events: list[dict[str, Any]] = wait_until(lambda: _completed(sidecar, user, task), "task.completed")
    return events[0]


def test_it_subscribes(recurring: Running) -> None:
    assert recurring.call("GET", "/dapr/subscribe").json == [
        {
            "pubsubname": "pubsub",
            "topic": "task-events",
            "route": "/subscriptions/task-events",
            "deadLetterTopic": "task-events-dead",
        }
    ]


def test_the_next_instance_is_made_once(backend: Running, recurring: Running, user: User, sidecar: Sidecar) -> None:
    today = datetime.now(UTC).date()
    remind = f"{today}T08:00:00+00:00"
    event = _complete_new(
        backend, user, sidecar, due=str(today), recurrence="weekly", notes="by transfer", remind_at=remind
    )
    for _ in range(3):
        assert sidecar.deliver(recurring, event) == "SUCCESS"
    [task] = _open(backend, user)
    assert task["due"] == str(today + timedelta(days=7))
    assert task["remind_at"] == f"{today + timedelta(days=7)}T08:00:00+00:00"
    assert (task["title"], task["notes"], task["recurrence"]) == ("Pay the rent", "by transfer", "weekly")
    assert task["parent_task_id"] == event["subject"]
    assert len(recurring.logged("next instance created")) == 1
    assert len(recurring.logged("next instance existed already")) == 2
    assert recurring.logged("next instance created")[0]["trace_id"] == event["traceparent"].split("-")[1]
    # the next instance is announced like any other task
    assert {created["subject"] for created in sidecar.wait_for(2, user.id, "task.created")} >= {task["id"]}


def test_ten_deliveries_at_once_make_one(backend: Running, recurring: Running, user: User, sidecar: Sidecar) -> None:
    event = _complete_new(backend, user, sidecar, due="2199-01-31", recurrence="monthly")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: sidecar.deliver(recurring, event), range(10)))
    assert set(answers) == {"SUCCESS"}
    assert [task["due"] for task in _open(backend, user)] == ["2199-02-28"]


def test_a_monthly_task_goes_through_short_months(
    backend: Running, recurring: Running, user: User, sidecar: Sidecar
) -> None:
    event = _complete_new(backend, user, sidecar, due="2199-01-31", recurrence="monthly")
    for expected in ("2199-02-28", "2199-03-31", "2199-04-30"):
        sidecar.deliver(recurring, event)
        [task] = _open(backend, user)
        assert task["due"] == expected
        backend.call("POST", f"/api/tasks/{task['id']}/complete", token=user.token)
        event = _wait_completed(sidecar, user, task["id"])


def test_a_deleted_next_instance_does_not_come_back(
    backend: Running, recurring: Running, user: User, sidecar: Sidecar
) -> None:
    event = _complete_new(backend, user, sidecar, due="2199-01-01", recurrence="daily")
    sidecar.deliver(recurring, event)
    [task] = _open(backend, user)
    backend.call("DELETE", f"/api/tasks/{task['id']}", token=user.token)
    assert sidecar.deliver(recurring, event) == "SUCCESS"
    assert _open(backend, user) == []


def test_reopened_and_completed_again_it_has_one_next_instance(
    backend: Running, recurring: Running, user: User, sidecar: Sidecar
) -> None:
    event = _complete_new(backend, user, sidecar, due="2199-01-01", recurrence="daily")
    sidecar.deliver(recurring, event)
    task = event["subject"]
    backend.call("POST", f"/api/tasks/{task}/reopen", token=user.token)
    backend.call("POST", f"/api/tasks/{task}/complete", token=user.token)
    wait_until(lambda: len(_completed(sidecar, user, task)) == 2, "completed twice")
    assert sidecar.deliver(recurring, _completed(sidecar, user, task)[1]) == "SUCCESS"
    assert len(_open(backend, user)) == 1


@pytest.mark.parametrize("change", ["reopened", "deleted"])
def test_what_is_not_completed_any_more_gets_none(
    backend: Running, recurring: Running, user: User, sidecar: Sidecar, change: str
) -> None:
    event = _complete_new(backend, user, sidecar, due="2199-01-01", recurrence="daily")
    path = f"/api/tasks/{event['subject']}"
    if change == "deleted":
        backend.call("DELETE", path, token=user.token)
    else:
        backend.call("POST", f"{path}/reopen", token=user.token)
    assert sidecar.deliver(recurring, event) == "SUCCESS"
    assert len(_open(backend, user)) == (change == "reopened")


def test_other_events_need_nothing(backend: Running, recurring: Running, user: User, sidecar: Sidecar) -> None:
    event = _complete_new(backend, user, sidecar)  # does not recur
    assert sidecar.deliver(recurring, event) == "SUCCESS"
    for other in sidecar.events(user.id, "task.created"):
        assert sidecar.deliver(recurring, other) == "SUCCESS"
    assert _open(backend, user) == []


def test_while_the_backend_is_away_messages_come_again(
    launcher: Launcher, start_backend: Callable[..., Running], backend: Running, user: User, sidecar: Sidecar
) -> None:
    port = free_port()
    recurring = launcher.start(
        "recurring_task_service",
        BACKEND_URL=f"http://127.0.0.1:{port}",
        SERVICE_TOKEN=SERVICE_TOKEN,
        DAPR_HTTP_PORT=sidecar.port,
    )
    event = _complete_new(backend, user, sidecar, due="2199-01-01", recurrence="daily")
    assert sidecar.deliver(recurring, event) == "RETRY"
    assert _open(backend, user) == []
    start_backend(PORT=port)
    assert sidecar.deliver(recurring, event) == "SUCCESS"
    assert len(_open(backend, user)) == 1


def test_with_a_wrong_service_token_nothing_is_lost(
    launcher: Launcher, backend: Running, user: User, sidecar: Sidecar
) -> None:
    recurring = launcher.start(
        "recurring_task_service", BACKEND_URL=backend.url, SERVICE_TOKEN="wrong", DAPR_HTTP_PORT=sidecar.port
    )
    event = _complete_new(backend, user, sidecar, due="2199-01-01", recurrence="daily")
    assert sidecar.deliver(recurring, event) == "RETRY"
    assert recurring.logged("asked for redelivery: the backend answers 401")


def _event(**task: Any) -> dict[str, Any]:
    whole = {"id": "3fab1834-a93b-4ba1-9414-770b9700cd81", "due": "2026-01-01", "recurrence": "daily", "repeat_day": 1}
    whole |= {"completed_at": "2026-01-01T10:00:00+00:00"} | task
    return {"id": "1", "type": "task.completed", "data": {"user_id": "u", "task": whole}}


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b"{}",
        json.dumps({"id": "1", "type": "task.completed", "data": "text"}).encode(),
        json.dumps({"id": "1", "type": "task.completed", "data": {}}).encode(),
        json.dumps(_event(due=None)).encode(),
        json.dumps(_event(due="soon")).encode(),
        json.dumps(_event(recurrence="yearly")).encode(),
        json.dumps(_event(recurrence="monthly", repeat_day=77)).encode(),
        json.dumps(_event(id="../../api/me")).encode(),
        json.dumps(_event(completed_at=None)).encode(),
        json.dumps(_event(due=str(date.max), completed_at="9999-12-31T23:00:00+00:00")).encode(),
    ],
)
def test_bad_messages_are_dropped_with_a_line_in_the_log(recurring: Running, sidecar: Sidecar, body: bytes) -> None:
    before = len(recurring.logged("dropped a message"))
    assert sidecar.deliver_raw(recurring, body) == "DROP"
    lines = recurring.logged("dropped a message")[before:]
    assert len(lines) == 1
    assert "stack" not in lines[0]


def test_events_are_taken_from_the_sidecar_only(recurring: Running) -> None:
    answer = call(recurring.url, "POST", "/subscriptions/task-events", _event(), source="127.0.0.2")
    assert answer.status == 403


def test_a_sidecar_with_a_token_is_known_by_it(launcher: Launcher, backend: Running, sidecar: Sidecar) -> None:
    tokens: dict[str, Any] = {"APP_API_TOKEN": "of the sidecar", "SERVICE_TOKEN": SERVICE_TOKEN}
    own = launcher.start("recurring_task_service", BACKEND_URL=backend.url, DAPR_HTTP_PORT=sidecar.port, **tokens)
    for sent, status in (("", 403), ("wrong", 403), ("of the sidecar", 200)):
        headers = {"dapr-api-token": sent} if sent else {}
        assert own.call("POST", "/subscriptions/task-events", b"no event", headers=headers).status == status


@pytest.mark.parametrize("token", ["", "wrong"])
def test_the_internal_call_needs_the_service_token(backend: Running, user: User, token: str) -> None:
    path = "/internal/tasks/3fab1834-a93b-4ba1-9414-770b9700cd81/next"
    assert backend.call("POST", path, {"due": "2026-01-01"}, token=token).status == 401
    assert backend.call("POST", path, {"due": "2026-01-01"}, token=user.token).status == 401
    assert backend.call("POST", path, {"due": "2026-01-01"}, token=SERVICE_TOKEN).status == 409
