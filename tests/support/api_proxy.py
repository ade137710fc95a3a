"""A proxy in front of a real API server that counts requests and injects the faults of :class:`Faults`.

    with ApiProxy(kubeconfig, Faults(too_many=0.05)) as proxy:
        run_something(proxy.kubeconfig)
        assert proxy.counts.injected["too_many"]

It serves HTTPS on 127.0.0.1 with a certificate of its own (HTTP/1.1; connections that are upgraded, as by kubectl exec,
are not carried). The generated kubeconfig holds a bearer token. Was the source's credential a client certificate, the
proxy uses that upstream for requests with the generated token; any other token is passed on as it is.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
import struct
import tempfile
import threading
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests.cluster.node import pki
from tests.support.faults import UNAUTHORIZED, Answer, Dice, Faults
from tests.support.upstream import Upstream, kubeconfig

_HOP_BY_HOP = ("Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer",
               "Transfer-Encoding", "Upgrade", "Host")  # fmt: skip
_LONG_LINE = 65536
_T = TypeVar("_T")


@dataclass
class Counts:
    """What arrived so far. A write is neither a dry run nor a review (SelfSubjectAccessReview and its like).

    ``by_verb`` has Kubernetes' verbs, ``injected`` the faults that occurred by their names in :class:`Faults`, ``seen``
    method, path with query, and status (0: no answer) of each request. Bytes are those of HTTP heads and bodies.
    """

    requests: int = 0
    writes: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    by_verb: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    seen: list[tuple[str, str, int]] = field(default_factory=list)


class ApiProxy:
    """Use as a context manager; every method may be called from any thread."""

    def __init__(self, kubeconfig: Path | str, faults: Faults | None = None) -> None:
        self.counts = Counts()
        self.token = secrets.token_hex(16)
        self._upstream = Upstream.of(Path(kubeconfig))
        self._home = tempfile.TemporaryDirectory(prefix="api-proxy-")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._listener: asyncio.Server | None = None
        self._port = 0
        self.faults = faults or Faults()

    @property
    def faults(self) -> Faults:
        """What goes wrong; replace it at any time (its dice and its count of requests begin anew)."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults, self._dice, self._since = faults, Dice(faults), self.counts.requests

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig whose server is this proxy."""
        return Path(self._home.name) / "kubeconfig"

    def down(self) -> None:
        """Refuse new connections and reset those that are open, until :meth:`up`."""
        self._do(self._down())

    def up(self) -> None:
        """Listen again, at the same port."""
        self._do(self._up())

    def __enter__(self) -> ApiProxy:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
        self._home.cleanup()

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    # -- in the loop's thread -----------------------------------------------------------------------------------

    async def _start(self) -> None:
        home = Path(self._home.name)
        pki.throw_away(home, "127.0.0.1")
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(home / "server.crt", home / "server.key")
        self._as_self = self._session(self._upstream.tls(home, as_self=True))
        self._as_client = self._session(self._upstream.tls(home, as_self=False))
        self._server = web.Server(
            self._handle, handler_cancellation=True, access_log=None, auto_decompress=False,
            max_line_size=_LONG_LINE, max_field_size=_LONG_LINE,
        )  # fmt: skip
        await self._up()
        self.kubeconfig.touch(mode=0o600)
        token = self._upstream.token or self.token
        self.kubeconfig.write_text(kubeconfig(self._port, (home / "ca.crt").read_bytes(), token))

    def _session(self, tls: ssl.SSLContext | bool) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=0), cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None, sock_connect=10), max_line_size=_LONG_LINE,
            max_field_size=_LONG_LINE,
        )  # fmt: skip

    async def _up(self) -> None:
        if self._listener is None:
            self._listener = await self._loop.create_server(
                self._server, "127.0.0.1", self._port, ssl=self._tls, reuse_address=True
            )
            self._port = self._listener.sockets[0].getsockname()[1]

    def _up_later(self, seconds: float) -> None:
        self._loop.call_later(seconds, lambda: self._loop.create_task(self._up()))

    async def _down(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in list(self._server.connections):
            _reset(connection.transport)

    async def _end(self) -> None:
        await self._down()
        await self._server.shutdown(1)
        await self._as_self.close()
        await self._as_client.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        verb = _verb(request)
        self._count(request, verb, body)
        if self._listener is None:  # the connection was still being made when the proxy went down
            return await self._nothing(request)
        faults, watch = self._faults, verb == "watch"
        if faults.down_at is not None and faults.down_at(request.method, request.raw_path):
            self.counts.injected["down_at"] += 1
            await self._down()
            if faults.down_seconds:
                self._up_later(faults.down_seconds)
            return await self._nothing(request)
        late = faults.unauthorized_after is not None and self.counts.requests - self._since > faults.unauthorized_after
        fault = "unauthorized_after" if late else self._dice.roll(watch)
        if fault:
            self.counts.injected[fault] += 1
        if fault == "resets":
            return await self._nothing(request)
        if fault and fault not in ("lost_answers", "truncated"):
            return await self._made_up(request, UNAUTHORIZED if late else self._dice.answer(fault))
        try:
            return await self._forward(request, body, fault, faults, watch)
        except (aiohttp.ClientError, ConnectionError):
            return await self._nothing(request)  # the real server is gone, or the client is

    def _count(self, request: web.BaseRequest, verb: str, body: bytes) -> None:
        counts = self.counts
        counts.requests += 1
        counts.by_verb[verb] += 1
        counts.bytes_in += _head(request.raw_path, request.headers) + len(body)
        dry = request.query.get("dryRun") or (request.method == "DELETE" and b'"dryRun"' in body)
        review = request.path.endswith("reviews") and ".k8s.io/" in request.path
        if request.method not in ("GET", "HEAD") and not dry and not review:
            counts.writes += 1

    def _seen(self, request: web.BaseRequest, status: int) -> None:
        self.counts.seen.append((request.method, request.raw_path, status))

    async def _nothing(self, request: web.BaseRequest) -> web.StreamResponse:
        self._seen(request, 0)
        _reset(request.transport)
        await asyncio.Event().wait()  # the lost connection cancels this
        raise AssertionError("unreachable")

    async def _made_up(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        headers = {"Content-Type": answer.content_type}
        if answer.retry_after:
            headers["Retry-After"] = str(answer.retry_after)
        self._seen(request, answer.status)
        self.counts.bytes_out += _head("", headers) + len(answer.body)
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def _forward(
        self, request: web.BaseRequest, body: bytes, fault: str, faults: Faults, watch: bool
    ) -> web.StreamResponse:
        headers = CIMultiDict(request.headers)
        for name in _HOP_BY_HOP:
            headers.popall(name, None)
        session = self._as_client
        if headers.get("Authorization") == f"Bearer {self.token}":
            del headers["Authorization"]
            session = self._as_self
        url = URL(self._upstream.server + request.raw_path, encoded=True)
        sent = session.request(
            request.method, url, headers=headers, data=body or None, allow_redirects=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )  # fmt: skip
        async with sent as answer:
            if fault == "lost_answers":
                await answer.read()
                return await self._nothing(request)
            self._seen(request, answer.status)
            return await self._relay(request, answer, fault, faults, watch and answer.status == 200)

    async def _relay(
        self, request: web.BaseRequest, answer: aiohttp.ClientResponse, fault: str, faults: Faults, watch: bool
    ) -> web.StreamResponse:
        headers = CIMultiDict(answer.headers)
        for name in _HOP_BY_HOP:
            headers.popall(name, None)
        if faults.date_shift and "Date" in headers:
            moved = parsedate_to_datetime(headers["Date"]) + timedelta(seconds=faults.date_shift)
            headers["Date"] = format_datetime(moved, usegmt=True)
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
        if "Content-Length" not in headers and request.method != "HEAD" and answer.status not in (204, 304):
            response.enable_chunked_encoding()
        self.counts.bytes_out += _head("", headers)
        await response.prepare(request)
        limits = [each for each in (faults.watch_cut or None, faults.watch_silent) if watch and each is not None]
        end = self._loop.time() + min(limits) if limits else None
        try:
            async with asyncio.timeout_at(end):
                async for chunk in answer.content.iter_any():
                    if end is not None and self._loop.time() >= end:  # what was buffered does not let the timer run
                        raise TimeoutError
                    part = chunk[: len(chunk) // 2] if fault == "truncated" else chunk
                    self.counts.bytes_out += len(part)
                    await response.write(part)
                    if part is not chunk:
                        _reset(request.transport)
        except TimeoutError:
            self.counts.injected["watch_silent" if min(limits) == faults.watch_silent else "watch_cut"] += 1
            if min(limits) != faults.watch_silent:
                _reset(request.transport)
            answer.close()
            await asyncio.Event().wait()  # until the client leaves
        await response.write_eof()
        return response


def _verb(request: web.BaseRequest) -> str:
    """Kubernetes' word for a request: https://kubernetes.io/docs/reference/access-authn-authz/authorization/."""
    parts = request.path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:] if parts[0] == "apis" else []
    if len(parts) > 2 and parts[0] == "namespaces":
        parts = parts[2:]
    many = len(parts) == 1
    match request.method:
        case "GET" | "HEAD" if many and request.query.get("watch", "").lower() in ("1", "true"):
            return "watch"
        case "GET" | "HEAD":
            return "list" if many else "get"
        case "DELETE":
            return "deletecollection" if many else "delete"
        case method:
            return {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(method, method.lower())


def _head(path: str, headers: Any) -> int:
    return len(path) + 20 + sum(len(name) + len(value) + 4 for name, value in headers.items())


def _reset(transport: asyncio.BaseTransport | None) -> None:
    """End a connection by a TCP reset, as a machine does that lost it."""
    if transport is None or transport.is_closing():
        return
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()  # type: ignore[attr-defined]  # a server's transports are write transports


__all__ = ["ApiProxy", "Counts", "Faults"]
