"""The chart observability: what it reads, when each alert fires (by Prometheus' promtool), what its texts lead to."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.records.announcement import Announce, Announcement
from ansible_collections.todo.cloud.plugins.module_utils.records.events import KEEP, Event
from ansible_collections.todo.cloud.plugins.module_utils.records.history import figures

from tests.cluster.build.debian import PROMETHEUS, program
from tests.support.fake_kube import FakeKube
from tests.unit.charts.rendering import CHARTS, OBSERVABILITY, Helm, RenderError, merged, minimal_values, pick

FILES = CHARTS / "observability" / "files"
ALERTS: dict[str, dict[str, str]] = yaml.safe_load((FILES / "alerts.yaml").read_text())
PAGE = CHARTS.parent / "docs" / "operations.md"
DASHBOARDS = sorted((FILES / "dashboards").glob("*.json"))
NAMESPACE = "todo-staging"
HERE = f'namespace="{NAMESPACE}"'
POD = f'{HERE},pod="worker-7c9-abcde"'


def render(helm: Helm, **values: Any) -> list[dict[str, Any]]:
    given = merged(minimal_values("observability"), merged(OBSERVABILITY, values))
    return helm.render("observability", given, "observability", "monitoring")


def rules(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for group in pick(objects, "PrometheusRule")["spec"]["groups"] for rule in group["rules"]]


def test_metrics_are_read_where_the_services_say(helm: Helm) -> None:
    objects = render(helm)
    backend = pick(objects, "PodMonitor", "backend-api")["spec"]
    assert backend["namespaceSelector"] == {"matchNames": [NAMESPACE]}
    assert backend["selector"] == {"matchLabels": {"app.kubernetes.io/instance": "backend-api"}}
    (endpoint,) = backend["podMetricsEndpoints"]
    assert (endpoint["portNumber"], endpoint["path"], endpoint["interval"]) == (8080, "/metrics", "30s")
    told = {each["targetLabel"]: each.get("replacement") for each in endpoint["relabelings"]}
    assert told == {"environment": "ci", "service": "backend-api", "version": None}
    (other,) = pick(objects, "PodMonitor", "worker")["spec"]["podMetricsEndpoints"]
    assert (other["portNumber"], other["path"]) == (9100, "/metrics")
    monitors = {each["metadata"]["name"] for each in objects if each["kind"] == "PodMonitor"}
    assert monitors == {
        "backend-api",
        "worker",
        "daprd",
        "consumer-lag",
        "dapr-control-plane",
        "ingress",
        "cert-manager",
    }
    assert all(each["metadata"]["labels"]["release"] == "prometheus" for each in objects if each["kind"] != "ConfigMap")


def test_the_platform_is_of_one_release(helm: Helm) -> None:
    objects = render(helm, platform={"enabled": False}, dashboards={"enabled": False})
    kinds = [each["kind"] for each in objects]
    assert kinds.count("PodMonitor") == 4
    assert "ConfigMap" not in kinds
    names = {rule.get("alert") for rule in rules(objects)}
    assert not {"EdgeErrors", "CertificateEnds", "DaprCertificateEnds", "DaprDown"} & names


def test_the_deployer_asks_two_services_and_no_more(helm: Helm) -> None:
    (rule,) = pick(render(helm), "Role")["rules"]
    names = ["prometheus-operated:9090", "victoria-logs:9428"]
    assert rule == {"apiGroups": [""], "resources": ["services/proxy"], "resourceNames": names, "verbs": ["get"]}
    (subject,) = pick(render(helm), "RoleBinding")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "deployer", "namespace": NAMESPACE}
    kinds = {each["kind"] for each in render(helm, deployer={"enabled": False})}
    assert not {"Role", "RoleBinding"} & kinds


def test_sidecars_and_lag_are_only_watched_where_there_are_some(helm: Helm) -> None:
    plain = {name: {"dapr": False} for name in ("backend-api", "worker")}
    objects = render(helm, services=plain, lag={"metric": "", "pods": None})
    assert not {"SidecarAbsent", "ConsumerLag"} & {rule.get("alert") for rule in rules(objects)}
    assert "consumer-lag" not in {each["metadata"]["name"] for each in objects}


def test_every_alert_says_how_bad_it_is_and_leads_to_its_section(helm: Helm) -> None:
    alerts = [rule for rule in rules(render(helm)) if "alert" in rule]
    assert [rule["alert"] for rule in alerts] == list(ALERTS)
    headings = re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in headings}
    for rule in alerts:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["labels"]["environment"] == "ci"
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert page == "https://github.com/todo-app/todo.cloud/blob/main/docs/operations.md"
        assert anchor in anchors, rule["alert"]


@pytest.mark.parametrize(
    "given",
    [
        {"thresholds": {"errorFor": "soon"}},
        {"requests": 'x"}'},
        {"except": {"route": 'a"b'}},
        {"services": {"Page": {"pods": {}}}},
        {"services": {"page": {"metrics": {"port": 0}}}},
    ],
    ids=str,
)
def test_what_would_break_an_expression_is_refused(helm: Helm, given: dict[str, Any]) -> None:
    with pytest.raises(RenderError):
        render(helm, **given)


@dataclass(frozen=True)
class Case:
    """What promtool is told: series (name and labels -> their values every 30 s), and the alert of them."""

    alert: str
    at: str
    labels: dict[str, str]
    summary: str
    fires: dict[str, str]
    holds: dict[str, str]


def requests(service: str, good: float, bad: float, route: str = "/api") -> dict[str, str]:
    who = f'http_requests_total{{{HERE},service="{service}",route="{route}"'
    return {f'{who},status="200"}}': f"0+{good}x80", f'{who},status="503"}}': f"0+{bad}x80"}


def latency(service: str, quick: int, slow: int) -> dict[str, str]:
    who = f'http_request_duration_seconds_bucket{{{HERE},service="{service}",route="/api"'
    made = {f'{who},le="{le}"}}': f"0+{n}x80" for le, n in {"0.5": quick, "1": quick, "2": quick + slow}.items()}
    return {**made, f'{who},le="+Inf"}}': f"0+{quick + slow}x80", **requests(service, quick + slow, 0)}


def autoscaler(desired: int, least: int = 2) -> dict[str, str]:
    of = f'{{{HERE},horizontalpodautoscaler="worker"}}'
    name = "kube_horizontalpodautoscaler"
    counts = {"status_desired_replicas": desired, "spec_max_replicas": 4, "spec_min_replicas": least}
    return {f"{name}_{key}{of}": f"{count}x80" for key, count in counts.items()}


def quota(used: int) -> dict[str, str]:
    of = f'kube_resourcequota{{{HERE},resourcequota="quota",resource="pods",type='
    return {f'{of}"used"}}': f"{used}x80", f'{of}"hard"}}': "100x80"}


def restarts(values: str, reason: str = "OOMKilled") -> dict[str, str]:
    of = f'{POD},container="worker"'
    return {
        f"kube_pod_container_status_restarts_total{{{of}}}": values,
        f'kube_pod_container_status_last_terminated_reason{{{of},reason="{reason}"}}': "1x80",
    }


def certificate(days_left: int) -> dict[str, str]:
    of = f'{{{HERE},name="page-tls"}}'
    return {
        f"certmanager_certificate_not_before_timestamp_seconds{of}": f"{(days_left - 90) * 86400}x999",
        f"certmanager_certificate_not_after_timestamp_seconds{of}": f"{days_left * 86400 + 7200}x999",
    }


def sidecar(container: str, init: str = "") -> dict[str, str]:
    phase = f'kube_pod_status_phase{{{POD},phase="Running"}}'
    return {phase: "1x80", f'kube_pod_{init}container_info{{{POD},container="{container}"}}': "1x80"}


def edge(bad: int) -> dict[str, str]:
    of = 'traefik_service_requests_total{service="todo-staging-page-80@kubernetes",code='
    return {f'{of}"200"}}': f"0+{100 - bad}x80", f'{of}"502"}}': f"0+{bad}x80"}


def deployment(available: int) -> dict[str, str]:
    of = f'{{{HERE},deployment="worker"}}'
    return {
        f"kube_deployment_spec_replicas{of}": "3x80",
        f"kube_deployment_status_replicas_available{of}": f"{available}x80",
    }


WORKER = {"namespace": NAMESPACE, "service": "worker"}
BACKEND = {"namespace": NAMESPACE, "service": "backend-api"}
POD_LABELS = {"namespace": NAMESPACE, "pod": "worker-7c9-abcde"}
OF_CONTAINER = {**POD_LABELS, "container": "worker"}
RAN = f'todo:run:timestamp_seconds{{{HERE},environment="ci",run="deployment",code="crash_loop"'
RUN = {"namespace": NAMESPACE, "run": "deployment", "code": "crash_loop", "outcome": "failed"}
DRIFTED = f'todo:environment:drifted_releases{{{HERE},environment="ci",set='
UP = f'up{{{POD},job="monitoring/worker"}}'
LAG = f'kafka_consumer_group_lag{{group="{NAMESPACE}.worker",topic="tasks",partition='
CONTROL_PLANE = {"namespace": "dapr-system", "container": "dapr-sentry"}
IS_DOWN = 'up{namespace="dapr-system",job="monitoring/dapr-control-plane",container="dapr-sentry",pod='
ISSUER = 'dapr_sentry_issuercert_expiry_timestamp{namespace="dapr-system",pod="dapr-sentry-1"}'

CASES = (
    Case("ServiceErrors", "11m", WORKER, "worker in todo-staging answers 6% of its requests with 5xx",
         requests("worker", 94, 6), requests("worker", 96, 4)),
    Case("ServiceErrors", "11m", BACKEND, "backend-api in todo-staging answers 25% of its requests with 5xx",
         requests("backend-api", 75, 25), requests("backend-api", 85, 15)),
    Case("ServiceErrors", "11m", WORKER, "worker in todo-staging answers 100% of its requests with 5xx",
         requests("worker", 0, 2), requests("worker", 0, 100, "/ready")),
    Case("ServiceErrors", "7m", WORKER, "worker in todo-staging answers 50% of its requests with 5xx",
         requests("worker", 50, 50), requests("worker", 0.5, 0.5)),
    Case("ServiceSlow", "20m", WORKER, "worker in todo-staging takes more than 1.5s for one request in twenty",
         latency("worker", 90, 10), latency("worker", 96, 4)),
    Case("PodOutOfMemory", "10m", OF_CONTAINER, "container worker of worker-7c9-abcde in todo-staging was OOM-killed",
         restarts("0x12 1x60"), restarts("0x12 1x60", "Error")),
    Case("PodRestarts", "16m", OF_CONTAINER,
         "container worker of worker-7c9-abcde in todo-staging restarts again and again: 5 times within 15 minutes",
         restarts("0x10 1x5 2x5 3x5 4x1 5x20", "Error"), restarts("0x10 1x5 2x5 3x60", "Error")),
    Case("PodsUnavailable", "12m", {"namespace": NAMESPACE, "deployment": "worker"},
         "worker in todo-staging lacks 1 of its pods", deployment(2), deployment(3)),
    Case("AutoscalerAtMaximum", "16m", {"namespace": NAMESPACE, "horizontalpodautoscaler": "worker"},
         "the autoscaler of worker in todo-staging is at its maximum of 4 pods", autoscaler(4), autoscaler(3)),
    Case("AutoscalerAtMaximum", "16m", {"namespace": NAMESPACE, "horizontalpodautoscaler": "worker"},
         "the autoscaler of worker in todo-staging is at its maximum of 4 pods", autoscaler(4), autoscaler(4, least=4)),
    Case("QuotaNearEnd", "16m", {"namespace": NAMESPACE, "resourcequota": "quota", "resource": "pods"},
         "91% of pods is used, as quota quota of todo-staging counts", quota(91), quota(89)),
    Case("SidecarAbsent", "3m", POD_LABELS, "worker-7c9-abcde in todo-staging runs without its Dapr sidecar",
         sidecar("worker"), sidecar("daprd")),
    Case("SidecarAbsent", "3m", POD_LABELS, "worker-7c9-abcde in todo-staging runs without its Dapr sidecar",
         sidecar("other", "init_"), sidecar("daprd", "init_")),
    Case("MetricsAbsent", "20m", {**POD_LABELS, "job": "monitoring/worker"},
         "worker-7c9-abcde in todo-staging no longer tells its metrics", {UP: "1x10 0x70"}, {UP: "0x80"}),
    Case("ConsumerLag", "12m", {"group": f"{NAMESPACE}.worker", "topic": "tasks"},
         "consumer group todo-staging.worker has 1.2k messages of tasks still to read",
         {f'{LAG}"0"}}': "600x80", f'{LAG}"1"}}': "600x80"}, {f'{LAG}"0"}}': "600x80", f'{LAG}"1"}}': "300x80"}),
    Case("ConsumerLag", "12m", {"group": f"{NAMESPACE}.order-items", "topic": "tasks"},
         "consumer group todo-staging.order-items has 1.2k messages of tasks still to read",
         {f'{LAG}"0"}}'.replace("worker", "order-items"): "1200x80"},
         {f'{LAG}"0"}}'.replace("worker", "sse-gateway-6d4cf56db6-x7k2v"): "1200x80"}),     # of a pod that is gone
    Case("DeploymentFailed", "1m", RUN, "the last run of ci (deployment) failed: crash_loop",
         {f'{RAN},outcome="failed"}}': "1764000000x80"}, {f'{RAN},outcome="succeeded"}}': "1764000000x80"}),
    Case("EnvironmentDrifted", "1m", {"namespace": NAMESPACE, "set": "4"},
         "ci is no longer as its set 4 was verified: 2 of its parts differ",
         {f'{DRIFTED}"4"}}': "2x80"}, {f'{DRIFTED}"4"}}': "0x80"}),
    Case("EdgeErrors", "11m", {"service": "todo-staging-page-80@kubernetes"},
         "Traefik answers 6% of the requests for todo-staging-page-80@kubernetes with 5xx", edge(6), edge(4)),
    Case("CertificateEnds", "2h", {"namespace": NAMESPACE, "name": "page-tls"},
         "certificate page-tls in todo-staging is not renewed and ends in 29d 0h 0m 0s",
         certificate(29), certificate(31)),
    Case("DaprCertificateEnds", "15m", {"namespace": "dapr-system"},
         "the certificate that Dapr's sentry signs with ends in 28d 23h 45m 0s",
         {ISSUER: f"{29 * 86400}x80"}, {ISSUER: f"{31 * 86400}x80"}),
    Case("DaprDown", "6m", CONTROL_PLANE, "Dapr's dapr-sentry in dapr-system has no pod that tells its metrics",
         {f'{IS_DOWN}"a"}}': "0x80", f'{IS_DOWN}"b"}}': "0x80"},
         {f'{IS_DOWN}"a"}}': "0x80", f'{IS_DOWN}"b"}}': "1x80"}),
)  # fmt: skip


def test_every_alert_has_its_cases() -> None:
    assert {case.alert for case in CASES} == set(ALERTS)


def test_each_alert_fires_on_one_side_of_its_threshold_only(helm: Helm, tmp_path: Path) -> None:
    promtool = program(PROMETHEUS, "promtool")
    if not promtool:
        pytest.fail("promtool is missing: run `python3 -m tests.cluster build --tools` first")
    spec = pick(render(helm), "PrometheusRule")["spec"]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": spec["groups"]}))
    told = {rule["alert"]: rule for rule in rules(render(helm)) if "alert" in rule}
    tests = []
    for case in CASES:
        rule = told[case.alert]
        annotations = {"summary": case.summary, "runbook_url": rule["annotations"]["runbook_url"]}
        expected = [{"exp_labels": {**rule["labels"], **case.labels}, "exp_annotations": annotations}]
        for series, alerts in ((case.fires, expected), (case.holds, [])):
            asked = [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": alerts}]
            if alerts and rule["for"] != "0s":  # not yet
                asked.append({"eval_time": "1m", "alertname": case.alert, "exp_alerts": []})
            inputs = [{"series": name, "values": values} for name, values in series.items()]
            tests.append({"interval": "30s", "input_series": inputs, "alert_rule_test": asked})
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": tests}))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_can_be_read(path: Path, helm: Helm) -> None:
    board = json.loads(path.read_text())
    assert board["uid"] == f"todo-{path.stem}"
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len(places) == len({panel["id"] for panel in board["panels"]})
    assert all(panel["targets"] for panel in board["panels"])
    kept = pick(render(helm), "ConfigMap", f"observability-{path.stem}")
    assert kept["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(kept["data"][f"todo-{path.name}"]) == board


def test_what_a_dashboard_asks_for_is_recorded(helm: Helm) -> None:
    recorded = {rule["record"] for rule in rules(render(helm)) if "record" in rule}
    asked = set(re.findall(r"todo:[a-z0-9_:]+", "".join(path.read_text() for path in DASHBOARDS)))
    runs = {f"todo:run:{name}_seconds" for name in ("duration", "outage")}  # records/announcement.py
    assert asked == recorded | runs | {"todo:runs:began_seconds"}


class Applied(FakeKube):
    """Keeps what is applied."""

    applied: Any

    def patch(self, resource: Any, namespace: str, name: str, body: Any, **more: Any) -> Any:
        self.applied = body
        return body


NOW = datetime(1970, 3, 2, tzinfo=UTC)  # promtool's clock begins at the epoch


def ran(days_ago: float, run: str = "deployment", outcome: str = "succeeded", **more: Any) -> Event:
    time = f"{NOW - timedelta(days=days_ago):%Y-%m-%dT%H:%M:%SZ}"
    given = {"commit": "1f3c5a7" * 5, "from_set": 1, "to_set": 2, "seconds": 60.0, **more}
    return Event(time=time, run=run, who="ada@ci", outcome=outcome, **given)


HISTORIES = {
    "nothing yet": [ran(1, "scaling")],
    "all is well": [ran(1, lead_seconds=7200.0), ran(1.5, "promotion", lead_seconds=3600.0), ran(40, lead_seconds=1.0)],
    "failures": [
        ran(0.5, "rollback", from_set=9, to_set=8), ran(0.6, to_set=9, lead_seconds=100.0), ran(3, to_set=8),
        ran(4, outcome="failed"), ran(5, outcome="restored", seconds=45.0), ran(6, outcome="refused"),
        ran(7, "verification", outcome="failed"), ran(31, outcome="failed"),
    ],
    "one that is not over": [ran(2, outcome="failed"), ran(3)],
    "older ones are gone": [ran(n / 20, lead_seconds=60.0 + n) for n in range(1, KEEP + 1)],
}  # fmt: skip


@pytest.mark.parametrize("events", HISTORIES.values(), ids=HISTORIES)
def test_the_dashboard_has_the_figures_of_the_history(events: list[Event], helm: Helm, tmp_path: Path) -> None:
    """By what a run tells Prometheus, by the chart's rules, and by playbooks/history.yml: the same."""
    kube = Applied()
    list(Announcement(kube, NAMESPACE, "ci", events[0], events).make(Announce(metric=True)))
    told = [pick(render(helm), "PrometheusRule"), kube.applied]
    for number, rule in enumerate(told):
        (tmp_path / f"{number}.yml").write_text(yaml.safe_dump({"groups": rule["spec"]["groups"]}))
    found = figures([event.as_result() for event in events], 30, NOW, {}, KEEP)[1]
    wanted = {
        "per_day": found.deployments_per_day, "lead_seconds": found.lead_seconds,
        "failure_ratio": found.change_failure_rate, "restore_seconds": found.restore_seconds,
    }  # fmt: skip
    asked = []
    for name, value in wanted.items():
        samples = [] if value is None else [{"labels": f'{{namespace="{NAMESPACE}"}}', "value": round(value, 3)}]
        # Rounded as the figures are.
        query = f'round(todo:deployments:{name}{{namespace="{NAMESPACE}"}}, 0.001)'
        asked.append({"expr": query, "eval_time": "60d", "exp_samples": samples})
    test = {"interval": "1d", "input_series": [], "promql_expr_test": asked}
    order = [group["name"] for rule in reversed(told) for group in rule["spec"]["groups"]]
    files = {"rule_files": ["0.yml", "1.yml"], "evaluation_interval": "1d", "group_eval_order": order, "tests": [test]}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(files))
    done = subprocess.run(
        [str(program(PROMETHEUS, "promtool")), "test", "rules", tmp_path / "tests.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
