"""The middleware around every request: trace id, metrics, access log, and `Connection: close` while draining."""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo_common import metrics, trace
from todo_common.lifecycle import Lifecycle

log = logging.getLogger("access")
QUIET = frozenset({"/health", "/ready", "/metrics"})
SLOW_SECONDS = 0.1  # APP_FAULT=slow: that every request takes longer


class Observe:
    """Plain ASGI: it must not buffer streams."""

    def __init__(self, app: ASGIApp, lifecycle: Lifecycle, slow: bool = False) -> None:
        self._app = app
        self._lifecycle = lifecycle
        self._slow = slow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        synthetic = headers.get(trace.SYNTHETIC.encode()) == b"true"
        trace_id = trace.begin(headers.get(b"traceparent", b"").decode("latin-1"), synthetic)
        began = time.perf_counter()
        status = 500
        seconds = 0.0

        async def observed(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status = message["status"]
                seconds = time.perf_counter() - began
                headers = [*message.get("headers", ()), (b"x-trace-id", trace_id.encode())]
                if self._lifecycle.draining:
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            await send(message)

        if self._slow and scope["path"] not in QUIET:
            await asyncio.sleep(SLOW_SECONDS)
        try:
            await self._app(scope, receive, observed)
        finally:
            self._record(scope, status, seconds or time.perf_counter() - began, synthetic)

    def _record(self, scope: Scope, status: int, seconds: float, synthetic: bool) -> None:
        if not synthetic:
            route = getattr(scope.get("route"), "path", "") or "unmatched"
            metrics.REQUESTS.labels(scope["method"], route, str(status)).inc()
            metrics.SECONDS.labels(scope["method"], route).observe(seconds)
        if scope["path"] in QUIET:
            return
        # the path only: a query string may hold a token
        fields = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "ms": round(seconds * 1000, 1),
            **({"synthetic": True} if synthetic else {}),
        }
        log.info("%s %s %d", scope["method"], scope["path"], status, extra={"fields": fields})
