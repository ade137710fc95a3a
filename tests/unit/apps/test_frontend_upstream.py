"""frontend while the pods behind it come and go: no request is lost that can be kept."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import httpx
import pytest

from tests.cluster.ports import free_port
from tests.unit.apps.conftest import register
from tests.unit.apps.processes import APPS, Answer, Running, wait_until
from tests.unit.apps.wire import Switch


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
        self._threads = [threading.Thread(target=self._ask, args=(register(frontend)[1],)) for _ in range(3)]

    def __enter__(self) -> _Load:
        for thread in self._threads:
            thread.start()
        self.wait_for_more()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(120)

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
    asking = threading.Thread(target=lambda: answers.append(frontend.call("POST", "/api/auth/register", given)))
    asking.start()
    wait_until(lambda: frontend.logged("POST /api/auth/register: trying again"), "it tries again")
    service = Switch(backend.port, port)
    asking.join(120)
    service.close()
    assert [answer.status for answer in answers] == [201]


class _Breaking:
    """A backend that drops the connection after the first two requests of each kind, and answers the third."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                asked = sum(seen[:2] == (self.command, self.path) for seen in outer.requests)
                outer.requests.append((self.command, self.path, self.headers.get("idempotency-key", "")))
                if asked < 2:
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


@pytest.fixture(scope="module")
def breaking(start_frontend: Callable[..., Running]) -> Iterator[tuple[_Breaking, Running]]:
    """It and a frontend before it."""
    breaking = _Breaking()
    yield breaking, start_frontend(breaking.url)
    breaking.server.shutdown()
    breaking.server.server_close()


@pytest.mark.parametrize(
    ("method", "path", "times", "status"),
    [
        ("GET", "/api/tasks", 3, 200),
        ("PATCH", "/api/tasks/1", 3, 200),
        ("POST", "/api/tasks", 3, 200),
        ("DELETE", "/api/tasks/1", 3, 204),  # the first one may have deleted it
        ("POST", "/api/auth/register", 1, 503),  # not safe to repeat: the person decides
    ],
)
def test_a_broken_connection_is_repaired_where_repeating_is_safe(
    breaking: tuple[_Breaking, Running], method: str, path: str, times: int, status: int
) -> None:
    backend, frontend = breaking
    backend.requests.clear()
    answer = frontend.call(method, path, {"title": "x"} if method != "GET" else None)
    assert answer.status == status, answer.body
    assert [seen[:2] for seen in backend.requests] == [(method, path)] * times
    assert len({key for *_, key in backend.requests}) == 1
    assert bool(backend.requests[0][2]) == (method == "POST")


def test_without_a_backend_it_is_not_ready_and_says_so(start_frontend: Callable[..., Running]) -> None:
    frontend = start_frontend(f"http://127.0.0.1:{free_port()}")
    assert frontend.call("GET", "/health").status == 200
    frontend.is_unready_since(backend="the backend does not answer (ConnectError)")
    answer = frontend.call("GET", "/api/me")
    assert answer.status == 503
    assert answer.json["detail"] == "127.0.0.1 gives no answer at the moment; try again"
    assert frontend.call("GET", "/").status == 200


def test_a_connection_that_is_closed_as_soon_as_it_is_made_is_made_again() -> None:
    """httpcore 1.0 with anyio 4 then raises AttributeError (no socket to ask), before it sends anything."""
    spec = importlib.util.spec_from_file_location("upstream", APPS / "frontend" / "upstream.py")
    assert spec
    assert spec.loader
    upstream = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(upstream)
    answers: list[httpx.Response | AttributeError] = [
        AttributeError("'NoneType' object has no attribute 'getpeername'"),
        httpx.Response(201),
    ]

    def handle(request: httpx.Request) -> httpx.Response:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ask() -> tuple[int, bool]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
            response, repeated = await upstream.call(client, "POST", "http://a/b", headers={}, repeatable=False)
            return response.status_code, repeated

    assert asyncio.run(ask()) == (201, False)
