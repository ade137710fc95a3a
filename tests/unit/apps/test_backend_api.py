"""backend-api over HTTP, on a real PostgreSQL."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.apps.conftest import SECRET_KEY, User
from tests.unit.apps.postgres import Postgres
from tests.unit.apps.processes import Running, wait_until
from tests.unit.apps.sidecar import Sidecar


def _add(backend: Running, user: User, **task: Any) -> dict[str, Any]:
    answer = backend.call("POST", "/api/tasks", {"title": "Water the plants", **task}, token=user.token)
    assert answer.status == 201, answer.body
    return dict(answer.json)


# --- accounts and tokens ---


def test_register_log_in_and_who_am_i(backend: Running, user: User) -> None:
    again = backend.call("POST", "/api/auth/login", {"username": user.name.upper(), "password": user.password})
    assert again.status == 200
    me = backend.call("GET", "/api/me", token=again.json["token"])
    assert me.json["user"] == {"id": user.id, "username": user.name}


def test_a_name_is_given_once(backend: Running, user: User) -> None:
    answer = backend.call("POST", "/api/auth/register", {"username": user.name, "password": user.password})
    assert (answer.status, answer.json["detail"]) == (409, "this user name is taken")


@pytest.mark.parametrize("name", ["nobody-of-that-name", "the user"])
def test_wrong_name_and_wrong_password_look_the_same(backend: Running, user: User, name: str) -> None:
    given = {"username": user.name if name == "the user" else name, "password": "not the password"}
    answer = backend.call("POST", "/api/auth/login", given)
    assert (answer.status, answer.json["detail"]) == (401, "wrong user name or password")


def test_the_password_is_not_stored(user: User, postgres: Postgres, database: str) -> None:
    [[stored]] = postgres.sql(database, f"SELECT password FROM users WHERE id = '{user.id}'")
    assert stored.startswith("scrypt$16384$8$")
    assert user.password not in stored


def _token(user: User, key: str = SECRET_KEY, algorithm: str = "HS256", **claims: object) -> str:
    """A JWT made without a library (RFC 7519)."""

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    body = {"iss": "todo", "sub": user.id, "name": user.name, "exp": int(time.time()) + 60, **claims}
    signed = part({"alg": algorithm, "typ": "JWT"}) + b"." + part({k: v for k, v in body.items() if v is not None})
    signature = hmac.digest(key.encode(), signed, hashlib.sha256) if algorithm != "none" else b""
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def test_a_token_made_with_the_key_counts(backend: Running, user: User) -> None:
    assert backend.call("GET", "/api/me", token=_token(user)).status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"key": "another key of thirty-two bytes and more"},
        {"algorithm": "none"},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"iss": "somebody else"},
        {"sub": "not a uuid"},
        {"sub": None},
        {"name": None},
    ],
    ids=str,
)
def test_other_tokens_do_not(backend: Running, user: User, change: dict[str, Any]) -> None:
    answer = backend.call("GET", "/api/me", token=_token(user, **change))
    assert (answer.status, answer.json["detail"]) == (401, "log in first")


def test_a_token_of_a_user_who_is_gone(backend: Running, user: User, postgres: Postgres, database: str) -> None:
    postgres.sql(database, f"DELETE FROM users WHERE id = '{user.id}'")
    answer = backend.call("POST", "/api/tasks", {"title": "x"}, token=user.token)
    assert (answer.status, answer.json["detail"]) == (401, "this user does not exist any more")


# --- tasks ---


def test_the_life_of_a_task(backend: Running, user: User) -> None:
    task = _add(backend, user, due="2026-05-01", remind_at="2199-05-01T08:00:00+02:00")
    path = f"/api/tasks/{task['id']}"
    assert task["due"] == "2026-05-01"
    assert task["remind_at"] == "2199-05-01T06:00:00+00:00"
    assert backend.call("GET", path, token=user.token).json == task
    changed = backend.call("PATCH", path, {"title": "Feed the cat", "due": None}, token=user.token).json
    assert (changed["title"], changed["due"], changed["remind_at"]) == ("Feed the cat", None, task["remind_at"])
    assert backend.call("POST", f"{path}/complete", token=user.token).json["completed_at"]
    assert backend.call("POST", f"{path}/reopen", token=user.token).json["completed_at"] is None
    assert backend.call("DELETE", path, token=user.token).status == 204
    assert backend.call("GET", path, token=user.token).status == 404


def test_nobody_sees_or_touches_the_tasks_of_others(backend: Running, new_user: Callable[[], User]) -> None:
    owner, other = new_user(), new_user()
    task = _add(backend, owner)
    path = f"/api/tasks/{task['id']}"
    assert backend.call("GET", "/api/tasks", token=other.token).json == {"tasks": [], "more": False}
    for method, where in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/complete"), ("POST", "/reopen")]:
        body = {"title": "mine now"} if method == "PATCH" else None
        assert backend.call(method, path + where, body, token=other.token).status == 404, method
    assert backend.call("GET", path, token=owner.token).json == task


def test_lists_by_state_and_by_page(backend: Running, user: User) -> None:
    dues = ["2026-05-03", None, "2026-05-01", "2026-05-02"]
    made = [_add(backend, user, title=f"task {number}", due=due) for number, due in enumerate(dues)]
    backend.call("POST", f"/api/tasks/{made[3]['id']}/complete", token=user.token)

    def titles(query: str) -> tuple[list[str], bool]:
        answer = backend.call("GET", f"/api/tasks?{query}", token=user.token).json
        return [task["title"] for task in answer["tasks"]], answer["more"]

    assert titles("") == (["task 2", "task 0", "task 1", "task 3"], False)  # due first, done last
    assert titles("status=open") == (["task 2", "task 0", "task 1"], False)
    assert titles("status=done") == (["task 3"], False)
    assert titles("status=open&limit=2") == (["task 2", "task 0"], True)
    assert titles("status=open&limit=2&offset=2") == (["task 1"], False)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "title: Field required"),
        ({"title": "  "}, "title: String should have at least 1 character"),
        ({"title": "x" * 201}, "title: String should have at most 200 characters"),
        ({"title": "a\u0000b"}, "title: must not contain control characters"),
        ({"title": "x", "due": "tomorrow"}, "due: "),
        ({"title": "x", "due": "9999-12-31"}, "due: must lie between the years 2000 and 2999"),
        ({"title": "x", "remind_at": "2026-05-01T08:00:00"}, "remind_at: Input should have timezone info"),
        ({"title": "x", "recurrence": "yearly"}, "recurrence: "),
        ({"title": "x", "recurrence": "daily"}, "a recurring task needs a due date"),
        ({"title": "x", "user_id": str(uuid4())}, "user_id: Extra inputs are not permitted"),
        (b"{", "JSON decode error"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(backend: Running, user: User, body: Any, says: str) -> None:
    answer = backend.call("POST", "/api/tasks", body, token=user.token, headers={"content-type": "application/json"})
    assert answer.status == 422
    assert says in answer.json["detail"]
    assert backend.call("GET", "/api/tasks", token=user.token).json["tasks"] == []


def test_a_recurring_task_cannot_lose_its_due_date(backend: Running, user: User) -> None:
    task = _add(backend, user, due="2026-05-01", recurrence="weekly")
    answer = backend.call("PATCH", f"/api/tasks/{task['id']}", {"due": None}, token=user.token)
    assert (answer.status, answer.json["detail"]) == (422, "a recurring task needs a due date")


def test_creating_twice_with_one_key_makes_one_task(backend: Running, new_user: Callable[[], User]) -> None:
    one, other = new_user(), new_user()
    key = {"idempotency-key": "the same"}
    first, second = (
        backend.call("POST", "/api/tasks", {"title": "once"}, token=one.token, headers=key) for _ in range(2)
    )
    assert (first.status, second.status) == (201, 201)
    assert first.json == second.json
    third = backend.call("POST", "/api/tasks", {"title": "mine"}, token=other.token, headers=key).json
    assert third["title"] == "mine"  # keys are a user's own


# --- events ---


def test_every_change_is_reported_once_and_carries_the_trace(backend: Running, user: User, sidecar: Sidecar) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-00"}  # whoever began it did not sample it
    task = backend.call("POST", "/api/tasks", {"title": "x"}, token=user.token, headers=headers).json
    path = f"/api/tasks/{task['id']}"
    backend.call("PATCH", path, {"notes": "y"}, token=user.token)
    backend.call("PATCH", path, {"notes": "y"}, token=user.token)  # already so
    backend.call("POST", f"{path}/complete", token=user.token)
    backend.call("POST", f"{path}/complete", token=user.token)  # already so
    backend.call("DELETE", path, token=user.token)
    events = sidecar.wait_for(4, user.id)
    assert [event["type"] for event in events] == ["task.created", "task.updated", "task.completed", "task.deleted"]
    assert events[0]["data"] == {"user_id": user.id, "task": task}
    assert events[0]["traceparent"].split("-")[1::2] == [trace, "00"]
    assert events[1]["traceparent"].split("-")[1] != trace
    assert events[1]["traceparent"].endswith("-01")
    assert len({event["id"] for event in events}) == 4
    wait_until(lambda: backend.metric('events_published_total{result="ok",type="task.deleted"}') >= 1, "counted")


def test_a_refused_change_is_not_reported(backend: Running, user: User, sidecar: Sidecar) -> None:
    backend.call("POST", "/api/tasks", {"title": "x", "recurrence": "daily"}, token=user.token)
    _add(backend, user)
    sidecar.wait_for(1, user.id)
    assert len(sidecar.events(user.id)) == 1


# --- the database goes away; several replicas ---


def test_the_database_goes_away_and_comes_back(backend: Running, user: User, postgres: Postgres, database: str) -> None:
    with postgres.unavailable(database):
        backend.is_unready_since(database="no usable PostgreSQL")
        assert backend.call("GET", "/health").status == 200
        answer = backend.call("GET", "/api/tasks", token=user.token)
        assert answer.status == 503
        assert answer.json["detail"] == "the database can't be reached at the moment; try again"
    wait_until(lambda: backend.call("GET", "/ready").status == 200, "ready again")
    assert backend.call("GET", "/api/tasks", token=user.token).status == 200


def test_replicas_may_start_at_once_on_an_empty_database(
    start_backend: Callable[..., Running], postgres: Postgres
) -> None:
    """All wait for the lock that is held here; then one makes the schema, and the others find it made."""
    name = f"todo_{uuid4().hex[:12]}"
    postgres.sql("postgres", f'CREATE DATABASE "{name}"')
    with postgres.holding(name, "SELECT pg_advisory_xact_lock(28880)"):
        replicas = [start_backend(wait=False, DATABASE_URL=postgres.url(name)) for _ in range(3)]
        waiting = (
            "SELECT count(*) >= 3 FROM pg_locks JOIN pg_stat_activity"
            " USING (pid) WHERE locktype = 'advisory' AND NOT granted AND application_name = 'backend-api'"
        )
        wait_until(lambda: postgres.sql(name, waiting) == [["t"]], "all wait")
        assert postgres.sql(name, "SELECT to_regclass('users') IS NULL") == [["t"]]
        assert not any(replica.healthy() and replica.ready() for replica in replicas)
    for replica in replicas:
        wait_until(replica.healthy, "answers")
        wait_until(replica.ready, "ready")
    assert postgres.sql(name, "SELECT version FROM schema_version") == [["1"]]
    assert sum(len(replica.logged("schema brought to version 1")) for replica in replicas) == 1
    for replica in replicas:
        assert replica.stop() == 0
        assert not [line for line in replica.lines() if line["level"] == "error"]
