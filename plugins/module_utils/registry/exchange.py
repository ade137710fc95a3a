# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One HTTP request and its response, both bounded: a deadline for all of it, and a limit for everything that arrives.

The standard library's client only bounds each read, so that a peer may send one byte at a time for ever. Here the
socket counts: each read gets the time that is left, status lines, headers, chunks and body are one number of bytes.
Nothing is decompressed, no redirect is followed, no cookie is kept.
"""

from __future__ import annotations

import base64
import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

_AGENT = "todo.cloud"
_LIMIT = 4352 << 10  # bytes of one response: registries refuse manifests above 4 MiB
_SENT_AT_ONCE = 64 << 10
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|[0-9A-Fa-f:.]{2,45}")
_REST = re.compile(r"[!$&-;=?-Z_a-z~%\[\]]{0,8192}")  # RFC 3986; no blanks, no control characters, no '#'


class TooMuch(Exception):
    """A response is longer than any that a registry has to send."""


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port: what a credential belongs to (RFC 6454)."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


@dataclass(frozen=True)
class Url:
    """A URL of http or https without user information; ``path`` has the query in it."""

    origin: Origin
    path: str

    @classmethod
    def parse(cls, text: str) -> Url:
        """Raises ValueError for anything else."""
        parts = urlsplit(text)  # drops tabs and line breaks, so the text is looked at as well
        scheme, host, rest = parts.scheme.lower(), (parts.hostname or ""), parts.path or "/"
        if scheme not in _PORTS or not _HOST.fullmatch(host) or "@" in parts.netloc or not text.isascii():
            raise ValueError("not a URL of http or https")
        if parts.query:
            rest = f"{rest}?{parts.query}"
        if not _REST.fullmatch(rest) or not text.isprintable() or " " in text:
            raise ValueError("not a valid URL")
        return cls(Origin(scheme, host, parts.port or _PORTS[scheme]), rest)

    def with_query(self, query: str) -> Url:
        """With more parameters."""
        return Url(self.origin, f"{self.path}{'&' if '?' in self.path else '?'}{query}")

    def __str__(self) -> str:
        return f"{self.origin}{self.path}"


@dataclass(frozen=True)
class Response:
    """A response; header names are in lower case. ``origin`` sent it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    origin: Origin


def exchange(
    method: str, url: Url, headers: Mapping[str, str], body: bytes | Iterable[bytes] | None, *, deadline: float,
    tls: ssl.SSLContext | None, proxy: str = "",
) -> Response:  # fmt: skip
    """One request on a connection of its own.

    Args:
        deadline: the moment on the monotonic clock when all of it has to be over.
        tls: how the certificate of an https URL is verified.
        proxy: URL of an http proxy, as :func:`..proxies.proxy_for` names it.

    Raises:
        OSError: no connection, not trusted, out of time (TimeoutError).
        http.client.HTTPException: no valid response.
        TooMuch: more than any answer of a registry has.
        ValueError: the proxy cannot be used.
    """
    through = _proxy(proxy) if proxy else None
    raw = _connected(through.origin if through else url.origin, deadline)
    try:
        target, extra = url.path, {}
        if through and url.origin.scheme == "https":
            _tunnel(_Bounded(raw, deadline), url.origin, through.headers)
        elif through:
            target, extra = str(url), through.headers
        if url.origin.scheme == "https":
            raw.settimeout(_left(deadline))
            raw = (tls or ssl.create_default_context()).wrap_socket(raw, server_hostname=url.origin.host)
        return _ask(_Bounded(raw, deadline), method, url.origin, target, {**headers, **extra}, body)
    finally:
        raw.close()


@dataclass(frozen=True)
class _Proxy:
    origin: Origin
    headers: dict[str, str]


def _proxy(text: str) -> _Proxy:
    try:
        parts = urlsplit(text)
        origin = Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))
    except ValueError:
        origin = Origin("", "", 0)
    if origin.scheme != "http" or not origin.host:
        raise ValueError("the proxy that the environment names is not a URL of the form http://host:port")
    if parts.username is None:
        return _Proxy(origin, {})
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return _Proxy(origin, {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()})


class _Incoming(io.RawIOBase):
    """What a socket receives, until the deadline and up to the limit."""

    def __init__(self, raw: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._deadline = deadline
        self._rest = _LIMIT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._raw.settimeout(_left(self._deadline))
        count = self._raw.recv_into(buffer)
        self._rest -= count
        if self._rest < 0:
            raise TooMuch
        return count


class _Bounded:
    """A socket for http.client, which sends with ``sendall`` and reads through ``makefile``."""

    def __init__(self, raw: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), _SENT_AT_ONCE):
            self._raw.settimeout(_left(self._deadline))
            self._raw.sendall(view[start : start + _SENT_AT_ONCE])

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._raw, self._deadline))

    def close(self) -> None:
        """The socket belongs to the caller."""


def _connected(origin: Origin, deadline: float) -> socket.socket:
    """A connection to the first address that answers; each has its share of the time."""
    addresses = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    fault: OSError = OSError("the name has no address")
    for at, (family, kind, protocol, _name, address) in enumerate(addresses):
        raw = socket.socket(family, kind, protocol)
        try:
            raw.settimeout(_left(deadline) / (len(addresses) - at))
            raw.connect(address)
            return raw
        except OSError as exc:
            fault = exc
            raw.close()
    raise fault


def _tunnel(connection: _Bounded, origin: Origin, headers: Mapping[str, str]) -> None:
    """Asks a proxy for a connection to ``origin`` (RFC 9110, 9.3.6)."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    lines = [f"CONNECT {host}:{origin.port} HTTP/1.1", f"Host: {host}:{origin.port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    response = http.client.HTTPResponse(connection, method="CONNECT")  # type: ignore[arg-type]  # it only needs makefile()
    response.begin()
    if response.status != 200:
        raise OSError(f"the proxy answers {response.status}")


def _ask(
    connection: _Bounded,
    method: str,
    origin: Origin,
    target: str,
    headers: Mapping[str, str],
    body: bytes | Iterable[bytes] | None,
) -> Response:
    client = http.client.HTTPConnection(origin.host, origin.port)
    client.default_port = _PORTS[origin.scheme]  # decides whether Host has a port
    client.sock = connection
    with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it had read everything
        client.request(method, target, body, {"User-Agent": _AGENT, "Connection": "close", **headers})
    with client.getresponse() as response:
        names = {name.lower() for name in response.headers}
        found = {name: ", ".join(map(str, response.headers.get_all(name) or ())) for name in names}
        if (response.length or 0) > _LIMIT:
            raise TooMuch
        content = response.read(_LIMIT)  # not without a number: that would reserve what Content-Length claims
        if response.length:
            raise http.client.IncompleteRead(content, response.length)
        return Response(response.status, found, content, origin)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
