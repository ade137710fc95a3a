# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A command in a container, over a real WebSocket."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, KubeError, Unreachable
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455
DONE = b'\x03{"status":"Success"}'


@contextmanager
def server(*frames: bytes, denied: bytes = b"") -> Iterator[tuple[str, list[bytes]]]:
    """Answers one request by these frames, or by a 403."""
    asked: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            asked.append(head)
            if denied:
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(denied), denied))
                return
            key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
            accept = base64.b64encode(hashlib.sha1(key.split(b": ")[1] + _MAGIC).digest())
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            for frame in frames:
                connection.sendall(bytes([0x82, len(frame)]) + frame)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        thread.join()
        listener.close()


def run(url: str) -> str:
    with KubeSession({"host": url, "api_key": "t0ken"}) as kube:
        return kube.exec_("ns", "p", "c", ["ls", "/data/x y"])


def test_what_it_writes_comes_back() -> None:
    with server(b"\x01a-0\n", b"\x02warning", b"\x01b-0\n", DONE) as (url, asked):
        assert run(url) == "a-0\nb-0\n"
    line = asked[0].split(b"\r\n")[0]
    assert line == (
        b"GET /api/v1/namespaces/ns/pods/p/exec?container=c&stdout=true&command=ls&command=%2Fdata%2Fx+y HTTP/1.1"
    )
    assert b"t0ken" in asked[0]


def test_a_command_that_fails_is_an_error() -> None:
    failed, said = b'\x03{"status":"Failure","message":"exit code 2"}', r'A command in pod "p" .* failed: exit code 2'
    with server(failed) as (url, _asked), pytest.raises(KubeError, match=said):
        run(url)


def test_who_may_not_is_told() -> None:
    body = b'{"kind":"Status","message":"User \\"x\\" cannot create resource \\"pods/exec\\"","code":403}'
    with server(denied=body) as (url, _asked), pytest.raises(Forbidden, match="may not exec into pod"):
        run(url)


def test_a_server_that_is_away_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="There is no connection to pod"):
        run("http://127.0.0.1:9")
