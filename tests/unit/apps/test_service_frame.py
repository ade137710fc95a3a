"""What every service has: probes, metrics, JSON logs, a clear word at a bad start, a graceful end, faults."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.cluster.ports import free_port
from tests.unit.apps.conftest import SECRET_KEY, SERVICE_TOKEN, User
from tests.unit.apps.postgres import Postgres
from tests.unit.apps.processes import Launcher, Running, wait_until
from tests.unit.apps.sidecar import Sidecar

SERVICES = ("backend_api", "recurring_task_service", "notification_service", "sse_gateway", "frontend")


@pytest.fixture(scope="module")
def environment(postgres: Postgres, database: str, sidecar: Sidecar) -> dict[str, Any]:
    """Enough for any of them."""
    return {
        "DATABASE_URL": postgres.url(database),
        "SECRET_KEY": SECRET_KEY,
        "SERVICE_TOKEN": SERVICE_TOKEN,
        "DAPR_HTTP_PORT": sidecar.port,
        "APP_VERSION": "v1.1.0",
    }


@pytest.fixture(scope="module", params=SERVICES)
def service(
    request: pytest.FixtureRequest, launcher: Launcher, backend: Running, environment: dict[str, Any]
) -> Running:
    return launcher.start(request.param, BACKEND_URL=backend.url, **environment)


def test_each_describes_itself(service: Running) -> None:
    name = service.module.replace("_", "-")
    assert service.call("GET", "/health").json == {"status": "ok", "service": name, "version": "v1.1.0"}
    wait_until(lambda: service.call("GET", "/ready").status == 200, "ready")
    assert service.metric(f'build_info{{service="{name}",version="v1.1.0"}}') == 1
    assert service.metric('http_requests_total{method="GET",route="/ready",status="200"}') >= 1
    assert service.metric("process_resident_memory_bytes") > 0


def test_each_logs_json_with_the_trace(service: Running) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = service.call("GET", "/no-such-path?x=1", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert (answer.status, answer.headers["x-trace-id"]) == (404, trace)
    [line] = wait_until(lambda: service.logged("GET /no-such-path 404"), "logged")
    assert line["service"] == service.module.replace("_", "-")
    assert (line["version"], line["pod"], line["trace_id"]) == ("v1.1.0", f"{service.module}-pod", trace)
    assert (line["level"], line["status"], line["path"]) == ("info", 404, "/no-such-path")
    assert datetime.fromisoformat(line["time"]).tzinfo


def test_a_broken_traceparent_starts_a_trace_of_its_own(service: Running) -> None:
    zeros = "00-00000000000000000000000000000000-0000000000000000-00"
    for given in ("nonsense", zeros):
        trace = service.call("GET", "/health", headers={"traceparent": given}).headers["x-trace-id"]
        assert re.fullmatch("[0-9a-f]{32}", trace)
        assert trace not in zeros


def test_without_its_sidecar_it_is_alive_but_not_ready(service: Running, sidecar: Sidecar) -> None:
    sidecar.healthy = False
    service.is_unready_since(dapr="the Dapr sidecar answers 500")
    assert service.call("GET", "/health").status == 200
    sidecar.healthy = True
    wait_until(service.ready, "ready again")


def test_each_ends_with_zero(service: Running) -> None:
    """Stands last: it ends the module's instance."""
    service.signal()
    wait_until(lambda: service.call("GET", "/ready").status == 503, "draining", 10)
    answer = service.call("GET", "/health")
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert service.stop() == 0
    assert service.logged("draining")
    assert service.logged("stopped")
    assert not [line for line in service.lines() if line["level"] == "error"]


# --- the sidecar never came ---


def test_a_pod_without_daprd_is_never_ready(launcher: Launcher, environment: dict[str, Any]) -> None:
    service = launcher.start("notification_service", **environment | {"DAPR_HTTP_PORT": free_port()})
    service.is_unready_since(dapr="the Dapr sidecar does not answer (ConnectError)")
    assert service.logged("not ready: dapr:")


# --- a bad start ---


@pytest.mark.parametrize(
    ("module", "env", "says"),
    [
        ("backend_api", {"DATABASE_URL": ""}, "DATABASE_URL is not set; backend-api needs it: where the tasks are"),
        (
            "backend_api",
            {"DATABASE_URL": "mysql://u:hunter2@h/d"},
            "DATABASE_URL is not a PostgreSQL connection string",
        ),
        ("backend_api", {"SECRET_KEY": ""}, "SECRET_KEY is not set; backend-api needs it"),
        ("backend_api", {"SECRET_KEY": "hunter2"}, "SECRET_KEY is too short: it needs at least 32 bytes"),
        ("backend_api", {"SERVICE_TOKEN": ""}, "SERVICE_TOKEN is not set; backend-api needs it"),
        ("recurring_task_service", {"SERVICE_TOKEN": ""}, "SERVICE_TOKEN is not set; recurring-task-service needs it"),
        ("frontend", {"BACKEND_URL": "backend"}, "BACKEND_URL must be a URL such as http://backend-api"),
        ("frontend", {"LOG_LEVEL": "loud"}, "LOG_LEVEL must be debug, info, warning or error, not 'loud'"),
        ("frontend", {"DAPR_ENABLED": "yes"}, "DAPR_ENABLED must be true or false, not 'yes'"),
        ("frontend", {"DAPR_HTTP_PORT": "x"}, "DAPR_HTTP_PORT must be a port number, not 'x'"),
        ("frontend", {"APP_FAULT": "crush"}, "APP_FAULT is 'crush'; known are crash, never-ready"),
    ],
)
def test_a_bad_environment_ends_the_start_with_one_line(
    launcher: Launcher, environment: dict[str, Any], module: str, env: dict[str, str], says: str
) -> None:
    service = launcher.start(module, wait=False, **environment | env)
    assert service.process.wait(60) == 1
    [line] = service.lines()
    assert line["level"] == "error"
    assert line["message"].startswith(f"can't start: {says}")
    assert "hunter2" not in line["message"]


def test_a_port_that_is_taken_ends_the_start(launcher: Launcher, environment: dict[str, Any]) -> None:
    with socket.create_server(("0.0.0.0", free_port())) as taken:
        service = launcher.start("frontend", wait=False, **environment | {"PORT": taken.getsockname()[1]})
        assert service.process.wait(60) != 0
        assert service.logged("address already in use")


# --- a graceful end under way ---


def test_running_requests_finish_before_the_end(
    start_backend: Callable[..., Running], backend: Running, user: User, postgres: Postgres, database: str
) -> None:
    leaving = start_backend()
    asking = http.client.HTTPConnection("127.0.0.1", leaving.port, timeout=30)
    with postgres.holding(database, "LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE"):
        asking.request("GET", "/api/tasks", headers={"authorization": f"Bearer {user.token}"})
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        wait_until(lambda: postgres.sql(database, waiting)[0] != ["0"], "the request waits for the lock")
        leaving.signal()
        # past the draining: the server has stopped listening, and waits for this request
        wait_until(lambda: not leaving.healthy(), "it takes no connection any more", 30)
        assert leaving.process.poll() is None
    response = asking.getresponse()
    assert response.status == 200
    assert response.getheader("connection") == "close"
    response.read()
    asking.close()
    assert leaving.stop() == 0


def test_open_connections_are_asked_to_close(start_backend: Callable[..., Running]) -> None:
    """A client that holds a connection learns from the next answer that it must open another."""
    leaving = start_backend()
    connection = http.client.HTTPConnection("127.0.0.1", leaving.port, timeout=30)

    def ask() -> Any:
        connection.request("GET", "/health")
        response = connection.getresponse()
        response.read()
        return response

    assert ask().getheader("connection") is None
    assert connection.sock is not None
    leaving.signal()
    wait_until(lambda: leaving.logged("draining"), "draining")
    assert ask().getheader("connection") == "close"
    assert leaving.stop() == 0


# --- faults on purpose ---


def test_fault_crash(launcher: Launcher, environment: dict[str, Any]) -> None:
    service = launcher.start("backend_api", wait=False, **environment | {"APP_FAULT": "crash"})
    assert service.process.wait(60) == 1
    [line] = service.lines()
    assert line["level"] == "error"
    assert line["message"] == "can't start: APP_FAULT=crash: this version fails at start, on purpose"


def test_fault_never_ready(launcher: Launcher, environment: dict[str, Any]) -> None:
    service = launcher.start("backend_api", **environment | {"APP_FAULT": "never-ready"})
    ready = service.call("GET", "/ready")
    assert ready.status == 503
    assert "APP_FAULT=never-ready" in ready.json["reasons"]["fault"]
    assert service.call("GET", "/health").status == 200
    assert service.logged("not ready: fault: APP_FAULT=never-ready")


def test_fault_wrong_port(launcher: Launcher, environment: dict[str, Any]) -> None:
    service = launcher.start("backend_api", wait=False, **environment | {"APP_FAULT": "wrong-port"})
    wait_until(lambda: service.logged("listening on 8081 instead of"), "it says so")
    # it came up, or something else on this machine has that port
    wait_until(lambda: service.logged("started") or service.process.poll() is not None, "it is up")
    assert not service.healthy()
    if service.process.poll() is not None:
        assert service.logged("address already in use")


def test_fault_oom(launcher: Launcher, environment: dict[str, Any]) -> None:
    """A limit on its address space stands for the memory limit of a pod."""
    limited = ["prlimit", f"--as={800 * 1024 * 1024}"]
    service = launcher.start("backend_api", wait=False, before=limited, **environment | {"APP_FAULT": "oom"})
    assert service.process.wait(60) == 1
    [line] = service.logged("was not killed")
    taken = re.search(r"took (\d+) MiB", line["message"])
    assert taken
    assert int(taken[1]) > 200


def test_fault_slow_start(launcher: Launcher, environment: dict[str, Any]) -> None:
    service = launcher.start("backend_api", wait=False, **environment | {"APP_FAULT": "slow-start"})
    wait_until(lambda: service.logged("listening in 20 s"), "it says so")
    assert not service.healthy()
    wait_until(service.healthy, "it listens after all")
