"""One request and its response: bounded in time and bytes, whatever the peer sends."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.registry.exchange import Response, TooMuch, Url, exchange

Peer = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def peer() -> Iterator[Callable[[Peer], str]]:
    """Starts a server that reads a request and then does what it is told; its host and port."""
    listeners: list[socket.socket] = []

    def start(act: Peer) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            with listener.accept()[0] as connection:
                connection.recv(65536)
                with suppress(OSError):  # the client has left
                    act(connection)

        threading.Thread(target=serve, daemon=True).start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.close()


def ask(address: str, seconds: float = 60.0, method: str = "GET", proxy: str = "") -> Response:
    url = Url.parse(f"http://{address}/v2/")
    return exchange(method, url, {}, None, deadline=time.monotonic() + seconds, tls=None, proxy=proxy)


def sends(*parts: bytes) -> Peer:
    def act(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)

    return act


def drips(start: bytes, part: bytes) -> Peer:
    """A part every 0.05 s, for 3 s; then the connection ends."""

    def act(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(60):
            connection.sendall(part)
            time.sleep(0.05)

    return act


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(drips(HEAD + b"Content-Length: 3000\r\n\r\n", b"a"), id="body"),
        pytest.param(drips(HEAD, b"X: y\r\n"), id="headers"),
        pytest.param(drips(HEAD, b"a"), id="one header"),
        pytest.param(drips(HEAD + CHUNKED, b"1\r\na\r\n"), id="chunks"),
        pytest.param(drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="never the answer itself"),
        pytest.param(lambda connection: time.sleep(3), id="silence"),
    ],
)
def test_the_deadline_holds_for_all_of_it(peer: Callable[[Peer], str], act: Peer) -> None:
    """Who waited for the end of the connection would get another error."""
    with pytest.raises(TimeoutError):
        ask(peer(act), 0.4)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([HEAD + b"Content-Length: 9999999999999\r\n\r\n"], id="length"),
        pytest.param([HEAD + b"\r\n", *[b"a" * 65536] * 80], id="body without a length"),
        pytest.param([HEAD + CHUNKED, *[b"ffff\r\n" + b"a" * 65535 + b"\r\n"] * 80], id="chunks"),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n" * 1000] * 200, id="interim answers"),
    ],
)  # fmt: skip
def test_nothing_longer_than_a_manifest_is_read(peer: Callable[[Peer], str], parts: list[bytes]) -> None:
    with pytest.raises(TooMuch):
        ask(peer(sends(*parts)))


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 99999 x\r\n\r\n", HEAD + b"X: y\r\n" * 200 + b"\r\n",
        HEAD + b"X: " + b"a" * 70000, HEAD + b"Content-Length: 10\r\n\r\nabc",
        HEAD + CHUNKED + b"ffffffffffff\r\nabc", HEAD + CHUNKED + b"zz\r\n",
    ],
)  # fmt: skip
def test_what_is_no_answer(peer: Callable[[Peer], str], answer: bytes) -> None:
    with pytest.raises(http.client.HTTPException):
        ask(peer(sends(answer)))


def test_an_answer_is_taken_as_it_is(peer: Callable[[Peer], str]) -> None:
    body = b"\x1f\x8b\x08 not unpacked"
    head = HEAD + b"Content-Encoding: gzip\r\nX-A: 1\r\nx-a: 2\r\n"
    found = ask(peer(sends(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)))
    assert (found.status, found.body, found.headers["x-a"]) == (200, body, "1, 2")
    assert ask(peer(sends(HEAD + b"Content-Length: 4000\r\n\r\n")), method="HEAD").body == b""


def test_a_proxy_is_asked_with_the_whole_url_and_its_own_credentials(peer: Callable[[Peer], str]) -> None:
    act, tunnel = sends(HEAD + b"Content-Length: 0\r\n\r\n"), sends(b"HTTP/1.1 407 Proxy Authentication\r\n\r\n")
    assert ask("registry.example", proxy=f"http://{peer(act)}").status == 200
    url = Url.parse("https://registry.example/v2/")
    proxy = f"http://me:pass@{peer(tunnel)}"
    with pytest.raises(OSError, match="the proxy answers 407"):
        exchange("GET", url, {}, None, deadline=time.monotonic() + 5, tls=None, proxy=proxy)
    for unusable in ("socks5://127.0.0.1:1", "http://[::1", "http://"):
        with pytest.raises(ValueError, match="the proxy"):
            ask("registry.example", proxy=unusable)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://Auth.Example:443/token?a=b", "https://auth.example/token?a=b"),
        ("http://[::1]:5000/", "http://[::1]:5000/"),
        ("https://h", "https://h/"),
    ],
)
def test_urls(text: str, shown: str) -> None:
    assert str(Url.parse(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "", "/token", "file:///etc/passwd", "ftp://h/", "https://", "https://[::1", "https://h:abc/", "https://h:99999/",
        "https://u:p@h/", "https://h/a b", "https://h/\r\nX: y", "https://h/\x1b[2J", "https://h\u202e/", "https://h/\u20ac",
        "https://h%0a/", "https://h/" + "a" * 9000,
    ],
)  # fmt: skip
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  each has its own message
        Url.parse(text)


def test_a_peer_that_answers_before_it_has_read_everything_is_heard(peer: Callable[[Peer], str]) -> None:
    """As a proxy does, that takes no body of that size: then it ends the connection."""
    address = peer(sends(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nlong"))
    url, body = Url.parse(f"http://{address}/v2/"), bytes(32 << 20)
    found = exchange("PATCH", url, {}, body, deadline=time.monotonic() + 60, tls=None)
    assert (found.status, found.body) == (413, b"long")


def test_a_peer_that_reads_nothing_more_and_says_nothing(peer: Callable[[Peer], str]) -> None:
    url, body = Url.parse(f"http://{peer(sends())}/v2/"), bytes(32 << 20)
    with pytest.raises((OSError, http.client.HTTPException)):
        exchange("PATCH", url, {}, body, deadline=time.monotonic() + 60, tls=None)
