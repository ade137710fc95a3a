"""The frame every service is built in: an app with probes, metrics, an HTTP client and background workers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from todo_common import metrics, trace
from todo_common.lifecycle import Lifecycle, Worker
from todo_common.observe import Observe
from todo_common.settings import Settings

log = logging.getLogger("service")
Check = Callable[[], Awaitable[None]]

CHECK_SECONDS = 1.5
#: Shorter than a server drains (server.DRAIN_SECONDS): an idle connection is given up by the client before the
#: server closes it, so no request is ever sent into a closing connection.
CLIENT_KEEPALIVE_SECONDS = 2


class NotReady(Exception):
    """A dependency is missing; the message says which and why."""


class Service:
    """Readiness checks, resources and workers are added before it runs; the resources are opened in that order."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lifecycle = Lifecycle()
        self.checks: dict[str, Check] = {}
        self.resources: list[AbstractAsyncContextManager[object]] = []
        self.workers: list[Worker] = []
        self.http: httpx.AsyncClient
        self.app = FastAPI(title=settings.service, openapi_url=None, lifespan=self._lifespan)
        self.app.add_middleware(Observe, lifecycle=self.lifecycle, slow=settings.fault == "slow")
        self.app.add_exception_handler(RequestValidationError, _one_sentence)
        self.app.add_api_route("/health", self._health, methods=["GET"])
        self.app.add_api_route("/ready", self._ready, methods=["GET"])
        self.app.add_api_route("/metrics", self._metrics, methods=["GET"])
        metrics.BUILD.labels(settings.service, settings.version).set(1)
        if settings.dapr_enabled:
            self.checks["dapr"] = self._check_dapr

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            self.http = await stack.enter_async_context(http_client())
            for resource in self.resources:
                await stack.enter_async_context(resource)
            for worker in self.workers:
                worker.start()
            log.info("started", extra={"fields": {"port": self.settings.port}})
            yield
            await asyncio.gather(*(worker.stop() for worker in self.workers))
        log.info("stopped")

    async def _health(self) -> dict[str, str]:
        """Liveness: the process answers. It must not ask others: a restart would not mend them."""
        return {"status": "ok", "service": self.settings.service, "version": self.settings.version}

    async def _ready(self) -> JSONResponse:
        reasons = {}
        if self.lifecycle.draining:
            reasons["lifecycle"] = "shutting down"
        elif self.settings.fault == "never-ready":
            reasons["fault"] = "APP_FAULT=never-ready: this version is never ready, on purpose"
        else:
            answers = await asyncio.gather(*(_reason(check) for check in self.checks.values()))
            reasons = {name: answer for name, answer in zip(self.checks, answers, strict=True) if answer}
        if not reasons:
            return JSONResponse({"status": "ready", "checks": sorted(self.checks)})
        log.warning("not ready: %s", "; ".join(f"{name}: {reason}" for name, reason in reasons.items()))
        return JSONResponse({"status": "not ready", "reasons": reasons}, status_code=503)

    async def _metrics(self) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def _check_dapr(self) -> None:
        """The sidecar is there and its components are up (`outbound`: it does not wait for this app)."""
        await self.check_url(f"{self.settings.dapr_url}/v1.0/healthz/outbound", "the Dapr sidecar")

    async def check_url(self, url: str, what: str) -> None:
        """Raise NotReady unless `url` answers 2xx."""
        try:
            response = await self.http.get(url, timeout=CHECK_SECONDS)
        except httpx.HTTPError as error:
            raise NotReady(f"{what} does not answer ({type(error).__name__})") from error
        if not response.is_success:
            raise NotReady(f"{what} answers {response.status_code}")


def http_client(read_seconds: float = 15, max_connections: int = 200, keepalive: int = 50) -> httpx.AsyncClient:
    """A client that passes the trace on, follows no redirect and ignores proxy variables.

    `keepalive` is how many idle connections it keeps; 0: a new connection for each request.
    """

    async def add_trace(request: httpx.Request) -> None:
        request.headers["traceparent"] = trace.outgoing()
        if trace.is_synthetic():
            request.headers[trace.SYNTHETIC] = "true"

    return httpx.AsyncClient(
        timeout=httpx.Timeout(read_seconds, connect=1),
        limits=httpx.Limits(
            max_connections=max_connections,
            max_keepalive_connections=keepalive,
            keepalive_expiry=CLIENT_KEEPALIVE_SECONDS,
        ),
        event_hooks={"request": [add_trace]},
        trust_env=False,
    )


async def _reason(check: Check) -> str:
    """'' when the check passes, else why not, in a few words."""
    try:
        await asyncio.wait_for(check(), CHECK_SECONDS)
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS} s"
    except NotReady as error:
        return str(error)
    return ""


async def _one_sentence(_: Request, error: Exception) -> JSONResponse:
    """422 with a sentence a person can read instead of a list of objects."""
    assert isinstance(error, RequestValidationError)
    parts = []
    for item in error.errors():
        field = ".".join(str(part) for part in item["loc"][1:]) or "body"
        parts.append(f"{field}: {item['msg'].removeprefix('Value error, ')}")
    return JSONResponse({"detail": "; ".join(parts)}, status_code=422)
