"""frontend: the page, the session cookie, and the proxy that outlives the pods behind it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.apps.conftest import User
from tests.unit.apps.processes import Answer, Launcher, Running, Switch, free_port, stream, wait_until
from tests.unit.apps.sidecar import Sidecar


@pytest.fixture(scope="module")
def gateway(launcher: Launcher, backend: Running, sidecar: Sidecar) -> Running:
    return launcher.start(
        "sse_gateway", BACKEND_URL=backend.url, PUBSUB_NAME="pubsub-broadcast", DAPR_HTTP_PORT=sidecar.port
    )


@pytest.fixture(scope="module")
def start_frontend(launcher: Launcher) -> Callable[..., Running]:
    def start(backend_url: str, **env: Any) -> Running:
        settings: dict[str, Any] = {"BACKEND_URL": backend_url, "DAPR_ENABLED": "false", "APP_VERSION": "v1.0.0"}
        return launcher.start("frontend", **settings | env)

    return start


@pytest.fixture(scope="module")
def frontend(start_frontend: Callable[..., Running], backend: Running, gateway: Running) -> Running:
    return start_frontend(backend.url, SSE_URL=gateway.url)


def _register(frontend: Running, **headers: str) -> tuple[Answer, str]:
    """A new user; the answer and the cookie to send."""
    given = {"username": f"user-{uuid4().hex[:10]}", "password": "correct horse battery"}
    answer = frontend.call("POST", "/api/auth/register", given, headers=headers)
    return answer, answer.headers.get("set-cookie", "").split(";")[0]


@pytest.fixture
def cookie(frontend: Running) -> dict[str, str]:
    return {"cookie": _register(frontend)[1]}


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
    answer, cookie = _register(frontend)
    assert answer.status == 201
    assert set(answer.json) == {"user", "expires_at"}
    attributes = answer.headers["set-cookie"].lower()
    assert "httponly" in attributes
    assert "samesite=lax" in attributes
    assert "secure" not in attributes  # plain HTTP, as on a local cluster
    token = cookie.split("=", 1)[1]
    assert token not in answer.body.decode()
    secure, _ = _register(frontend, **{"x-forwarded-proto": "https"})
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


def test_the_life_of_a_task_through_the_door(frontend: Running, cookie: dict[str, str]) -> None:
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
    before = len(backend.lines())
    for method in ("GET", "POST"):
        assert frontend.call(method, path, {"due": "2026-01-01"}).status in (404, 405)
    passed_on = [line for line in backend.lines()[before:] if line["logger"] == "access"]
    assert passed_on == []


def test_a_body_has_a_limit(frontend: Running, cookie: dict[str, str]) -> None:
    answer = frontend.call("POST", "/api/tasks", {"title": "x", "notes": "y" * 70_000}, headers=cookie)
    assert (answer.status, answer.json["detail"]) == (413, "a request holds at most 64 KiB")


def test_events_come_through_the_door(
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


# --- pods behind the door come and go ---


@pytest.fixture
def two_backends(start_backend: Callable[..., Running]) -> tuple[Running, Running]:
    return start_backend(), start_backend()


class _Load:
    """Requests in a loop through a frontend, by three users at once, until it is left.

    A list that lacks a task, or has one twice, counts as a failure.
    """

    def __init__(self, frontend: Running) -> None:
        self.statuses: list[int] = []
        self._frontend = frontend
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(_register(frontend)[1],)) for _ in range(3)]

    def __enter__(self) -> _Load:
        for thread in self._threads:
            thread.start()
        self.wait_for_more()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def wait_for_more(self) -> None:
        seen = len(self.statuses)
        wait_until(lambda: len(self.statuses) > seen + 30, "requests go on")

    def _ask(self, cookie: str) -> None:
        headers, made = {"cookie": cookie}, 0
        while not self._stop.is_set():
            self.statuses.append(self._frontend.call("POST", "/api/tasks", {"title": "x"}, headers=headers).status)
            made += 1
            listed = self._frontend.call("GET", "/api/tasks?limit=1000", headers=headers)
            complete = listed.status == 200 and len(listed.json["tasks"]) == made
            self.statuses.append(200 if complete else -listed.status)


def test_a_rolling_upgrade_of_the_backend_costs_no_request(
    start_frontend: Callable[..., Running], two_backends: tuple[Running, Running]
) -> None:
    """As Kubernetes does it: the new pod is ready, new connections go to it, the old one gets SIGTERM."""
    old, new = two_backends
    service = Switch(old.port)
    with _Load(start_frontend(service.url)) as load:
        service.target = new.port
        old.signal()
        assert old.process.wait(30) == 0
        load.wait_for_more()
    service.close()
    assert set(load.statuses) == {200, 201}


def test_a_killed_backend_costs_no_request(
    start_frontend: Callable[..., Running], two_backends: tuple[Running, Running]
) -> None:
    """SIGKILL, and for a moment connections still go to the dead one: every request is repeated or waits."""
    old, new = two_backends
    service = Switch(old.port)
    with _Load(start_frontend(service.url)) as load:
        old.kill()
        service.target = new.port
        load.wait_for_more()
    service.close()
    assert set(load.statuses) == {200, 201}


def test_a_backend_that_is_not_there_yet_is_waited_for(
    start_frontend: Callable[..., Running], backend: Running
) -> None:
    """A connection that can't be made is tried again, a POST's as well."""
    port = free_port()
    frontend = start_frontend(f"http://127.0.0.1:{port}")
    answers: list[Answer] = []
    given = {"username": f"user-{uuid4().hex[:10]}", "password": "correct horse battery"}
    asking = threading.Thread(
        target=lambda: answers.append(frontend.call("POST", "/api/auth/register", given, seconds=30))
    )
    asking.start()
    wait_until(lambda: frontend.logged("POST /api/auth/register: trying again"), "it tries again")
    service = Switch(backend.port, port)
    asking.join(30)
    service.close()
    assert [answer.status for answer in answers] == [201]


class _Breaking:
    """A backend that drops the connection after the first request of each kind, and answers the second."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                first = not any(seen[:2] == (self.command, self.path) for seen in outer.requests)
                outer.requests.append((self.command, self.path, self.headers.get("idempotency-key", "")))
                if first:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                status = 404 if self.command == "DELETE" else 200
                self.send_response(status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = do_PATCH = do_DELETE = _serve

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.mark.parametrize(
    ("method", "path", "times", "status"),
    [
        ("GET", "/api/tasks", 2, 200),
        ("PATCH", "/api/tasks/1", 2, 200),
        ("POST", "/api/tasks", 2, 200),
        ("DELETE", "/api/tasks/1", 2, 204),  # the first one may have deleted it
        ("POST", "/api/auth/register", 1, 503),  # not safe to repeat: the person decides
    ],
)
def test_a_broken_connection_is_repaired_where_repeating_is_safe(
    start_frontend: Callable[..., Running], method: str, path: str, times: int, status: int
) -> None:
    breaking = _Breaking()
    frontend = start_frontend(breaking.url)
    try:
        answer = frontend.call(method, path, {"title": "x"} if method != "GET" else None)
        assert answer.status == status, answer.body
        assert [seen[:2] for seen in breaking.requests] == [(method, path)] * times
        assert len({key for *_, key in breaking.requests}) == 1
        assert bool(breaking.requests[0][2]) == (method == "POST")
    finally:
        frontend.kill()
        breaking.server.shutdown()
        breaking.server.server_close()


def test_without_a_backend_it_is_not_ready_and_says_so(start_frontend: Callable[..., Running]) -> None:
    frontend = start_frontend(f"http://127.0.0.1:{free_port()}")
    assert frontend.call("GET", "/health").status == 200
    ready = frontend.call("GET", "/ready")
    assert ready.status == 503
    assert ready.json["reasons"] == {"backend": "the backend does not answer (ConnectError)"}
    answer = frontend.call("GET", "/api/me", seconds=30)
    assert answer.status == 503
    assert answer.json["detail"] == "127.0.0.1 gives no answer at the moment; try again"
    assert frontend.call("GET", "/").status == 200
