"""What is seen, what fires, what arrives and what is found again, in this order. Prints its figures (pytest -s)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from ansible_collections.todo.cloud.plugins.module_utils.environments.account import Account, issue
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.observing.kept import KeptLogs, LogStore
from ansible_collections.todo.cloud.plugins.module_utils.observing.logs import lines
from ansible_collections.todo.cloud.plugins.module_utils.observing.source import Source
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import Target
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import RolloutWaiter, WaitOptions

from tests.e2e.conftest import NAMESPACE, TOP, Cluster, User, until
from tests.monitoring.conftest import CANARY, Prometheus, apply, pod

SERVICES = ("backend-api", "frontend", "notification-service", "recurring-task-service", "sse-gateway")
DASHBOARDS = sorted((TOP / "charts/observability/files/dashboards").glob("*.json"))
FUNCTIONS = {
    "and", "bool", "by", "changes", "clamp_max", "count", "histogram_quantile", "ignoring", "increase", "label_replace",
    "max", "min", "on", "or", "max_over_time", "quantile", "rate", "sum", "time", "unless",
}  # fmt: skip
# Not here: only one of the two forms of a sidecar runs, and no deployment failed or was one of a commit.
ELSEWHERE = {
    "kube_pod_container_info", "kube_pod_init_container_info", "todo:runs:lead_seconds", "todo:runs:restore_seconds",
    "todo:deployments:lead_seconds", "todo:deployments:restore_seconds",
}  # fmt: skip
DRIFTED = f'todo:environment:drifted_releases{{namespace="{NAMESPACE}"}}'
Arrived = Callable[[], list[tuple[str, ...]]]


def test_all_that_is_described_is_read(prometheus: Prometheus) -> None:
    wanted = {
        f"monitoring/{name}"
        for name in (*SERVICES, "daprd", "consumer-lag", "dapr-control-plane", "ingress", "cert-manager")
    }

    def read() -> bool:
        targets = prometheus.api("targets?state=active")["activeTargets"]
        up = {each["labels"]["job"] for each in targets if each["health"] == "up"}
        down = {each["labels"]["job"] for each in targets if each["health"] == "down"}
        return wanted <= up and not wanted & down

    until(read, 180, f"all of {sorted(wanted)} are read")
    groups = {group["name"] for group in prometheus.api("rules")["groups"]}
    assert {"todo-local-records", "todo-local", "todo-platform"} <= groups


def test_a_change_is_seen_within_a_minute(watched: Cluster, prometheus: Prometheus) -> None:
    """At the usual interval of 30 s; here it is 5 s."""
    query = f'kube_deployment_spec_replicas{{namespace="{NAMESPACE}",deployment="sse-gateway"}}'
    until(lambda: prometheus.number(query) == 1, 60, "one pod")
    began = time.monotonic()
    watched.kubectl("scale", "-n", NAMESPACE, "deployment/sse-gateway", "--replicas=2")
    until(lambda: prometheus.number(query) == 2, 60, "two pods")
    print(f"\na change is in Prometheus after {time.monotonic() - began:.1f} s (read every 5 s)")
    watched.kubectl("scale", "-n", NAMESPACE, "deployment/sse-gateway", "--replicas=1")


def test_a_storm_of_errors_arrives_and_resolves(
    watched: Cluster, prometheus: Prometheus, alerts: Arrived, user: User
) -> None:
    user.add("before")
    (front, *_) = watched.pods("frontend")
    url = f"http://{front['status']['podIP']}:8080/api/tasks"
    watched.kubectl("scale", "-n", NAMESPACE, "deployment/backend-api", "--replicas=0")
    began, fired = time.monotonic(), ""

    session = {"Cookie": "; ".join(f"{name}={text}" for name, text in user.http.cookies.items())}

    def arrives() -> str:
        with httpx.Client(timeout=10, headers=session) as http:
            for _ in range(5):
                assert http.get(url).status_code in (200, 500, 502, 503, 504)
        found = [each for each in alerts() if each[:2] == ("firing", "ServiceErrors")]
        return "|".join(found[0]) if found else ""

    try:
        fired = until(arrives, 240, "ServiceErrors arrives at the webhook", 1)
    finally:
        watched.kubectl("scale", "-n", NAMESPACE, "deployment/backend-api", "--replicas=1")
    print(f"\n5xx arrives after {time.monotonic() - began:.0f} s (for: 15 s, group_wait: 5 s): {fired}")
    assert re.search(
        r"\|frontend in todo-local answers .+% of its requests with 5xx\|https://.+#an-alert-arrives$", fired
    )
    watched.kubectl("rollout", "status", "-n", NAMESPACE, "deployment/backend-api", "--timeout=120s")
    until(lambda: any(each[:2] == ("resolved", "ServiceErrors") for each in alerts()), 600, "it resolves", 2)
    print(f"resolved {time.monotonic() - began:.0f} s after the storm began (group_interval: 10 s)")


def test_a_container_that_was_oom_killed_is_told(watched: Cluster, alerts: Arrived, tmp_path: Path) -> None:
    probe = {"exec": {"command": ["python3", "-c", ""]}, "periodSeconds": 60}
    greedy = pod("greedy", "import time; time.sleep(15); x = bytearray(10**9)", "48Mi", readinessProbe=probe)
    apply(watched, NAMESPACE, tmp_path, greedy)
    try:
        until(lambda: any(each[1] == "PodOutOfMemory" for each in alerts()), 300, "PodOutOfMemory arrives", 2)
    finally:
        watched.kubectl("delete", "pod", "-n", NAMESPACE, "greedy", "--wait=false")


def test_what_somebody_changed_is_told_until_it_is_verified_again(
    watched: Cluster, prometheus: Prometheus, alerts: Arrived
) -> None:
    until(lambda: prometheus.number(DRIFTED) == 0, 180, "the deployment told that nothing differs", 2)
    watched.kubectl("label", "-n", NAMESPACE, "deployment/sse-gateway", "tried=yes")
    try:
        done = watched.playbook("playbooks/verify.yml").ok()
        said = " ".join(done.output.split())
        assert "sse-gateway differs from release set" in said
        assert "metadata.labels.tried is" in said
        began = time.monotonic()
        arrived = until(
            lambda: [each for each in alerts() if each[:2] == ("firing", "EnvironmentDrifted")], 300, "it arrives", 2
        )
        print(f"\nEnvironmentDrifted arrives {time.monotonic() - began:.0f} s after the verification: {arrived[0]}")
    finally:
        watched.kubectl("label", "-n", NAMESPACE, "deployment/sse-gateway", "tried-")
    assert "differs" not in watched.playbook("playbooks/verify.yml").ok().output
    began = time.monotonic()
    until(lambda: any(each[:2] == ("resolved", "EnvironmentDrifted") for each in alerts()), 600, "it resolves", 2)
    print(f"resolved {time.monotonic() - began:.0f} s after the next verification")


def test_the_figures_are_those_of_the_history(watched: Cluster, prometheus: Prometheus, tmp_path: Path) -> None:
    file = tmp_path / "history.json"
    watched.playbook("playbooks/history.yml", "-e", f"history_file={file}").ok()
    figures = json.loads(file.read_text())["figures"]
    assert figures["deployments"] >= 1
    here = f'{{namespace="{NAMESPACE}"}}'
    wanted = (figures["deployments_per_day"], figures["change_failure_rate"])

    def found() -> tuple[float, float]:
        return (
            round(prometheus.number(f"todo:deployments:per_day{here}") or 0, 3),
            round(prometheus.number(f"todo:deployments:failure_ratio{here}") or 0, 4),
        )

    until(lambda: found() == wanted, 180, f"Prometheus has {wanted}", 2)
    assert len(prometheus(f"todo:runs:began_seconds{here}")) >= figures["deployments"]


def names_of(query: str) -> set[str]:
    """Metrics that a query names."""
    bare = re.sub(r'"[^"]*"', " ", query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|ignoring)\s*\([^)]*\)", " ", bare)
    return set(re.findall(r"(?<![\w:.])[a-zA-Z_][\w:]*", bare)) - FUNCTIONS


def test_every_metric_that_a_rule_or_a_panel_names_is_there(
    watched: Cluster, prometheus: Prometheus, user: User, tmp_path: Path
) -> None:
    metadata = {"name": "trial", "labels": {"app": "trial"}}
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "sse-gateway"}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 90}}
    scaler = {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata,
        "spec": {"scaleTargetRef": reference, "maxReplicas": 1, "metrics": [{"type": "Resource", "resource": cpu}]},
    }  # fmt: skip
    apply(watched, NAMESPACE, tmp_path, scaler)
    user.add("again")
    base = f"https://{watched.public_ip}:{watched.facts['https_port']}"
    with httpx.Client(verify=False, timeout=10) as http:
        http.get(base, headers={"Host": "todo.local.test"})
    queries = [panel["expr"] for panel in every_panel()]
    queries += [rule["query"] for group in prometheus.api("rules")["groups"] for rule in group["rules"]
                if group["name"].startswith("todo-")]  # fmt: skip
    wanted = {name for query in queries for name in names_of(query)} - ELSEWHERE
    assert len(wanted) > 30

    def missing() -> list[str]:
        there = set(prometheus.api("label/__name__/values"))
        return sorted(wanted - there - {"ALERTS"})

    try:
        until(lambda: not missing(), 120, "every metric is there", 2)
    finally:
        print(f"\n{len(wanted)} metrics are named; missing: {missing()}")
        watched.kubectl("delete", "hpa", "-n", NAMESPACE, "trial")


def every_panel() -> list[dict[str, Any]]:
    boards = [json.loads(path.read_text()) for path in DASHBOARDS]
    return [
        {**target, "title": panel["title"]}
        for board in boards
        for panel in board["panels"]
        for target in panel["targets"]
    ] + [{**each, "title": each["name"]} for board in boards for each in board["annotations"]["list"]]


def test_every_panel_answers(prometheus: Prometheus) -> None:
    empty = [each["title"] for each in every_panel() if not prometheus(each["expr"].replace("$namespace", NAMESPACE))]
    print(f"\npanels without a series at this moment: {empty}")
    assert {"Requests", "Memory, of the limit", "Pods ready", "Versions that answer", "Sidecars that answer"} & {
        *empty
    } == set()


def test_logs_of_a_pod_that_is_gone_are_found(watched: Cluster, kube: KubeSession, user: User) -> None:
    user.add("for the log")
    (gone, *_) = watched.pods("backend-api")
    name = gone["metadata"]["name"]
    time.sleep(3)  # what it said last is on its way
    watched.kubectl("delete", "pod", "-n", NAMESPACE, name)
    done = watched.playbook(
        "playbooks/logs.yml", "-e", "service=backend-api", "-e", "since=1h", "-e", f"pod={name}"
    ).ok()
    assert re.search(rf"{name} backend-api info", " ".join(done.output.split())), done.output[-2000:]
    other = watched.playbook(
        "playbooks/logs.yml", "-e", "service=backend-api", "-e", "level=debug", "-e", "since=1s"
    ).ok()
    assert "no such line" in other.output
    source = Source(kube, "VictoriaLogs", "", "monitoring", "victoria-logs", 9428)
    began = time.monotonic()
    found = lines(source, {"namespace": NAMESPACE, "since": "1h", "limit": 1000, "labels": {}})
    seconds = time.monotonic() - began
    print(f"\n{len(found)} lines of the last hour in {seconds:.2f} s")
    assert seconds < 2 or len(found) == 0, "an hour of logs"
    assert found


def test_a_job_whose_pod_is_gone_has_its_last_words(watched: Cluster, kube: KubeSession, tmp_path: Path) -> None:
    """With the rights of the environment's deployer. Of a pod that was deleted nothing else is left."""
    said = "FATAL: relation tasks is missing"
    amounts = {"cpu": "50m", "memory": "32Mi"}
    told = pod("x", f"print({said!r}, flush=True); import time; time.sleep(600)", "32Mi")["spec"]
    told["containers"][0]["resources"] = {"requests": amounts, "limits": amounts}
    job = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "last-words"},
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": {"app": "last-words"}},
                                                 "spec": {**told, "restartPolicy": "Never"}}},
    }  # fmt: skip
    apply(watched, NAMESPACE, tmp_path, job)
    store = LogStore()
    labels = {"batch.kubernetes.io/job-name": "last-words"}
    of = {"namespace": NAMESPACE, "labels": labels}
    account = Account(NAMESPACE, "deployer", tmp_path / "kubeconfig", 600, "monitoring")
    issue(kube, kube.kubeconfig()["clusters"][0]["cluster"], account)
    try:
        until(lambda: said in KeptLogs(kube, store).tail(of, 600, 5), 120, "its line is kept", 1)
        watched.kubectl("delete", "pod", "-n", NAMESPACE, "-l", "app=last-words", "--grace-period=0", "--force")
        with KubeSession({"kubeconfig": str(account.path)}) as deployer:
            waiter = RolloutWaiter(deployer, WaitOptions(timeout=120, log_store=store), print)
            (failure,) = waiter.wait([Target("batch/v1", "Job", NAMESPACE, "last-words")]).failures
    finally:
        watched.kubectl("delete", "job", "-n", NAMESPACE, "last-words", "--wait=false")
    print(f"\n{failure.message}\n{failure.details['could_not_read']}")
    assert failure.code is Code.JOB_FAILED
    assert said in failure.message
    assert (failure.details["log_tail"], failure.details["log_source"]) == ([said], "VictoriaLogs")


def test_the_credential_is_in_the_secret_alone(watched: Cluster, kube: KubeSession) -> None:
    for release in ("kube-prometheus-stack", "victoria-logs-single", "victoria-logs-collector", "observability"):
        told = watched.run("helm", "get", "all", release, "-n", "monitoring").stdout
        assert f"NAME: {release}" in told
        assert CANARY not in told
    for kind in ("pods", "statefulsets", "configmaps", "prometheuses", "alertmanagers", "events"):
        assert CANARY not in json.dumps(watched.get(kind, namespace="monitoring")), kind
    source = Source(kube, "VictoriaLogs", "", "monitoring", "victoria-logs", 9428)
    wanted = {"namespace": "monitoring", "since": "1h", "limit": 10, "labels": {}, "text": CANARY}
    assert lines(source, wanted) == []
