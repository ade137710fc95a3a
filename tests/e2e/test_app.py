"""A task's life through the public endpoint, through real Dapr and the real broker."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from typing import Any

import httpx

from tests.e2e.conftest import NAMESPACE, Cluster, User, Watcher, until
from tests.support.patience import patience

SERVICES = ("backend-api", "frontend", "recurring-task-service", "notification-service", "sse-gateway")


def pod_answer(cluster: Cluster, pod: str, path: str) -> str:
    return cluster.kubectl("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8080/proxy{path}")


def logs(cluster: Cluster, release: str) -> list[dict[str, Any]]:
    text = cluster.kubectl(
        "logs", "-n", NAMESPACE, "-l", f"app.kubernetes.io/instance={release}", "-c", release, "--tail=-1"
    )
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def broker_tool(cluster: Cluster, command: str, lines: str = "") -> subprocess.CompletedProcess[str]:
    """One of Kafka's own tools inside the broker's pod; ``lines``: its standard input."""
    java = f"set -f; exec /opt/jre/bin/java -Xmx64m -cp /opt/kafka/libs/* org.apache.kafka.tools.{command}"
    return subprocess.run(
        ["kubectl", "exec", "-i", "-n", "kafka", "kafka-0", "-c", "kafka", "--", "/bin/sh", "-c", java],
        env=cluster.environ,
        text=True,
        input=lines,
        capture_output=True,
        timeout=patience(60),
        check=False,
    )


def broker_messages(cluster: Cluster, topic: str) -> list[dict[str, Any]]:
    """Everything on a topic, read by Kafka's own console consumer inside the broker's pod: no Dapr on the way."""
    silence = round(1000 * patience(4))  # after so many ms the topic has no more
    where = f"--bootstrap-server 127.0.0.1:9094 --topic {topic}"
    done = broker_tool(cluster, f"consumer.ConsoleConsumer {where} --from-beginning --timeout-ms {silence}")
    assert "Processed a total of" in done.stderr, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_every_service_answers_on_all_its_ports(app: Cluster) -> None:
    for release in SERVICES:
        pods = app.pods(release)
        assert pods, f"{release} has no pod"
        for pod in pods:
            name = pod["metadata"]["name"]
            assert json.loads(pod_answer(app, name, "/health"))["version"] == "v1.0.0"
            pod_answer(app, name, "/ready")
            assert "# TYPE" in pod_answer(app, name, "/metrics")


def test_logs_are_json_with_the_facts_that_find_a_line_again(app: Cluster, user: User) -> None:
    user.add("logged")
    lines = logs(app, "backend-api")
    assert lines
    assert all({"service", "version", "pod"} <= line.keys() for line in lines)
    assert any(line.get("trace_id") for line in lines)


def test_a_task_lives_from_the_endpoint_to_the_topic(app: Cluster, user: User) -> None:
    task = user.add("buy milk")
    assert [t["id"] for t in user.tasks()] == [task["id"]]
    assert user.http.post(f"/api/tasks/{task['id']}/complete").status_code == 200
    assert user.tasks()[0]["completed_at"]
    assert user.http.delete(f"/api/tasks/{task['id']}").status_code in (200, 204)
    assert user.tasks() == []

    def seen() -> set[str]:
        return {
            m["type"]
            for m in broker_messages(app, f"{NAMESPACE}task-events")
            if m["data"].get("task", m["data"]).get("id") == task["id"]
        }

    until(
        lambda: seen() >= {"task.created", "task.completed", "task.deleted"}, 30, "task events on the topic", interval=1
    )


def test_completing_a_recurring_task_makes_the_next_one(user: User) -> None:
    task = user.add("pay rent", due="2199-01-31", recurrence="monthly")
    assert user.http.post(f"/api/tasks/{task['id']}/complete").status_code == 200
    following = until(
        lambda: [t for t in user.tasks() if not t["completed_at"]], 30, "the next instance of a recurring task"
    )
    assert len(following) == 1
    assert following[0]["due"] == "2199-02-28"


def test_a_reminder_reaches_the_notification_service(app: Cluster, user: User) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    task = user.add("call mother", remind_at=soon.isoformat())
    until(
        lambda: any(
            task["id"] in json.dumps(line) and "call mother" in json.dumps(line)
            for line in logs(app, "notification-service")
        ),
        60,
        "the reminder in the notification service's log",
        interval=0.5,
    )


def test_browsers_see_changes_as_they_happen(user: User) -> None:
    with user.http.stream("GET", "/events", timeout=patience(20)) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        next(lines)
        task = user.add("seen live")
        assert any(task["id"] in line for line in lines)


def test_bad_input_is_answered_with_a_sentence(user: User, endpoint: str) -> None:
    assert user.http.post("/api/tasks", json={"title": ""}).status_code == 422
    assert httpx.get(f"{endpoint}/api/tasks").status_code == 401


def test_data_survive_the_loss_of_every_pod(app: Cluster, user: User) -> None:
    task = user.add("survives")
    lost = {pod["metadata"]["uid"] for pod in app.get("pods")}
    app.kubectl("delete", "pods", "-n", NAMESPACE, "--all", "--wait=false")
    app.kubectl("delete", "pods", "-n", "kafka", "--all", "--wait=false")

    def back() -> bool:
        """New pods, all available: sidecars that found no broker yet have exited and begun again meanwhile."""
        if lost & {pod["metadata"]["uid"] for pod in app.get("pods")}:
            return False
        if any(d["status"].get("availableReplicas", 0) < d["spec"]["replicas"] for d in app.get("deployments")):
            return False
        try:
            return [t["id"] for t in user.tasks()] == [task["id"]]
        except (AssertionError, httpx.HTTPError):
            return False

    until(back, 180, "the task listed again by new pods", interval=0.5)
    app.playbook("playbooks/verify.yml").ok()


def test_a_killed_pod_is_replaced_without_a_failed_request(app: Cluster, endpoint: str) -> None:
    """One of two replicas dies under load: the other carries on and the lost one is back within ten seconds."""
    assert app.get("deployment", "frontend")["spec"]["replicas"] == 2, "the local inventory runs two frontends"
    victim = app.pods("frontend")[0]["metadata"]["name"]

    def replaced() -> bool:
        ready = [
            p
            for p in app.pods("frontend")
            if p["metadata"]["name"] != victim
            and any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"].get("conditions", []))
        ]
        return len(ready) == 2

    with Watcher(endpoint).watching() as load:
        app.kubectl("delete", "pod", victim, "-n", NAMESPACE, "--wait=false")
        until(replaced, 10, "two ready frontends")
    assert load.failures == [], f"{len(load.failures)} of {load.requests} requests failed"
