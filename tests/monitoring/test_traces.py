"""One request is followed through the ingress, every service and the broker; whoever receives the spans may be dead."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import httpx
import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.observing.logs import lines
from ansible_collections.todo.cloud.plugins.module_utils.observing.source import Source

from tests.e2e.conftest import NAMESPACE, Cluster, User, until
from tests.monitoring.conftest import RECEIVER_OF_SPANS

DUE = "2026-01-31"


class Span(NamedTuple):
    app: str
    name: str
    trace: str


Spans = Callable[[str], list[Span]]


@pytest.fixture
def spans(watched: Cluster) -> Spans:
    """Of a trace, as OpenTelemetry's collector prints what sidecars sent it."""

    def arrived(trace: str) -> list[Span]:
        found, app, of = [], "", ""
        for line in watched.kubectl("logs", "-n", "monitoring", RECEIVER_OF_SPANS).splitlines():
            if match := re.search(r"-> service\.name: Str\((.+)\)", line):
                app = match[1]
            elif match := re.search(r"^\s+Trace ID\s*: (\w+)", line):
                of = match[1]
            elif of == trace and (match := re.search(r"^\s+Name\s*: (.+)", line)):
                found.append(Span(app, match[1].strip(), trace))
        return found

    return arrived


def finished(user: User, base: str, host: str, flags: str = "01") -> tuple[str, str]:
    """A daily task that was completed at the public door; the id of that request's trace, and of the task."""
    task = user.add("every day", due=DUE, recurrence="daily")["id"]
    trace = secrets.token_hex(16)
    cookies = "; ".join(f"{name}={text}" for name, text in user.http.cookies.items())
    headers = {"Host": host, "Cookie": cookies, "traceparent": f"00-{trace}-{secrets.token_hex(8)}-{flags}"}
    with httpx.Client(base_url=base, verify=False, timeout=10, headers=headers) as http:
        answer = http.post(f"/api/tasks/{task}/complete")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-trace-id"] == trace
    return trace, task


def has_next(user: User, task: str) -> Any:
    return [each for each in user.tasks() if each["parent_task_id"] == task]


@pytest.fixture
def door(watched: Cluster) -> tuple[str, str]:
    return f"https://{watched.public_ip}:{watched.facts['https_port']}", "todo.local.test"


def test_one_trace_goes_through_everything(
    watched: Cluster, spans: Spans, door: tuple[str, str], user: User, kube: KubeSession
) -> None:
    """Ingress -> frontend -> backend-api -> broker -> recurring-task-service -> backend-api -> broker again."""
    unseen, first = finished(user, *door, flags="00")
    until(lambda: has_next(user, first), 60, "the next task")
    trace, task = finished(user, *door)
    until(lambda: has_next(user, task), 60, "the next task")

    def published_twice() -> list[Span]:
        seen = spans(trace)
        published = [each for each in seen if each.app == "backend-api"]
        delivered = [each for each in seen if each.app == "recurring-task-service"]
        return seen if len(published) >= 2 and len(delivered) >= 2 else []

    found = until(published_twice, 60, "spans of both events, sent and delivered", 1)
    print(f"\nspans of one trace: {sorted({(each.app, each.name) for each in found})}")
    assert any("task-events" in each.name for each in found if each.app == "recurring-task-service")
    assert spans(unseen) == [], "a trace that is not sampled sends no spans"

    source = Source(kube, "VictoriaLogs", "", "monitoring", "victoria-logs", 9428)
    wanted = {"namespace": NAMESPACE, "with_namespaces": ["traefik"], "since": "1h", "limit": 100, "labels": {}}
    steps = [
        ("traefik", f"POST todo.local.test/api/tasks/{task}/complete 200"),
        ("frontend", f"POST /api/tasks/{task}/complete 200"),
        ("backend-api", f"POST /api/tasks/{task}/complete 200"),
        ("recurring-task-service", "next instance created"),
        ("backend-api", f"POST /internal/tasks/{task}/next 201"),
    ]

    def told() -> set[tuple[str, str]]:
        return {(line["container"], line["message"]) for line in lines(source, {**wanted, "trace_id": trace})}

    until(lambda: set(steps) <= told(), 60, f"{steps} in the logs", 1)
    assert ("backend-api", f"POST /api/tasks/{first}/complete 200") not in told()
    began = time.monotonic()
    assert len(lines(source, {**wanted, "trace_id": trace})) >= len(steps)
    print(f"an hour of logs by a trace id: {time.monotonic() - began:.2f} s")
    shown = watched.playbook("playbooks/logs.yml", "-e", f"trace={trace}", "-e", "since=1h").ok()
    assert all(message in " ".join(shown.output.split()) for _container, message in steps), shown.output[-3000:]


def test_a_dead_receiver_is_of_no_matter(watched: Cluster, door: tuple[str, str], user: User) -> None:
    """Stands last: it takes the receiver away."""
    watched.kubectl("delete", "pod", "-n", "monitoring", RECEIVER_OF_SPANS, "--grace-period=1")
    watched.kubectl("rollout", "restart", "-n", NAMESPACE, "deployment/recurring-task-service")
    watched.kubectl("rollout", "status", "-n", NAMESPACE, "deployment/recurring-task-service", "--timeout=180s")
    slowest = 0.0
    for _ in range(10):
        began = time.monotonic()
        _trace, task = finished(user, *door)
        slowest = max(slowest, time.monotonic() - began)
        until(partial(has_next, user, task), 60, "the next task")
    print(f"\nwithout a receiver ten requests took {slowest:.2f} s at most")
    pods = [pod for app in ("backend-api", "recurring-task-service") for pod in watched.pods(app)]
    assert all(each["ready"] for pod in pods for each in pod["status"]["containerStatuses"])
