"""The check of a whole deployment: what it says when all is well, and when a version loses what it is given."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.apps.conftest import SERVICE_TOKEN
from tests.unit.apps.processes import APPS, PYTHON, Launcher, Running, wait_until
from tests.unit.apps.sidecar import Sidecar

TRANSACTION = """
import sys
from frontend import transaction
transaction.NEXT_SECONDS = int(sys.argv[1])
sys.exit(transaction.main())
"""


@pytest.fixture(scope="module")
def recurring(launcher: Launcher, backend: Running, sidecar: Sidecar) -> Running:
    return launcher.start(
        "recurring_task_service", BACKEND_URL=backend.url, SERVICE_TOKEN=SERVICE_TOKEN, DAPR_HTTP_PORT=sidecar.port
    )


def transact(
    dependencies: Path, frontend: Running, sidecar: Sidecar, recurring: Running | None, within: int = 5
) -> tuple[int, str]:
    """Its exit code and what it said, while the broker delivers (if there is a subscriber). ``within``: seconds."""
    env = {**os.environ, "PYTHONPATH": f"{dependencies}:{APPS}", "FRONTEND_URL": frontend.url}
    command = [*PYTHON, "-c", TRANSACTION, str(within)]
    delivered = len(sidecar.published)
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        until = time.monotonic() + 300
        while process.poll() is None and time.monotonic() < until:
            for _topic, event in sidecar.published[delivered:]:
                delivered += 1
                if recurring:
                    sidecar.deliver(recurring, event)
            time.sleep(0.05)
        process.kill()
        return process.wait(), process.stdout.read().strip() if process.stdout else ""


def test_all_of_it_and_nothing_stays(
    dependencies: Path,
    start_frontend: Callable[..., Running],
    backend: Running,
    sidecar: Sidecar,
    recurring: Running,
) -> None:
    frontend = start_frontend(backend.url)
    counted = 'http_requests_total{method="POST",route="/api/tasks",status="201"}'
    code, said = transact(dependencies, frontend, sidecar, recurring, within=120)
    assert code == 0, said
    assert said.startswith("registered, created, completed, the next one came after ")
    assert (backend.metric(counted), frontend.metric('http_requests_total{method="DELETE"')) == (0, 0), "left out"
    # a line follows its answer
    [left] = wait_until(lambda: [line for line in backend.lines() if line.get("path") == "/api/me"], "logged")
    assert left["status"] == 204
    [created] = [line for line in backend.lines() if line.get("path") == "/api/tasks" and line.get("method") == "POST"]
    assert created["synthetic"] is True


def test_an_event_that_goes_nowhere_is_named(
    dependencies: Path, start_frontend: Callable[..., Running], backend: Running, sidecar: Sidecar
) -> None:
    said = transact(dependencies, start_frontend(backend.url), sidecar, None)
    assert said == (1, "completed a daily task: the next one did not come within 5 s")


def test_a_version_that_loses_tasks_is_found_though_it_answers_well(
    dependencies: Path,
    start_frontend: Callable[..., Running],
    start_backend: Callable[..., Running],
    sidecar: Sidecar,
) -> None:
    backend = start_backend(APP_FAULT="loses-tasks")
    wait_until(backend.ready, "ready")
    said = transact(dependencies, start_frontend(backend.url), sidecar, None)
    assert said == (1, 'read the task: 404 instead of 200: {"detail":"no such task"}')


def test_a_slow_version_answers_all_the_same(launcher: Launcher) -> None:
    frontend = launcher.start("frontend", BACKEND_URL="http://127.0.0.1:9", APP_FAULT="slow", DAPR_ENABLED="false")
    assert frontend.call("GET", "/").status == 200
    assert frontend.metric('http_request_duration_seconds_sum{method="GET",route="/"}') >= 0.1


def test_nobody_there_is_said_in_a_sentence(dependencies: Path, launcher: Launcher) -> None:
    env = {**os.environ, "PYTHONPATH": f"{dependencies}:{APPS}", "FRONTEND_URL": "nowhere"}
    done = subprocess.run(
        [*PYTHON, "-m", "frontend.transaction"], env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("register: no answer (")
