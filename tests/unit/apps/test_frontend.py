"""frontend: the page, the session cookie, and the proxy that outlives the pods behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.unit.apps.conftest import User, register
from tests.unit.apps.processes import Launcher, Running, wait_until
from tests.unit.apps.sidecar import Sidecar
from tests.unit.apps.wire import stream


@pytest.fixture(scope="module")
def gateway(launcher: Launcher, backend: Running, sidecar: Sidecar) -> Running:
    return launcher.start(
        "sse_gateway", BACKEND_URL=backend.url, PUBSUB_NAME="pubsub-broadcast", DAPR_HTTP_PORT=sidecar.port
    )


@pytest.fixture(scope="module")
def frontend(start_frontend: Callable[..., Running], backend: Running, gateway: Running) -> Running:
    return start_frontend(backend.url, SSE_URL=gateway.url)


@pytest.fixture
def cookie(frontend: Running) -> dict[str, str]:
    return {"cookie": register(frontend)[1]}


# --- the page ---


def test_the_page_shows_its_version_and_is_guarded(frontend: Running) -> None:
    page = frontend.call("GET", "/")
    assert page.status == 200
    assert b'<span id="version">v1.0.0</span>' in page.body
    assert b"{{" not in page.body
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["x-app-version"] == "v1.0.0"
    assert "strict-transport-security" not in page.headers
    assert "strict-transport-security" in frontend.call("GET", "/", headers={"x-forwarded-proto": "https"}).headers


def test_everything_the_page_refers_to_is_there(frontend: Running) -> None:
    page = frontend.call("GET", "/").body.decode()
    for name, kind in [("app.js", "text/javascript"), ("style.css", "text/css"), ("icon.svg", "image/svg+xml")]:
        assert f"/static/{name}" in page
        answer = frontend.call("GET", f"/static/{name}")
        assert answer.headers["content-type"].startswith(kind)
        again = frontend.call("GET", f"/static/{name}", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status, again.body) == (304, b"")
    assert frontend.call("HEAD", "/").status == 200


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/none.js", "/app.py"])
def test_nothing_else_is_served(frontend: Running, path: str) -> None:
    assert frontend.call("GET", path).status == 404


# --- the session ---


def test_the_token_stays_out_of_the_reach_of_scripts(frontend: Running) -> None:
    answer, cookie = register(frontend)
    assert answer.status == 201
    assert set(answer.json) == {"user", "expires_at"}
    attributes = answer.headers["set-cookie"].lower()
    assert "httponly" in attributes
    assert "samesite=lax" in attributes
    assert "secure" not in attributes  # plain HTTP, as on a local cluster
    token = cookie.split("=", 1)[1]
    assert token not in answer.body.decode()
    secure, _ = register(frontend, **{"x-forwarded-proto": "https"})
    assert "secure" in secure.headers["set-cookie"].lower()


def test_logging_in_and_out(frontend: Running, user: User) -> None:
    answer = frontend.call("POST", "/api/auth/login", {"username": user.name, "password": user.password})
    cookie = {"cookie": answer.headers["set-cookie"].split(";")[0]}
    assert frontend.call("GET", "/api/me", headers=cookie).json["user"]["username"] == user.name
    left = frontend.call("POST", "/api/auth/logout", headers=cookie)
    assert left.status == 204
    assert 'todo_session=""' in left.headers["set-cookie"]
    wrong = frontend.call("POST", "/api/auth/login", {"username": user.name, "password": "not the password"})
    assert (wrong.status, wrong.json["detail"]) == (401, "wrong user name or password")
    assert "set-cookie" not in wrong.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"origin": "HERE"}, 201),
        ({"origin": "HERE", "sec-fetch-site": "same-origin"}, 201),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
    ids=str,
)
def test_other_sites_cannot_change_anything(
    frontend: Running, cookie: dict[str, str], headers: dict[str, str], status: int
) -> None:
    sent = {name: value.replace("HERE", frontend.url) for name, value in headers.items()}
    assert frontend.call("POST", "/api/tasks", {"title": "x"}, headers=cookie | sent).status == status
    listed = frontend.call("GET", "/api/tasks", headers=cookie | sent)
    assert len(listed.json["tasks"]) == (status == 201)


# --- the proxy ---


def test_the_life_of_a_task_through_the_endpoint(frontend: Running, cookie: dict[str, str]) -> None:
    made = frontend.call("POST", "/api/tasks", {"title": "Wäsche waschen"}, headers=cookie)
    assert made.status == 201
    assert made.headers["cache-control"] == "no-store"
    path = f"/api/tasks/{made.json['id']}"
    assert frontend.call("PATCH", path, {"due": "2026-05-01"}, headers=cookie).json["due"] == "2026-05-01"
    assert frontend.call("POST", f"{path}/complete", headers=cookie).status == 200
    listed = frontend.call("GET", "/api/tasks?status=done&limit=1", headers=cookie).json
    assert [task["title"] for task in listed["tasks"]] == ["Wäsche waschen"]
    assert frontend.call("DELETE", path, headers=cookie).status == 204
    assert frontend.call("GET", path, headers=cookie).status == 404
    assert frontend.call("GET", "/api/tasks").status == 401


@pytest.mark.parametrize(
    "path",
    [
        "/internal/tasks/3fab1834-a93b-4ba1-9414-770b9700cd81/next",
        "/api/../internal/tasks/3fab1834-a93b-4ba1-9414-770b9700cd81/next",
        "/api/%2e%2e/internal/tasks/3fab1834-a93b-4ba1-9414-770b9700cd81/next",
        "/api/..%2finternal/tasks",
        "/api//internal/tasks",
        "/api/",
        "/dapr/subscribe",
        "/subscriptions/task-events",
    ],
)
def test_only_the_api_is_passed_on(frontend: Running, backend: Running, path: str) -> None:
    trace = uuid4().hex  # lines of earlier requests may come only now
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    for method in ("GET", "POST"):
        assert frontend.call(method, path, {"due": "2026-01-01"}, headers=headers).status in (404, 405)
    assert [line for line in backend.lines() if line["trace_id"] == trace] == []
    frontend.call("GET", "/api/tasks", headers=headers)
    wait_until(lambda: [line for line in backend.lines() if line["trace_id"] == trace], "this one is")


def test_a_body_has_a_limit(frontend: Running, cookie: dict[str, str]) -> None:
    answer = frontend.call("POST", "/api/tasks", {"title": "x", "notes": "y" * 70_000}, headers=cookie)
    assert (answer.status, answer.json["detail"]) == (413, "a request holds at most 64 KiB")


def test_events_come_through_the_endpoint(
    frontend: Running, gateway: Running, cookie: dict[str, str], sidecar: Sidecar
) -> None:
    user = frontend.call("GET", "/api/me", headers=cookie).json["user"]["id"]
    with stream(frontend.url, **cookie) as mine:
        assert mine.headers["content-type"].startswith("text/event-stream")
        assert mine.headers["cache-control"] == "no-cache, no-transform"
        assert mine.headers["x-accel-buffering"] == "no"
        frames = mine.frames()
        assert next(frames)["event"] == "hello"
        made = frontend.call("POST", "/api/tasks", {"title": "live"}, headers=cookie).json
        [event] = sidecar.wait_for(1, user)
        sidecar.deliver(gateway, event)
        frame = next(frames)
        assert (frame["event"], json.loads(frame["data"])["task"]["id"]) == ("task.created", made["id"])
    wait_until(lambda: gateway.metric("sse_streams") == 0, "a browser that leaves ends the gateway's stream too")
    assert frontend.call("GET", "/events").status == 401


def test_sigterm_ends_the_streams(
    start_frontend: Callable[..., Running], backend: Running, gateway: Running, cookie: dict[str, str]
) -> None:
    frontend = start_frontend(backend.url, SSE_URL=gateway.url)
    with stream(frontend.url, **cookie) as mine:
        frames = mine.frames()
        assert next(frames)["event"] == "hello"
        frontend.signal()
        assert [frame for frame in frames if "event" in frame] == []
    assert frontend.call("GET", "/events", headers=cookie).status == 503
    assert frontend.stop() == 0
