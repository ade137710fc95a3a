"""Role monitoring: what is installed where, whom alerts go to, and that no credential becomes a value of Helm."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible_runs import TOP
from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

CANARY = "https://hooks.example.com/canary-7d1f"
STACK = ["kube-prometheus-stack", "victoria-logs-single", "victoria-logs-collector", "observability"]
SERVICES = {"api": {"pods": {"app": "api"}, "metrics": {"port": 8080}, "dapr": True}, "page": {"pods": {"app": "page"},
            "metrics": {"port": 80}}}  # fmt: skip
CRD_TEXT = """kind: CustomResourceDefinition
metadata: {name: x}
enum:
  - '!='
  - =
  - =~
"""
CRD = "kubernetes.core.k8s_info CustomResourceDefinition podmonitors.monitoring.coreos.com"


RECEIVERS: dict[str, tuple[dict[str, str], str]] = {
    "slack": ({"channel": "#alerts"}, "api_url"),
    "email": ({"to": "a@example.com", "smarthost": "smtp:587"}, "auth_password"),
}
GRAFANA = {"monitoring_grafana": True, "monitoring_grafana_host": "g.example.com", "ingress_cluster_issuer": "le",
           "monitoring_profile": "full"}  # fmt: skip
# By host, which is the namespace as well.
GOOD: dict[str, dict[str, Any]] = {
    "all": {},
    "theirs": {"monitoring_stack": False, "monitoring_logs": False, "monitoring_without_metrics": ["page"],
               "monitoring_observability_values": {"labels": {"release": "theirs"}}},
    "none": {"monitoring_manage": False},
    "deployed": {"environment_deployer": True},
    "other": {"platform_manage": False, "environment_namespace": "todo-other", "environment_deployer": True},
    **{
        name: {"monitoring_receiver": name, "monitoring_receiver_settings": told, "monitoring_receiver_secret": CANARY,
               "monitoring_route": {"repeat_interval": "1h"},
               **(GRAFANA if name == "slack" else {})}
        for name, (told, _key) in RECEIVERS.items()
    },
}  # fmt: skip
WRONG: dict[str, dict[str, Any]] = {
    "lacks": {"monitoring_receiver": "slack"},
    "wrong": {
        "monitoring_chart_version": "88", "monitoring_logs_chart_ref": "logs", "monitoring_volume_size": "10GB",
        "monitoring_grafana_host": "g.example.com", "monitoring_receiver_settings": {"api_url": "https://x"},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubbed]:
    with Stubbed(tmp_path_factory.mktemp("monitoring")) as found:
        yield found


def run(
    stubbed: Stubbed, hosts: dict[str, dict[str, Any]], operator: bool = True, more: dict[str, Any] | None = None
) -> Run:
    answers: dict[str, Any] = {
        CRD: {"resources": [{}] if operator else []},
        "kubernetes.core.k8s_info Secret": {"resources": []},
        "todo.cloud.helm_release": {"changed": True, "action": "install", "failures": []},
    }
    for name in hosts:
        answers[f"kubernetes.core.k8s_info Namespace {name}"] = {"resources": []}
        answers[f"kubernetes.core.k8s Namespace {name}"] = {"result": {"metadata": {"name": name, "labels": {}}}}
    helm = stubbed.folder / "helm"
    helm.write_text(f"#!/bin/sh\ncat <<'END'\n{CRD_TEXT}END\n")
    helm.chmod(0o755)
    charts = {f"monitoring_{part}chart_ref": f"/charts/{part}" for part in ("", "logs_", "collector_")}
    variables = {"services_observed": SERVICES, "monitoring_helm_binary": str(helm), **charts}
    described = {
        name: {"platform_role": "monitoring", "monitoring_namespace": name, **given} for name, given in hosts.items()
    }
    groups = {"platform": described, **(more or {})}
    return stubbed.run("platform", inventory(groups, **variables), answers=answers)


@pytest.fixture(scope="module")
def done(stubbed: Stubbed) -> Run:
    found = run(stubbed, GOOD)
    assert found.code == 0, found.output
    return found


def releases(done: Run, namespace: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in done.arguments("helm_release") if each["namespace"] == namespace}


def secrets(done: Run, namespace: str) -> dict[str, dict[str, str]]:
    """What Secrets are written, decoded."""
    found = {}
    for call in done.calls:
        definition = call["args"].get("definition")
        for each in definition if isinstance(definition, list) else [definition]:
            if isinstance(each, dict) and each.get("kind") == "Secret" and each["metadata"]["namespace"] == namespace:
                data = {key: base64.b64decode(text).decode() for key, text in (each.get("data") or {}).items()}
                found[each["metadata"]["name"]] = {**data, **(each.get("stringData") or {})}
    return found


def test_whoever_manages_the_platform_installs_all_of_it(done: Run) -> None:
    made = releases(done, "all")
    assert list(made) == STACK
    stack = made["kube-prometheus-stack"]["values"]
    spec = stack["prometheus"]["prometheusSpec"]
    assert stack["crds"] == {"enabled": False}, "they are applied first"
    assert {spec[f"{kind}SelectorNilUsesHelmValues"] for kind in ("serviceMonitor", "podMonitor", "rule")} == {False}
    assert (spec["replicas"], spec["retention"], spec["retentionSize"]) == (1, "10d", "8700MB")
    assert spec["storageSpec"]["volumeClaimTemplate"]["spec"]["resources"] == {"requests": {"storage": "10Gi"}}
    assert stack["alertmanager"]["alertmanagerSpec"]["useExistingSecret"] is True
    assert stack["grafana"] == {"enabled": False}
    ours = made["observability"]["values"]
    assert (ours["environment"], ours["namespace"], ours["services"]) == ("test", "todo-test", SERVICES)
    assert (ours["platform"]["enabled"], ours["dashboards"]["enabled"]) == (True, True)
    waited = [each["resources"] for each in done.arguments("rollout_wait")]
    assert [each["kind"] for each in waited[0]] == ["Prometheus", "Alertmanager"]


def test_consumer_lag_is_watched_where_something_exports_it(stubbed: Stubbed, done: Run) -> None:
    assert releases(done, "all")["observability"]["values"]["lag"] == {}
    groups: dict[str, Any] = {"dependencies": {"consumer_lag": {}}}
    made = releases(run(stubbed, {"all": {}}, more=groups), "all")
    assert made["observability"]["values"]["lag"] == {
        "metric": "kafka_consumer_group_lag_sum", "group": "group",
        "pods": {"app.kubernetes.io/instance": "consumer-lag"},
    }  # fmt: skip


def test_definitions_are_applied_as_ansible_can_read_them(done: Run) -> None:
    """PyYAML reads no bare =, which the operator's definitions have."""
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load(CRD_TEXT)
    applied = [call["args"]["definition"] for call in done.calls if "definition" in call["args"]]
    read = [yaml.safe_load(each) for each in applied if isinstance(each, str)]
    read += [each for each in applied if isinstance(each, dict) and each["kind"] == "CustomResourceDefinition"]
    assert [each["enum"] for each in read][:1] == [["!=", "=", "=~"]]


def test_the_deployer_asks_where_the_platform_is_its_environments(done: Run) -> None:
    namespaces = ("all", "deployed", "todo-other")
    asks = [releases(done, each)["observability"]["values"]["deployer"] for each in namespaces]
    assert asks == [{"enabled": False}, {"enabled": True}, {"enabled": False}]


def test_a_prometheus_that_is_there_gets_ours_alone(done: Run) -> None:
    made = releases(done, "theirs")
    assert list(made) == ["observability"]
    assert made["observability"]["values"]["labels"] == {"release": "theirs"}
    assert made["observability"]["values"]["services"] == {"api": SERVICES["api"], "page": {"pods": {"app": "page"}}}
    assert secrets(done, "theirs") == {}


def test_another_environment_puts_its_own_into_its_namespace(stubbed: Stubbed, done: Run) -> None:
    assert releases(done, "other") == releases(done, "none") == {}
    made = releases(done, "todo-other")
    assert list(made) == ["observability"]
    assert made["observability"]["values"]["platform"]["enabled"] is False
    lacking = run(stubbed, {"other": GOOD["other"]}, operator=False)
    assert lacking.arguments("helm_release") == []
    assert "This cluster has no Prometheus operator" in lacking.text


@pytest.mark.parametrize("receiver", RECEIVERS)
def test_a_credential_stands_in_a_secret_only(done: Run, receiver: str) -> None:
    settings, key = RECEIVERS[receiver]
    config = yaml.safe_load(secrets(done, receiver)["alertmanager-prometheus"]["alertmanager.yaml"])
    (told,) = next(each for each in config["receivers"] if each["name"] == "todo")[f"{receiver}_configs"]
    assert told == {**settings, "send_resolved": True, key: CANARY}
    assert (config["route"]["receiver"], config["route"]["repeat_interval"]) == ("todo", "1h")
    assert len(config["receivers"]) == 2
    assert CANARY not in json.dumps(done.arguments("helm_release"))
    assert CANARY not in done.output


def test_without_a_receiver_alerts_are_kept_for_looking_at(done: Run) -> None:
    config = yaml.safe_load(secrets(done, "all")["alertmanager-prometheus"]["alertmanager.yaml"])
    assert config["receivers"] == [{"name": "nobody"}, {"name": "todo"}]


def test_grafana_has_a_login_and_https(done: Run) -> None:
    values = releases(done, "slack")["kube-prometheus-stack"]["values"]
    assert values["grafana"]["admin"]["existingSecret"] == "grafana-admin"
    assert values["grafana"]["ingress"]["tls"] == [{"hosts": ["g.example.com"], "secretName": "grafana-tls"}]
    assert values["prometheus"]["prometheusSpec"]["replicas"] == 2
    made = secrets(done, "slack")["grafana-admin"]
    assert made["admin-user"] == "admin"
    assert len(made["admin-password"]) == 48
    assert made["admin-password"] not in json.dumps(values)


def test_what_cannot_be_used_is_refused_before_anything_is_written(stubbed: Stubbed) -> None:
    found = run(stubbed, WRONG)
    assert "monitoring_chart_version (88) must be a full version" in found.text
    assert "monitoring_logs_chart_ref (logs) must be an absolute path" in found.text
    assert "monitoring_volume_size (10GB) must be a number of Gi" in found.text
    assert "monitoring_receiver_settings has api_url, which is secret" in found.text
    assert "monitoring_grafana_host is set, and monitoring_grafana is not" in found.text
    assert "Set monitoring_receiver_secret from the vault" in found.text
    assert found.arguments("helm_release") == []


def test_the_small_profile_is_within_what_capacity_allows_for() -> None:
    asked = yaml.safe_load((TOP / "roles/monitoring/vars/main.yml").read_text())["_monitoring_resources"]
    allowed = yaml.safe_load(Path(TOP / "playbooks/vars/capacity.yml").read_text())["_capacity_monitoring"]
    parts = (
        ("prometheus", "reloader", "alertmanager", "reloader", "operator"), ("logs",),
        ("state", "grafana", "dashboards", "dashboards"), ("node", "collector"),
    )  # fmt: skip
    for line, names in zip(allowed, parts, strict=True):
        for kind, unit in (("cpu", "m"), ("memory", "Mi")):
            wanted = sum(int(asked[name]["requests"][kind].removesuffix(unit)) for name in names)
            assert wanted <= int(line[kind].removesuffix(unit)) * line.get("pods", 1), (line["name"], kind)
