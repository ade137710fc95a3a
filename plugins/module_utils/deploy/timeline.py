# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a run did what: its waves, Helm's calls, waits, and the pods that started meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from ..rollout.verdict import PodTimes

_MOST = 200  # spans that are kept
_TRUNCATED = 1.0  # times of the API are whole seconds


@dataclass
class Span:
    """``start``: seconds since 1970; ``outcome``: ok or failed."""

    kind: str
    name: str
    release: str = ""
    start: float = 0.0
    seconds: float = 0.0
    outcome: str = "ok"


class Timeline:
    """Spans of one run; threads may share it."""

    def __init__(self) -> None:
        self._began = time.time()
        self._spans: list[Span] = []
        self._pods: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def span(self, kind: str, name: str, release: str = "") -> Iterator[Span]:
        """Around what takes its time. An error means that it failed; its outcome may also be set."""
        span, began = Span(kind, name, release, time.time()), time.monotonic()
        try:
            yield span
        except BaseException:
            span.outcome = "failed"
            raise
        finally:
            span.seconds = time.monotonic() - began
            self._add(span)

    def pods(self, pods: Iterable[PodTimes], ahead: float) -> None:
        """Pods that were made during this run. ``ahead``: seconds by which the server's clock is ahead of this one."""
        for pod in pods:
            start = pod.created - ahead
            if start < self._began - _TRUNCATED or pod.name in self._pods:
                continue
            self._pods.add(pod.name)
            end, outcome = (pod.ready - ahead, "ok") if pod.ready else (time.time(), "failed")
            self._add(Span("pod", pod.name, pod.release, start, end - start, outcome))
            for container, at in pod.sidecars:
                since = at - ahead
                self._add(Span("sidecar", f"{container} of {pod.name}", pod.release, since, end - since, outcome))

    def as_result(self) -> list[dict[str, Any]]:
        """Plain JSON, in the order of the starts."""
        with self._lock:
            found = sorted(self._spans, key=lambda span: (span.start, -span.seconds))
        times = [{"start": round(span.start, 2), "seconds": round(max(span.seconds, 0.0), 2)} for span in found]
        return [{**asdict(span), **exact} for span, exact in zip(found, times, strict=True)]

    def _add(self, span: Span) -> None:
        with self._lock:
            if len(self._spans) < _MOST:
                self._spans.append(span)
