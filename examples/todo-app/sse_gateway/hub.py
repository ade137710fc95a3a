"""Who listens: the open streams of each user in this process."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator

from prometheus_client import Counter, Gauge

from todo_common.dapr import Event
from todo_common.lifecycle import Lifecycle

STREAMS = Gauge("sse_streams", "Open streams")
SENT = Counter("sse_events_sent_total", "Events put on a stream", ["type"])

HEARTBEAT_SECONDS = 15
#: What a browser waits before it connects again.
RETRY_MILLISECONDS = 1000
_QUEUE = 100
_STREAMS_PER_USER = 20


class Hub:
    """Hands each event to the streams of the user it belongs to, and to nobody else."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle
        self._queues: defaultdict[str, set[asyncio.Queue[str | None]]] = defaultdict(set)

    def send(self, user: str, event: Event) -> None:
        """A stream that does not keep up is ended: its browser connects again and reads the list afresh."""
        data = json.dumps({"id": event.id, "type": event.type, "time": event.time, **event.data})
        frame = f"id: {_line(event.id)}\nevent: {_line(event.type)}\ndata: {data}\n\n"
        for queue in self._queues.get(user, ()):
            if queue.qsize() < _QUEUE:
                queue.put_nowait(frame)
            elif not queue.full():
                queue.put_nowait(None)  # the room kept for this
        SENT.labels(event.type).inc(len(self._queues.get(user, ())))

    def is_full(self, user: str) -> bool:
        """Whether this user has as many streams open as one user may."""
        return len(self._queues.get(user, ())) >= _STREAMS_PER_USER

    async def stream(self, user: str, hello: dict[str, str], seconds: float) -> AsyncIterator[str]:
        """Frames for one browser, for `seconds` at most. Whoever has got the hello frame misses nothing later."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(_QUEUE + 1)
        self._queues[user].add(queue)
        STREAMS.inc()
        end = asyncio.create_task(self._lifecycle.wait_for_drain(seconds))
        get = asyncio.create_task(queue.get())
        try:
            yield f"retry: {RETRY_MILLISECONDS}\nevent: hello\ndata: {json.dumps(hello)}\n\n"
            while not end.done():
                done, _ = await asyncio.wait({get, end}, timeout=HEARTBEAT_SECONDS, return_when="FIRST_COMPLETED")
                if get in done:
                    frame = get.result()
                    if frame is None:
                        break
                    yield frame
                    get = asyncio.create_task(queue.get())
                elif not done:
                    yield ": heartbeat\n\n"
            yield f"retry: {RETRY_MILLISECONDS}\n\n"
        finally:
            end.cancel()
            get.cancel()
            self._queues[user].discard(queue)
            if not self._queues[user]:
                del self._queues[user]
            STREAMS.dec()


def _line(text: str) -> str:
    """One line: an event must not be able to write frames of its own."""
    return " ".join(text.split())
