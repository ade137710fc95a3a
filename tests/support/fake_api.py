# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small HTTP server in place of a faulty API server: each test defines its responses."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    raw: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What to answer. ``lines``: a watch's events, sent one by one; ``hang``: seconds of silence after them.

    ``cut``: close the connection without an answer (or, in a watch, without its proper end).
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    lines: Sequence[Any] | None = None
    hang: float = 0.0
    cut: bool = False


def failure(status: int, reason: str = "", message: str = "", **headers: str) -> Answer:
    """A Status object as the API server sends it."""
    body = {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": status}
    return Answer(status, body, headers)


def listing(items: Sequence[Any], version: str = "1", token: str = "") -> Answer:
    """A list; with a token it is one page of several."""
    metadata = {"resourceVersion": version, **({"continue": token} if token else {})}
    return Answer(body={"kind": "List", "metadata": metadata, "items": list(items)})


def obj(name: str, version: str = "1", namespace: str = "ns", **more: Any) -> dict[str, Any]:
    """A small object."""
    return {"metadata": {"name": name, "namespace": namespace, "uid": name, "resourceVersion": version}, **more}


@dataclass
class FakeApi:
    """The running server and what it was asked."""

    url: str
    requests: list[Request] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def params(self) -> dict[str, Any]:
        """Auth options that lead to it."""
        return {"host": self.url, "api_key": "token"}

    def of(self, method: str = "GET", **query: str) -> list[Request]:
        """Requests of a method whose query has these values."""
        found = [request for request in self.requests if request.method == method]
        return [request for request in found if all(request.query.get(k) == v for k, v in query.items())]


@contextmanager
def fake_api(answer: Callable[[Request, int], Answer]) -> Iterator[FakeApi]:
    """Serve ``answer(request, number)`` (number: how many requests came before) on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            parts = urlsplit(self.path)
            headers = {key.lower(): value for key, value in self.headers.items()}
            body = json.loads(raw) if raw else None
            request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body, raw)
            with counting:
                number = len(api.requests)
                api.requests.append(request)
            self.reply(answer(request, number))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def reply(self, reply: Answer) -> None:
            if reply.cut and reply.lines is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for key, value in reply.headers.items():
                self.send_header(key.replace("_", "-"), value)
            if reply.lines is not None:
                self.stream(reply)
                return
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body or {}).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def stream(self, reply: Answer) -> None:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for line in reply.lines or ():
                data = json.dumps(line).encode() + b"\n"
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.wfile.flush()
            api.stopping.wait(reply.hang)
            if reply.cut:
                self.close_connection = True
            else:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that went away is part of these tests

    counting = threading.Lock()
    server = Server(("127.0.0.1", 0), Handler)
    api = FakeApi(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.stopping.set()
        server.shutdown()
        server.server_close()


def eventually(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true value of ``check``."""
    end = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.01)
    return value
