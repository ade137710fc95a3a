"""What belongs to a service beside its pods."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.services.convert_parts import part_values, ports_of
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_source import Group, Notes

from .conversions import INGRESS, SERVICE, deployment, item

CONTAINER = {"name": "web", "ports": [{"name": "web", "containerPort": 3000}]}


def values(*objects: dict[str, Any], notes: Notes | None = None) -> dict[str, Any]:
    return part_values(Group("web", deployment(), objects=list(objects)), CONTAINER, 3000, notes or Notes())


def test_ports() -> None:
    assert ports_of(Group("web", deployment(), objects=[SERVICE]), CONTAINER)[0] == 3000
    assert ports_of(Group("web", deployment()), CONTAINER)[0] == 3000
    assert ports_of(Group("web", deployment()), {})[0] == 0


def test_a_service_of_another_type_with_more_ports() -> None:
    ports = [{"name": "http", "port": 8080, "targetPort": "web", "nodePort": 30001}, {"name": "m", "port": 9},
             {"name": "odd", "port": 1, "targetPort": 2}]  # fmt: skip
    notes = Notes()
    found = values(
        item("Service", "web", spec={"type": "NodePort", "ports": ports, "externalTrafficPolicy": "Local"}), notes=notes
    )
    assert found["service"] == {"type": "NodePort", "port": 8080, "nodePort": 30001, "externalTrafficPolicy": "Local"}
    assert found["extraPorts"] == {"m": 9}
    assert notes.unsaid == ["web: port 1 of Service web leads to another port."]


def test_an_autoscaler() -> None:
    metrics = [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}},
        {"type": "External", "external": {"metric": {"name": "q"}, "target": {"averageValue": 5}}},
        {"type": "Object"},
    ]
    notes = Notes()
    found = values(item("HorizontalPodAutoscaler", "x", spec={"maxReplicas": 4, "metrics": metrics}), notes=notes)
    assert found["autoscaling"] == {
        "enabled": True, "minReplicas": 1, "maxReplicas": 4, "targetCPUUtilizationPercentage": 70,
        "targetMemoryUtilizationPercentage": 0, "metrics": {"q": {"type": "External", "average": "5"}},
    }  # fmt: skip
    assert notes.unsaid == ["web: its autoscaling by a metric of type Object."]
    keda = item("ScaledObject", "x", spec={"scaleTargetRef": {"name": "shop-web"}})
    assert values(keda)["autoscaling"] == {"external": True}


def test_a_public_endpoint() -> None:
    found = values(SERVICE, INGRESS)["exposure"]
    assert found["host"] == "web.example.com"
    assert found["ingress"] == {
        "className": "nginx", "tlsSecretName": "web-tls", "clusterIssuer": "", "traefikRedirect": False,
    }  # fmt: skip


def test_a_cronjob() -> None:
    work = item("CronJob", "x", spec={"schedule": "@daily", "jobTemplate": {"spec": {
        "backoffLimit": 1, "template": {"spec": {"restartPolicy": "OnFailure"}}}}})  # fmt: skip
    assert part_values(Group("x", work), {}, 0, Notes()) == {
        "kind": "CronJob", "cronJob": {"schedule": "@daily"}, "job": {"backoffLimit": 1, "restartPolicy": "OnFailure"},
    }  # fmt: skip
