"""The chart kafka: one broker that keeps its data and its passwords to itself."""

from __future__ import annotations

import base64
import subprocess
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kafka.job import LABEL

from tests.unit.charts.rendering import CHARTS, Helm, RenderError, pick


def properties(objects: list[dict[str, Any]]) -> dict[str, str]:
    text = pick(objects, "ConfigMap")["data"]["server.properties"]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_address_follows_release_and_namespace(helm: Helm) -> None:
    assert properties(helm.kafka())["advertised.listeners"].startswith("CLIENT://kafka.kafka.svc.cluster.local:9092,")
    other = helm.render("kafka", {"clusterDomain": "k8s.example"}, "broker", "shared")
    assert properties(other)["advertised.listeners"].startswith("CLIENT://broker.shared.svc.k8s.example:9092,")
    assert pick(other, "Service", "broker")["spec"]["ports"][0]["port"] == 9092


def test_only_the_password_listener_leaves_the_pod(helm: Helm) -> None:
    found = properties(helm.kafka())
    protocols = dict(pair.split(":") for pair in found["listener.security.protocol.map"].split(","))
    for listener in found["listeners"].split(","):
        name, address = listener.split("://")
        assert protocols[name] == "SASL_PLAINTEXT" or address.startswith("127.0.0.1:")
    assert found["sasl.enabled.mechanisms"] == "SCRAM-SHA-256"


def test_topics(helm: Helm) -> None:
    assert properties(helm.kafka())["auto.create.topics.enable"] == "true"
    found = properties(helm.kafka(autoCreateTopics=False, defaultPartitions=6, retentionHours=1000000 // 24))
    assert (found["auto.create.topics.enable"], found["num.partitions"], found["log.retention.hours"]) == (
        "false",
        "6",
        "41666",
    )


def test_data_outlive_pod_and_release(helm: Helm) -> None:
    spec = pick(helm.kafka(storage={"size": "5Gi", "className": "do-block-storage"}), "StatefulSet")["spec"]
    [claim] = spec["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"] == {"storage": "5Gi"}
    assert claim["spec"]["storageClassName"] == "do-block-storage"
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    default = pick(helm.kafka(), "StatefulSet")["spec"]["volumeClaimTemplates"][0]["spec"]
    assert "storageClassName" not in default, "the cluster's default class"


def test_cluster_id_is_a_stable_uuid(helm: Helm) -> None:
    def identity(release: str, namespace: str) -> Any:
        [container] = pick(helm.render("kafka", {}, release, namespace), "StatefulSet")["spec"]["template"]["spec"][
            "containers"
        ]
        return next(e["value"] for e in container["env"] if e["name"] == "CLUSTER_ID")

    first = identity("kafka", "kafka")
    assert first == identity("kafka", "kafka") != identity("kafka", "other")
    decoded = base64.urlsafe_b64decode(first + "==")
    assert len(decoded) == 16
    assert base64.urlsafe_b64encode(decoded).decode().rstrip("=") == first


def test_passwords_come_by_reference_and_stay_off_command_lines(helm: Helm) -> None:
    [container] = pick(helm.kafka(users={"secretName": "mine"}), "StatefulSet")["spec"]["template"]["spec"][
        "containers"
    ]
    found = {e["name"]: e["valueFrom"]["secretKeyRef"] for e in container["env"] if "valueFrom" in e}
    assert found == {
        "ADMIN_PASSWORD": {"name": "mine", "key": "admin_password"},
        "APP_PASSWORD": {"name": "mine", "key": "app_password"},
    }
    assert "PASSWORD" not in " ".join(container["command"] + container.get("args", []))


def test_changed_settings_and_secrets_roll_the_pod(helm: Helm) -> None:
    def notes(**values: Any) -> Any:
        return pick(helm.kafka(**values), "StatefulSet")["spec"]["template"]["metadata"]["annotations"]

    assert notes() == notes(heap="192m")
    assert notes()["todo.cloud/config"] != notes(defaultPartitions=5)["todo.cloud/config"]
    assert notes(podAnnotations={"todo.cloud/watched": "x"})["todo.cloud/watched"] == "x"


def test_only_environments_reach_the_broker(helm: Helm) -> None:
    spec = pick(helm.kafka(), "NetworkPolicy")["spec"]
    match = {"key": "todo.cloud/environment", "operator": "Exists"}
    tools = {"podSelector": {"matchLabels": {LABEL: "true"}}}
    assert spec["ingress"] == [
        {"from": [tools], "ports": [{"protocol": "TCP", "port": "client"}]},
        {
            "from": [{"namespaceSelector": {"matchExpressions": [match]}}],
            "ports": [{"protocol": "TCP", "port": "client"}],
        },
    ]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in spec


def test_the_script_is_carried_as_it_is(helm: Helm) -> None:
    data = pick(helm.kafka(), "ConfigMap")["data"]
    for name in ("kafka.sh", "log4j2.xml"):
        assert data[name] == (CHARTS / "kafka" / "files" / name).read_text()


@pytest.mark.parametrize(
    ("admin", "app", "message"),
    [
        ("", "good", "key admin_password of Secret kafka-users is empty"),
        ("good", "sesame,password=x", "key app_password of Secret kafka-users holds other characters"),
        ("sesame]", "good", "key admin_password of Secret kafka-users holds other characters"),
        ("good", "sesame\nSCRAM", "key app_password of Secret kafka-users holds other characters"),
    ],
)
def test_the_script_refuses_passwords_that_kafka_would_misread(admin: str, app: str, message: str) -> None:
    script = CHARTS / "kafka" / "files" / "kafka.sh"
    environment = {"USERS_SECRET": "kafka-users", "APP_USER": "app", "ADMIN_PASSWORD": admin, "APP_PASSWORD": app}
    done = subprocess.run(["/bin/sh", script], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.startswith(f"kafka.sh: {message}")
    assert done.stderr.count("\n") == 1
    assert "sesame" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image": None}, "image"),
        ({"users": {"appUsername": "admin"}}, "/users/appUsername"),
        ({"users": {"password": "x"}}, "password"),
        ({"heap": "lots"}, "/heap"),
        ({"resources": {"limits": {"memory": None}}}, "/resources/limits"),
        ({"storage": {"size": 2}}, "/storage/size"),
        ({"replicas": 3}, "replicas"),
    ],
)
def test_refused(helm: Helm, values: dict[str, Any], message: str) -> None:
    with pytest.raises(RenderError) as error:
        helm.kafka(**values)
    assert message in str(error.value)
