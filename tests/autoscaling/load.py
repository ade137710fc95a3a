"""Users at the public endpoint: pages at a rate that can be changed, each by a connection of its own; people who stay,
with a connection that stays open; and event streams, which connect again when their server ends them, as browsers do.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import httpx

from tests.support.patience import patience

PEOPLE = 3
STREAMS = 6
_REST_SECONDS = 0.5
_AFTER_STREAM_SECONDS = 0.2  # what the server asks a browser to wait is about that


class Load:
    """Runs in a thread of its own until it is ended. ``failures``: whatever was not answered as it should be."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.rate = 0.0  # pages a second
        self.streams = STREAMS  # open at once; further ones go to the pods of that time
        self.requests = 0
        self.reconnects = 0  # streams that ended in order
        self.slowest = 0.0
        self.failures: list[str] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(patience(30))

    def __str__(self) -> str:
        told = f"{self.requests} requests, {len(self.failures)} failed, slowest {self.slowest:.1f} s"
        return f"{told}; {self.reconnects} streams ended in order and came back"

    async def _run(self) -> None:
        async with self._client(keep=0) as passing:
            cookies = [await self._sign_in(passing) for _ in range(PEOPLE)]
            jobs = [self._pages(passing, cookies[0])]
            jobs += [self._stay(each) for each in cookies]
            tasks = [asyncio.create_task(job) for job in jobs]
            listeners = 0
            while not self._end.is_set():
                if listeners < self.streams:
                    tasks.append(asyncio.create_task(self._listen(cookies[listeners % PEOPLE])))
                    listeners += 1
                await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _client(self, keep: int, cookies: httpx.Cookies | None = None) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=keep)
        return httpx.AsyncClient(
            base_url=self.url, timeout=patience(10), limits=limits, headers={"Origin": self.url}, cookies=cookies
        )

    async def _sign_in(self, client: httpx.AsyncClient) -> httpx.Cookies:
        credentials = {"username": f"load-{uuid.uuid4().hex[:8]}", "password": uuid.uuid4().hex}
        for step in ("register", "login"):
            (await client.post(f"/api/auth/{step}", json=credentials)).raise_for_status()
        cookies = httpx.Cookies(client.cookies)
        client.cookies.clear()
        return cookies

    async def _pages(self, client: httpx.AsyncClient, cookies: httpx.Cookies) -> None:
        client.cookies = cookies
        begun: set[asyncio.Task[None]] = set()
        while True:
            if self.rate <= 0:
                await asyncio.sleep(0.1)
                continue
            path = "/" if self.requests % 2 else "/api/tasks"
            begun.add(asyncio.create_task(self._noted(path, partial(client.get, path))))
            begun = {task for task in begun if not task.done()}
            await asyncio.sleep(1 / self.rate)

    async def _stay(self, cookies: httpx.Cookies) -> None:
        """One connection, kept as long as the server keeps it."""
        async with self._client(1, cookies) as client:
            while True:
                await self._noted("/api/tasks, kept", lambda: client.get("/api/tasks"))
                await asyncio.sleep(_REST_SECONDS)

    async def _noted(self, what: str, ask: Callable[[], Awaitable[httpx.Response]]) -> None:
        self.requests += 1
        began = time.monotonic()
        try:
            answer = await ask()
            if answer.status_code != 200:
                self.failures.append(f"{what}: {answer.status_code} {answer.text[:80]}")
        except httpx.HTTPError as error:
            self.failures.append(f"{what}: {error!r}")
        self.slowest = max(self.slowest, time.monotonic() - began)

    async def _listen(self, cookies: httpx.Cookies) -> None:
        async with self._client(0, cookies) as client:
            while True:
                with suppress(asyncio.TimeoutError):
                    await self._stream(client)
                await asyncio.sleep(_AFTER_STREAM_SECONDS)

    async def _stream(self, client: httpx.AsyncClient) -> None:
        self.requests += 1
        try:
            async with client.stream("GET", "/events", timeout=patience(60)) as answer:
                if answer.status_code != 200:
                    self.failures.append(f"/events: {answer.status_code}")
                async for _line in answer.aiter_lines():
                    pass
            self.reconnects += 1
        except httpx.HTTPError as error:
            self.failures.append(f"/events: {error!r}")
