"""The bake, twenty times each: a version that takes twice as long is found, one that is as before is not.

Prometheus is the real one; the services are random numbers (TODO_CLOUD_SEED repeats), each with a namespace of its own.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.bake import Bake, Baked, Oven
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.monitoring.standalone import prometheus
from tests.support.served import served

RUNS = 20  # of each kind
SEED = int(os.environ.get("TODO_CLOUD_SEED") or random.SystemRandom().randrange(10**6))
WINDOW_SECONDS = 30
PER_SECOND = 20
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
FACTORS = {"slow": 2.0, "well": 1.0, "broken": 1.0}
_NAMES = [f"{kind}-{number}" for kind in FACTORS for number in range(RUNS)]


class Service:
    """Counters of requests as the Todo app has them: latencies are log-normal, one in five hundred requests
    fails, and one in a thousand hangs for five seconds."""

    def __init__(self, name: str) -> None:
        self.name, self.kind = name, name.partition("-")[0]
        self._random = random.Random(f"{SEED}-{name}")
        self._mean = self._random.uniform(0.04, 0.4)
        self._lock = threading.Lock()
        self._buckets, self._count, self._errors, self._sum = [0] * len(BUCKETS), 0, 0, 0.0
        self._at = time.monotonic()
        self.new_version = False

    def text(self) -> str:
        """The metrics now, after the requests since the last time."""
        with self._lock:
            now = time.monotonic()
            for _request in range(round((now - self._at) * PER_SECOND)):
                self._request()
            self._at = now
            labels = f'namespace="{self.name}",container="api"'
            lines = [f'http_requests_total{{{labels},status="200"}} {self._count - self._errors}']
            lines.append(f'http_requests_total{{{labels},status="500"}} {self._errors}')
            for limit, count in zip(BUCKETS, self._buckets, strict=True):
                lines.append(f'http_request_duration_seconds_bucket{{{labels},le="{limit}"}} {count}')
            lines.append(f'http_request_duration_seconds_bucket{{{labels},le="+Inf"}} {self._count}')
            lines.append(f"http_request_duration_seconds_count{{{labels}}} {self._count}")
            lines.append(f"http_request_duration_seconds_sum{{{labels}}} {self._sum}")
            return "\n".join(lines)

    def _request(self) -> None:
        factor = FACTORS[self.kind] if self.new_version else 1.0
        seconds = self._mean * factor * self._random.lognormvariate(0, 0.4)
        seconds += 5 * (self._random.random() < 0.001)
        self._count += 1
        self._sum += seconds
        self._errors += self._random.random() < (0.05 if self.new_version and self.kind == "broken" else 0.002)
        self._buckets = [count + (seconds <= limit) for count, limit in zip(self._buckets, BUCKETS, strict=True)]


@contextmanager
def told(services: list[Service]) -> Iterator[str]:
    """Where all of them tell their metrics."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(("\n".join(service.text() for service in services) + "\n").encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with served(Handler) as address:
        yield address


def read(target: str) -> dict[str, Any]:
    """Prometheus' settings: it reads the target each second."""
    scraped = {"job_name": "x", "honor_labels": True, "static_configs": [{"targets": [target]}]}
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": [scraped]}


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Baked]:
    """What the bake found of each service."""
    services = [Service(name) for name in _NAMES]
    with told(services) as target, prometheus(tmp_path_factory.mktemp("prometheus"), read(target)) as url:
        time.sleep(WINDOW_SECONDS + 5)
        began = time.time()
        for service in services:
            service.new_version = True
        verified = began + 2

        def one(service: Service) -> Baked:
            bake = Bake(WINDOW_SECONDS, url=url)
            kube: Any = None  # the URL is asked
            return Oven(bake, bake.prometheus(kube), service.name, lambda line: None).bake(began, verified)

        time.sleep(2)
        with ThreadPoolExecutor(len(services)) as pool:
            return dict(zip(_NAMES, pool.map(one, services), strict=True))


@pytest.mark.parametrize(("kind", "code"), [("slow", Code.REGRESSION), ("broken", Code.REGRESSION), ("well", None)])
def test_all_of_a_kind_are_judged_rightly(kind: str, code: Code | None, baked: dict[str, Baked]) -> None:
    found = {name: each for name, each in baked.items() if name.startswith(kind)}
    assert len(found) == RUNS
    assert [name for name, each in found.items() if each.warnings or each.judged != ["api"]] == [], "all were judged"
    wrong = {
        name: [failure.message for failure in each.failures.values()]
        for name, each in found.items()
        if [failure.code for failure in each.failures.values()] != ([code] if code else [])
    }
    assert wrong == {}, f"TODO_CLOUD_SEED={SEED}"
