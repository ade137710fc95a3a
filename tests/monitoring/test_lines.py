"""Every part logs JSON, which the store takes apart; no credential of a request is in it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.observing.source import Source

from tests.e2e.conftest import NAMESPACE, Cluster, User, until
from tests.monitoring.conftest import CANARY

# By namespace the containers whose lines are looked at.
PARTS = {
    NAMESPACE: {
        "backend-api", "frontend", "notification-service", "recurring-task-service", "sse-gateway", "daprd",
        "consumer-lag",
    },
    "traefik": {"traefik"},
    "kafka": {"kafka"},
}  # fmt: skip
Asked = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def logs(watched: Cluster, kube: KubeSession) -> Asked:
    source = Source(kube, "VictoriaLogs", "", "monitoring", "victoria-logs", 9428)

    def asked(query: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in source.get("select/logsql/query", {"query": query}).splitlines()]

    return asked


def test_every_part_logs_json(logs: Asked, user: User) -> None:
    user.add("said")
    by = "kubernetes.pod_namespace, kubernetes.container_name"

    def told(more: str) -> dict[tuple[str, str], int]:
        rows = logs(f"_time:1h {more} | stats by ({by}) count() lines")
        return {tuple(row[name] for name in by.split(", ")): int(row["lines"]) for row in rows}

    wanted = {(namespace, name) for namespace, names in PARTS.items() for name in names}
    until(lambda: wanted <= set(told("level:*")), 60, f"lines with a level of {sorted(wanted)}", 1)
    text = '-level:* -"traces export"'  # what OpenTelemetry's exporter in a sidecar says while its receiver is away
    other = {part: count for part, count in told(text).items() if part in wanted}
    shown = logs(f"_time:1h {text} | fields kubernetes.container_name, _msg | limit 20")
    formatting = other.pop(("kafka", "kafka"), 0)  # Kafka's tool says by text that it makes a new volume ready
    assert formatting < told("level:*")[("kafka", "kafka")] / 10, shown
    assert other == {}, f"lines that are no JSON: {shown}"


def test_a_services_line_says_who_and_which_trace(logs: Asked, user: User) -> None:
    user.add("traced")
    query = f'_time:1h "kubernetes.pod_namespace":="{NAMESPACE}" service:="backend-api" path:="/api/tasks" trace_id:*'
    (line,) = until(lambda: logs(f'{query} method:="POST" | limit 1'), 60, "a line of the access log", 1)
    assert line["pod"] == line["kubernetes.pod_name"]
    assert (line["version"], line["level"]) == ("v1.0.0", "info")
    assert len(line["trace_id"]) == 32


def test_the_public_door_keeps_no_credential(watched: Cluster, logs: Asked) -> None:
    base = f"https://{watched.public_ip}:{watched.facts['https_port']}"
    headers = {"Host": "todo.local.test", "Authorization": f"Bearer {CANARY}", "Cookie": f"todo_session={CANARY}"}
    with httpx.Client(base_url=base, verify=False, timeout=10, headers=headers) as http:
        answer = http.get(f"/api/me?token={CANARY}")
    assert answer.status_code == 401
    trace = answer.headers["x-trace-id"]
    here = '_time:1h "kubernetes.pod_namespace":="traefik"'
    (line,) = until(lambda: logs(f'{here} "downstream_X-Trace-Id":="{trace}"'), 60, "the line of the request", 1)
    assert (line["RequestPath"], line["DownstreamStatus"]) == ("/api/me", "401")
    assert CANARY not in json.dumps(line)
    assert logs(f'_time:1h "{CANARY}" | limit 1') == []


def test_an_hour_answers_at_once(logs: Asked) -> None:
    here = f'_time:1h "kubernetes.pod_namespace":="{NAMESPACE}"'
    for what, query in {
        "service": f'{here} service:="backend-api" | sort by (_time) desc limit 200',
        "level": f'{here} level:i("error") | sort by (_time) desc limit 200',
        "all": f"{here} | stats by (service, level) count()",
    }.items():
        seconds = []
        for _ in range(3):
            began = time.monotonic()
            logs(query)
            seconds.append(time.monotonic() - began)
        print(f"\nan hour of logs by {what}: {min(seconds):.2f} s")
        assert min(seconds) < 2
