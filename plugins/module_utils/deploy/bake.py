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
from typing import Any

from ..failure import Code, Failure, TodoCloudError, one_or_many
from ..kube.api import KubeObserver
from ..observing.metrics import Series, ask
from ..observing.source import Source
from ..settings import Progress

_QUERIES = {
    "requests": 'sum by (container) (increase(http_requests_total{namespace="$namespace"}[$window]))',
    "errors": 'sum by (container) (increase(http_requests_total{namespace="$namespace",status=~"5.."}[$window]))',
    "latency": "sum by (container) (increase(http_request_duration_seconds_sum{$routes}[$window])) / "
    "sum by (container) (increase(http_request_duration_seconds_count{$routes}[$window]))",
    "quantile": "histogram_quantile($quantile, sum by (container, le) "
    "(increase(http_request_duration_seconds_bucket{$routes}[$window])))",
}
_ROUTES = 'namespace="$namespace",route!~"/(health|ready|metrics|events)"'
_FEWEST_ERRORS = 5  # fewer are no rate
_RISES = 1.1  # of the quantile, beside the mean: a single request that hung moves the mean alone
_TELL_SECONDS = 30.0
_NOT_ENOUGH = "bake: no service had enough requests before and after to be compared."


@dataclass(frozen=True)
class Bake:
    """``seconds``: of each window. ``error_ratio``: how much larger the share of 5xx may be than before.
    ``latency_factor``: how many times the mean latency of before; rises below ``latency_seconds`` do not count, nor
    those that ``latency_quantile`` does not show as well.
    """

    seconds: int
    namespace: str = "monitoring"
    service: str = "prometheus-operated"
    port: int = 9090
    url: str = ""  # instead of the Service
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

    def prometheus(self, kube: KubeObserver) -> Source:
        """Where to ask."""
        return Source(kube, "Prometheus", "bake", self.namespace, self.service, self.port, self.url)

    def describe(self) -> str:
        """What it does, for people."""
        return f"bake: errors and latency of {self.seconds} s after the last wave are compared with those before"


@dataclass(frozen=True)
class Window:
    """What was seen of each service in one window."""

    requests: Mapping[str, float]
    errors: Mapping[str, float]
    latency: Mapping[str, float]
    quantile: Mapping[str, float]

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
    """Compares the windows of one deployment."""

    def __init__(self, bake: Bake, source: Source, namespace: str, progress: Progress) -> None:
        self._bake = bake
        self._source = source
        self._namespace = namespace
        self._progress = progress

    def bake(self, began: float, verified: float) -> Baked:
        """Waits until the second window is over. ``began``: when the first new revision was written. Times in seconds
        since the epoch, by the API server's clock.
        """
        try:
            before = self._window(began)
            if not any(self._enough(name, before) for name in before.requests):
                return Baked(warnings=[_NOT_ENOUGH])
            self._wait()
            after = self._window(verified + self._bake.seconds)
        except TodoCloudError as exc:
            why = f"errors and latency were not compared, since Prometheus does not tell: {exc.failure.message}"
            return Baked(warnings=[f"bake: {why}"])
        judged = sorted(name for name in after.requests if self._enough(name, before) and self._enough(name, after))
        failures = {name: failure for name in judged if (failure := self._compared(name, before, after))}
        thin = sorted(set(after.requests) - set(judged))
        if thin:
            few = one_or_many(thin, "{} was", "{} were")
            self._progress(f"bake: {few} not judged, with fewer than {self._bake.requests} requests before or after")
        if judged and not failures:
            self._progress(f"bake: {', '.join(judged)} as well as before")
        return Baked(failures, judged, [] if judged else [_NOT_ENOUGH])

    def _wait(self) -> None:
        until = time.monotonic() + self._bake.seconds
        while (left := until - time.monotonic()) > 0:
            self._progress(f"bake: looking at errors and latency for {math.ceil(left)} s more")
            time.sleep(min(left, _TELL_SECONDS))

    def _window(self, at: float) -> Window:
        """The one that ends then."""
        found = ask(self._source, dict(self._queries()), now=at)
        return Window(*(_by_service(found[name]) for name in _QUERIES))

    def _queries(self) -> Iterator[tuple[str, str]]:
        given = {
            "$routes": _ROUTES,
            "$namespace": self._namespace,
            "$window": f"{self._bake.seconds}s",
            "$quantile": str(self._bake.latency_quantile),
        }
        for name, own in _QUERIES.items():
            query = self._bake.queries.get(name) or own
            for word, text in given.items():
                query = query.replace(word, text)
            yield name, query

    def _enough(self, service: str, window: Window) -> bool:
        return window.requests.get(service, 0.0) >= self._bake.requests

    def _compared(self, service: str, before: Window, after: Window) -> Failure | None:
        bake = self._bake
        was, now = before.ratio(service), after.ratio(service)
        if now > was + bake.error_ratio and after.errors.get(service, 0.0) >= _FEWEST_ERRORS:
            why = f"{now:.1%} of its requests are answered with 5xx, before it was {was:.1%}"
            return self._failure(service, why, {"errors": now, "errors_before": was})
        slow, quick = after.latency.get(service, math.nan), before.latency.get(service, math.nan)
        far, near = after.quantile.get(service, math.nan), before.quantile.get(service, math.nan)
        # False where one is NaN.
        if slow > bake.latency_factor * quick and slow - quick > bake.latency_seconds and far > _RISES * near:
            why = f"a request takes {slow * 1000:.0f} ms on average, before it was {quick * 1000:.0f} ms"
            return self._failure(service, why, {"latency": slow, "latency_before": quick})
        return None

    def _failure(self, service: str, why: str, details: Mapping[str, Any]) -> Failure:
        message = f"{service}: {why} (bake of {self._bake.seconds} s)."
        return Failure(Code.REGRESSION, message, {"release": service, **details})


def _by_service(series: Series) -> dict[str, float]:
    """The numbers of an instant query, by the label ``container``."""
    pairs = ((str(each["labels"].get("container", "")), each["points"][0][1]) for each in series if each["points"])
    return {service: number for service, number in pairs if number is not None}
