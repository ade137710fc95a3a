"""The Todo app under steady load: a slower version is found by the bake, one that loses tasks by verify_job; both are
taken back, and one that is as good stays. `make monitoring RUNS=20` tries each so often. Runs' traces are read, too.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Cluster, PlaybookRun, User, Watcher, until
from tests.monitoring.conftest import Prometheus
from tests.support.otlp_receiver import Receiver, of_kind, receiving

RUNS = int(os.environ.get("TODO_CLOUD_BAKES") or 1)
WINDOW_SECONDS = 30
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
GOOD = ("v1.0.0", "v1.1.0")
CHECK = {"service": "frontend", "command": ["python", "-m", "frontend.transaction"]}


@pytest.fixture
def load(watched: Cluster, user: User, endpoint: str) -> Iterator[Watcher]:
    """Someone who reads their tasks, again and again."""
    user.add("under load")
    with Watcher(f"{endpoint}/api/tasks", user.http.cookies, interval=0.1).watching() as watcher:
        yield watcher


@pytest.fixture
def traces() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


class Deployer:
    """Deploys versions of backend-api, each after load for as long as is compared."""

    def __init__(self, app: Cluster, prometheus: Prometheus, traces: Receiver) -> None:
        self._app, self._prometheus, self._traces = app, prometheus, traces

    def __call__(self, version: str, **more: object) -> PlaybookRun:
        self._settle()
        settings = {
            "bake": {"seconds": WINDOW_SECONDS}, "backend_api_version": version, "release_on_failure": "set",
            "release_trace_endpoint": self._traces.url, **more,
        }  # fmt: skip
        run = self._app.playbook("playbooks/services.yml", "-e", json.dumps(settings), TRACEPARENT=PARENT)
        found = [line.strip() for line in run.output.splitlines() if re.search(r"bake:|verify_job:|failed:", line)]
        print(f"\n{version}: {run.seconds:.0f} s", *found, sep="\n  ")
        return run

    def _settle(self) -> None:
        """Only one version answers, and has so for a window."""
        query = 'count(count by (pod) (increase(http_requests_total{container="backend-api"}[%ds]) > 0))'
        time.sleep(WINDOW_SECONDS)
        until(lambda: self._prometheus.number(query % WINDOW_SECONDS) == 1, 120, "one pod answers", 1)

    @property
    def image(self) -> str:
        return self._app.image_of("backend-api").rpartition(":")[2]


@pytest.fixture
def deploy(watched: Cluster, prometheus: Prometheus, traces: Receiver) -> Deployer:
    return Deployer(watched, prometheus, traces)


def said(run: PlaybookRun) -> str:
    """What it printed, wherever lines were wrapped."""
    return " ".join(run.output.split())


def test_one_that_is_as_good_stays(deploy: Deployer, load: Watcher, traces: Receiver) -> None:
    for number in range(RUNS):
        wanted = GOOD[(GOOD.index(deploy.image) + 1) % 2]
        done = deploy(wanted).ok()
        assert re.search(r"bake: [^:]*\bbackend-api\b[^:]* as well as before", said(done)), done.output[-4000:]
        assert deploy.image == wanted, f"run {number + 1}"
    (bake,) = of_kind(traces, "bake")[-1:]
    assert bake.ended - bake.began > WINDOW_SECONDS * 10**9
    assert {span.trace for span in traces.spans} == {PARENT[3:35]}
    for span in traces.spans:
        print(f"{(span.ended - span.began) / 1e9:7.1f} s  {span.name}")
    assert load.failures == []


def test_one_that_is_slower_is_found_and_taken_back(deploy: Deployer, load: Watcher, traces: Receiver) -> None:
    for _run in range(RUNS):
        before = deploy.image
        lost = deploy("v1.1.0-slow")
        assert lost.code != 0
        assert re.search(r"backend-api: a request takes \d+ ms on average, before it was \d+ ms", said(lost))
        assert "regression" in lost.output
        assert deploy.image == before
    found = [[span.code for span in of_kind(traces, kind)] for kind in ("bake", "rollback")]
    assert found == [[2] * RUNS, [1] * RUNS]
    assert load.failures == []


def test_one_that_loses_tasks_is_found_and_taken_back(deploy: Deployer, load: Watcher, traces: Receiver) -> None:
    """It answers as quickly, and with 2xx: only who uses the app sees it."""
    for _run in range(RUNS):
        before = deploy.image
        lost = deploy("v1.1.0-loses-tasks", verify_job=CHECK)
        assert lost.code != 0
        assert "verify_job_failed" in lost.output
        assert "404 instead of 200" in said(lost)
        assert deploy.image == before
    (job, *_more) = of_kind(traces, "job")
    assert job.code == 2
    assert load.failures == []
