"""Whether this process is still wanted: it drains after SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger("lifecycle")


class Lifecycle:
    """Set by the server; read by readiness, middleware and long streams."""

    def __init__(self) -> None:
        self._draining = asyncio.Event()

    @property
    def draining(self) -> bool:
        return self._draining.is_set()

    def drain(self) -> None:
        self._draining.set()

    async def wait_for_drain(self, seconds: float) -> bool:
        """Wait at most so long; True once draining."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._draining.wait(), seconds)
        return self.draining


class Worker:
    """A loop in the background: `step` is called again and again, `seconds` apart, or at once after `wake()`.

    A step returns True when there is more to do now. It is never cut in half, unless it takes too long to stop.
    It may fail: then it is tried again after up to four times `seconds`; `expected` errors are logged without a stack.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[bool]],
        seconds: float,
        expected: tuple[type[Exception], ...] = (OSError, TimeoutError),
    ) -> None:
        self._name = name
        self._expected = expected
        self._step = step
        self._seconds = seconds
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self._name)

    def wake(self) -> None:
        self._wake.set()

    async def stop(self, seconds: float = 2) -> None:
        """Let the present step finish, then end; cancel it after `seconds`."""
        self._stopping = True
        self._wake.set()
        if self._task:
            await asyncio.wait([self._task], timeout=seconds)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        failures = 0
        while not self._stopping:
            self._wake.clear()
            try:
                more = await self._step()
                failures = 0
            except Exception as error:  # the loop must outlive whatever one step meets
                more = False
                failures += 1
                stack = failures == 1 and not isinstance(error, self._expected)
                log.warning("%s: %s: %s", self._name, type(error).__name__, error, exc_info=stack)
            if not more:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._seconds * 2 ** min(failures, 2))
                if failures:  # a wake-up must not turn a failing loop into a busy one
                    await asyncio.sleep(0.2)
