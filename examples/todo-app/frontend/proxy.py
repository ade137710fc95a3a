"""What the frontend passes on: API calls, answered as a whole, and event streams, piece by piece."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import anyio
import httpx
from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from frontend import session
from frontend.upstream import call
from todo_common.lifecycle import Lifecycle
from todo_common.service import Service, http_client

#: Nothing but this reaches the backend: no dots, no encoded characters, never /internal.
_API_PATH = re.compile(r"/api(/[A-Za-z0-9_-]+)+")
_BODY_BYTES = 64 * 1024
_REGISTER = "/api/auth/register"
_OPENS_SESSION = frozenset({"/api/auth/login", _REGISTER})
#: Three of the gateway's heartbeats: after that a stream is dead.
_SILENCE_SECONDS = 45


class Api:
    """/api/*: the backend's answers are small, so they are read as a whole; one that is cut off can be asked again."""

    def __init__(self, service: Service, backend: str) -> None:
        self._service = service
        self._backend = backend

    async def forward(self, request: Request) -> Response:
        session.refuse_other_sites(request)
        path = request.url.path
        if not _API_PATH.fullmatch(path) or "%" in request.scope["raw_path"].decode("latin-1"):
            raise HTTPException(404, "no such path")
        headers = {"authorization": session.authorization(request)}
        if "content-type" in request.headers:
            headers["content-type"] = request.headers["content-type"]
        if request.method == "POST":
            # the backend creates once per key; its other operations can be repeated anyway, but for registering
            headers["idempotency-key"] = request.headers.get("idempotency-key") or str(uuid4())
        answer, repeated = await call(
            self._service.http,
            request.method,
            f"{self._backend}{path}" + (f"?{request.url.query}" if request.url.query else ""),
            headers={name: value for name, value in headers.items() if value},
            content=await _body(request),
            repeatable=path != _REGISTER,
        )
        if path in _OPENS_SESSION and answer.is_success:
            return _session_opened(request, answer)
        if repeated and request.method == "DELETE" and answer.status_code == 404:
            return Response(status_code=204)  # the first one did it
        kept = {name: answer.headers[name] for name in ("content-type", "retry-after") if name in answer.headers}
        return Response(answer.content, answer.status_code, {**kept, "cache-control": "no-store"})


class Events:
    """/events: one connection to the gateway for each browser, ended when either side or this process goes away."""

    def __init__(self, lifecycle: Lifecycle, gateway: str) -> None:
        self._lifecycle = lifecycle
        self._gateway = gateway
        self.client = http_client(read_seconds=_SILENCE_SECONDS, max_connections=5000, keepalive=0)

    async def stream(self, request: Request) -> Response:
        if self._lifecycle.draining:
            raise HTTPException(503, "shutting down", headers={"Retry-After": "1"})
        headers = {"authorization": session.authorization(request), "accept": "text/event-stream"}
        headers = {name: value for name, value in headers.items() if value}
        answer, _ = await call(
            self.client, "GET", f"{self._gateway}/events", headers=headers, repeatable=True, stream=True
        )
        if answer.status_code != 200:
            body = await answer.aread()
            await answer.aclose()
            return Response(body, answer.status_code, media_type="application/json")
        kept = {name: answer.headers[name] for name in ("cache-control", "x-accel-buffering") if name in answer.headers}
        return StreamingResponse(self._relay(answer), media_type="text/event-stream", headers=kept)

    async def _relay(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        pieces = aiter(answer.aiter_raw())
        drain = asyncio.create_task(self._lifecycle.wait_for_drain(math.inf))
        piece: asyncio.Future[bytes] = asyncio.ensure_future(anext(pieces, b""))
        try:
            while True:
                waits: set[asyncio.Future[Any]] = {piece, drain}
                await asyncio.wait(waits, return_when="FIRST_COMPLETED")
                if not piece.done() or not piece.result():
                    return
                yield piece.result()
                piece = asyncio.ensure_future(anext(pieces, b""))
        except httpx.HTTPError:
            return  # the browser connects again
        finally:
            drain.cancel()
            piece.cancel()
            with anyio.CancelScope(shield=True):  # a browser that leaves cancels this; the gateway must hear of it
                await asyncio.gather(piece, return_exceptions=True)
                await answer.aclose()


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _BODY_BYTES:
            raise HTTPException(413, f"a request holds at most {_BODY_BYTES // 1024} KiB")
    return bytes(body)


def _session_opened(request: Request, answer: httpx.Response) -> Response:
    """The token goes into the cookie and nowhere else."""
    opened = json.loads(answer.content)
    token = opened.pop("token")
    response = JSONResponse(opened, status_code=answer.status_code, headers={"cache-control": "no-store"})
    session.open_session(request, response, token, opened["expires_at"])
    return response
