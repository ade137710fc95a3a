"""Objects as teams have them, and how tests say what looks like a credential."""

from __future__ import annotations

from typing import Any

import yaml

from tests.unit.ansible_runs import TOP

DEFAULTS: dict[str, Any] = yaml.safe_load((TOP / "charts/service/values.yaml").read_text())


def is_credential(name: str, value: str) -> bool:
    return "TOKEN" in name or "s3cret" in value


def deployment(container: dict[str, Any] | None = None, **pod: Any) -> dict[str, Any]:
    """A Deployment ``shop-web`` whose pods a Service ``web`` selects."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop-web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web", "team": "a"}, "annotations": {"checksum/config": "1"}},
                "spec": {
                    "containers": [
                        {
                            "name": "web",
                            "image": "acme/web:1",
                            "ports": [{"name": "web", "containerPort": 3000}],
                            "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}},
                            **(container or {}),
                        }
                    ],
                    **pod,
                },
            },
        },
    }


def item(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **more}


SERVICE = item("Service", "web", spec={"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "web"}]})
INGRESS = item(
    "Ingress", "web", spec={
        "ingressClassName": "nginx",
        "tls": [{"hosts": ["web.example.com"], "secretName": "web-tls"}],
        "rules": [{"host": "web.example.com", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}],
    },
)  # fmt: skip
