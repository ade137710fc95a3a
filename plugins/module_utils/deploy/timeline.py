# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a run did what: its waves, Helm's calls, waits, and the pods that started meanwhile; otlp.py sends it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..failure import Failure, TodoCloudError
from ..rollout.verdict import PodTimes

_MOST = 200  # spans that are kept
_TRUNCATED = 1.0  # times of the API are whole seconds


@dataclass
class Span:
    """``start``: seconds since 1970; ``outcome``: ok or failed; ``parent``: id of what it is a part of."""

    kind: str
    name: str
    release: str = ""
    start: float = 0.0
    seconds: float = 0.0
    outcome: str = "ok"
    failure: Failure | None = None
    parent: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def ends(self, failure: Failure | None) -> None:
        """How it ended: well, or with this."""
        self.outcome, self.failure = "failed" if failure else "ok", failure

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "release": self.release,
            "start": round(self.start, 2),
            "seconds": round(max(self.seconds, 0.0), 2),
            "outcome": self.outcome,
        }


class Timeline:
    """Spans of one run; threads may share it. What other threads do is a part of what the run's own does meanwhile."""

    def __init__(self) -> None:
        self._began = time.time()
        self._epoch = self._began - time.monotonic()  # one clock, so that parts are inside of what they are parts of
        self.root = Span("run", "", start=self._began)
        self._open = [self.root]
        self._own = threading.local()
        self._own.open = self._open
        self._spans: list[Span] = []
        self._pods: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def span(self, kind: str, name: str, release: str = "") -> Iterator[Span]:
        """Around what takes its time. An error means that it failed; its outcome may also be set."""
        if not hasattr(self._own, "open"):
            self._own.open = []
        within: list[Span] = self._own.open
        began = time.monotonic()
        span = Span(kind, name, release, self._epoch + began, parent=(within or self._open)[-1].id)
        within.append(span)
        try:
            yield span
        except BaseException as exc:
            span.outcome = "failed"
            span.failure = exc.failure if isinstance(exc, TodoCloudError) else None
            raise
        finally:
            within.pop()
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
            made = Span("pod", pod.name, pod.release, start, end - start, outcome, parent=self._open[-1].id)
            self._add(made)
            for container, at in pod.sidecars:
                since = at - ahead
                what = f"{container} of {pod.name}"
                self._add(Span("sidecar", what, pod.release, since, end - since, outcome, parent=made.id))

    def close(self, name: str, failure: Failure | None) -> None:
        """The run is over, and is called so."""
        self.root.name, self.root.seconds = name, self._epoch + time.monotonic() - self._began
        self.root.ends(failure)

    @property
    def spans(self) -> Sequence[Span]:
        """What has ended, in the order of the starts."""
        with self._lock:
            return sorted(self._spans, key=lambda span: (span.start, -span.seconds))

    def as_result(self) -> list[dict[str, Any]]:
        """Plain JSON."""
        return [span.as_result() for span in self.spans]

    def _add(self, span: Span) -> None:
        with self._lock:
            if len(self._spans) < _MOST:
                self._spans.append(span)
