# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether new versions make more errors or take longer than what ran before, by what Prometheus has seen of both.

Two windows of the same length are compared, service by service: the one that ended when the first of the new revisions
was written, and the one after all of them were verified. A service is judged only where both windows have enough
requests. Where Prometheus does not answer, nothing is judged and a warning says so: a deployment does not fail of it.

The queries are for what services of this collection tell (``http_requests_total`` and
``http_request_duration_seconds``, see docs/your-own-services.md); the label ``container`` is Prometheus' of a scraped
pod, and the name of the release for charts/service.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..failure import Code, Failure, TodoCloudError, one_or_many
from ..kube.deadline import Deadline
from ..kube.errors import KubeError
from ..settings import Progress

_REQUESTS = 'sum by (container) (increase(http_requests_total{namespace="$namespace"}[$window]))'
_ERRORS = 'sum by (container) (increase(http_requests_total{namespace="$namespace",status=~"5.."}[$window]))'
_LATENCY = (
    "histogram_quantile($quantile, sum by (container, le) "
    '(increase(http_request_duration_seconds_bucket{namespace="$namespace",route!~"/(health|ready|metrics|events)"}[$window])))'
)
_QUERY_SECONDS = 10.0
_FEWEST_ERRORS = 5  # fewer are no rate
_TELL_SECONDS = 30.0


class Prometheus(Protocol):
    """Where metrics are."""

    def query(self, query: str, at: float) -> Mapping[str, float]:
        """Values by the label ``container`` at a time (seconds since the epoch). Raises TodoCloudError."""


class InCluster:
    """A Prometheus of the cluster, asked through the API server's proxy to its Service."""

    def __init__(self, kube: Any, namespace: str, service: str, port: int) -> None:
        self._kube = kube
        self._path = f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy/api/v1/query"

    def query(self, query: str, at: float) -> Mapping[str, float]:
        """See :class:`Prometheus`."""
        answer = self._kube.raw(self._path, query={"query": query, "time": f"{at:.3f}"}, deadline=_deadline())
        return dict(_values(answer))


@dataclass(frozen=True)
class Bake:
    """``seconds``: of each window. ``error_ratio``: how much larger the share of 5xx may be than before.
    ``latency_factor``: how many times the quantile of before; rises below ``latency_seconds`` do not count.
    """

    seconds: int
    namespace: str = "monitoring"
    service: str = "prometheus-operated"
    port: int = 9090
    error_ratio: float = 0.01
    latency_quantile: float = 0.9
    latency_factor: float = 1.5
    latency_seconds: float = 0.05
    requests: int = 50  # that both windows need at least
    queries: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, raw: Mapping[str, Any] | None) -> Bake | None:
        """From the module's option; None: not wanted."""
        given = {key: value for key, value in (raw or {}).items() if value is not None}
        return cls(**given) if given.get("seconds") else None

    def prometheus(self, kube: Any) -> Prometheus:
        """Where to ask."""
        return InCluster(kube, self.namespace, self.service, self.port)

    def describe(self) -> str:
        """What it does, for people."""
        return f"bake: errors and latency of {self.seconds} s after the last wave are compared with those before"


@dataclass(frozen=True)
class Window:
    """What was seen of each service in one window."""

    requests: Mapping[str, float]
    errors: Mapping[str, float]
    latency: Mapping[str, float]

    def ratio(self, service: str) -> float:
        """Share of requests that were answered with 5xx."""
        return self.errors.get(service, 0.0) / self.requests[service]


@dataclass(frozen=True)
class Baked:
    """What was found. ``failures`` by service, ``judged``: services that were compared."""

    failures: Mapping[str, Failure] = field(default_factory=dict)
    judged: Sequence[str] = ()
    warnings: Sequence[str] = ()

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"ok": not self.failures, "judged": list(self.judged)}


class Oven:
    """Compares the windows of one deployment. ``began``: when the first new revision was written, by ``now``."""

    def __init__(self, bake: Bake, source: Prometheus, namespace: str, progress: Progress) -> None:
        self._bake = bake
        self._source = source
        self._namespace = namespace
        self._progress = progress

    def bake(self, began: float, verified: float) -> Baked:
        """Waits until the second window is over. Times in seconds since the epoch, by the API server's clock."""
        try:
            before = self._window(began)
            self._wait()
            after = self._window(verified + self._bake.seconds)
        except KubeError as exc:
            return _blind(exc)
        except TodoCloudError as exc:
            if exc.failure.code is not Code.NOT_READY:
                raise
            return _blind(exc)
        judged = sorted(name for name in after.requests if self._enough(name, before) and self._enough(name, after))
        failures = {name: failure for name in judged if (failure := self._compared(name, before, after))}
        thin = sorted(set(after.requests) - set(judged))
        if thin:
            few = one_or_many(thin, "{} was", "{} were")
            self._progress(f"bake: {few} not judged, with fewer than {self._bake.requests} requests before or after")
        if judged and not failures:
            self._progress(f"bake: {', '.join(judged)} as well as before")
        warnings = [] if judged else ["bake: no service had enough requests before and after to be compared."]
        return Baked(failures, judged, warnings)

    def _wait(self) -> None:
        until = time.monotonic() + self._bake.seconds
        while (left := until - time.monotonic()) > 0:
            self._progress(f"bake: looking at errors and latency for {math.ceil(left)} s more")
            time.sleep(min(left, _TELL_SECONDS))

    def _window(self, at: float) -> Window:
        """The one that ends then."""
        return Window(*(self._ask(*each, at) for each in self._queries()))

    def _queries(self) -> Iterator[tuple[str, str]]:
        for name, own in (("requests", _REQUESTS), ("errors", _ERRORS), ("latency", _LATENCY)):
            yield name, self._bake.queries.get(name) or own

    def _ask(self, _name: str, query: str, at: float) -> Mapping[str, float]:
        given = {
            "$namespace": self._namespace,
            "$window": f"{self._bake.seconds}s",
            "$quantile": str(self._bake.latency_quantile),
        }
        for word, text in given.items():
            query = query.replace(word, text)
        return self._source.query(query, at)

    def _enough(self, service: str, window: Window) -> bool:
        return window.requests.get(service, 0.0) >= self._bake.requests

    def _compared(self, service: str, before: Window, after: Window) -> Failure | None:
        bake = self._bake
        was, now = before.ratio(service), after.ratio(service)
        if now > was + bake.error_ratio and after.errors.get(service, 0.0) >= _FEWEST_ERRORS:
            why = f"{now:.1%} of its requests are answered with 5xx, before it was {was:.1%}"
            return self._failure(service, why, {"errors": now, "errors_before": was})
        slow, quick = after.latency.get(service, math.nan), before.latency.get(service, math.nan)
        if slow > bake.latency_factor * quick and slow - quick > bake.latency_seconds:  # False where one is NaN
            share = f"{bake.latency_quantile:.0%}"
            why = f"{share} of its requests take up to {slow * 1000:.0f} ms, before it was {quick * 1000:.0f} ms"
            return self._failure(service, why, {"latency": slow, "latency_before": quick})
        return None

    def _failure(self, service: str, why: str, details: Mapping[str, Any]) -> Failure:
        message = f"{service}: {why} (bake of {self._bake.seconds} s)."
        return Failure(Code.REGRESSION, message, {"release": service, **details})


def _blind(exc: TodoCloudError) -> Baked:
    why = exc.failure.message.rstrip(".")
    return Baked(warnings=[f"bake: errors and latency were not compared, since Prometheus does not tell: {why}."])


def _values(answer: Any) -> Iterator[tuple[str, float]]:
    """Of an instant vector (https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries)."""
    if not isinstance(answer, Mapping) or answer.get("status") != "success":
        text = str(answer.get("error") if isinstance(answer, Mapping) else "")[:300]
        raise TodoCloudError(Failure(Code.NOT_READY, f"it answers {text or 'something else than it should'}"))
    for each in (answer.get("data") or {}).get("result") or ():
        try:
            yield str(each["metric"].get("container", "")), float(each["value"][1])
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            continue


def _deadline() -> Deadline:
    return Deadline.after(_QUERY_SECONDS)
