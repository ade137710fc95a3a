"""Renders the charts with the real helm; nothing here needs a cluster."""

from __future__ import annotations

import copy
import functools
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.yaml_reader import read_documents

from tests.cluster.paths import cache

CHARTS = Path(__file__).parents[3] / "charts"


# It would read its two megabytes of definitions anew for each object.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)


def conform(objects: Iterable[dict[str, Any]]) -> None:
    """Fails on an object that Kubernetes' own schemas refuse."""
    for item in objects:
        kubernetes_validate.validate(item, "1.36", strict=True)


def built(place: str) -> Path:
    """What the cluster's build keeps at a place of the cache; a test fails without it."""
    path = cache() / place
    if not path.exists():
        pytest.fail(f"{path} is missing: run `python3 -m tests.cluster build` first")
    return path


class RenderError(Exception):
    """Helm refused; the text is its message."""


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` on ``base``, dictionaries merged key by key, as Helm merges values."""
    result = copy.deepcopy(dict(base))
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else copy.deepcopy(value)
    return result


@functools.cache
def minimal_values(chart: str) -> dict[str, Any]:
    """What a chart can't do without: its ci/minimal-values.yaml."""
    file = CHARTS / chart / "ci" / "minimal-values.yaml"
    return yaml.safe_load(file.read_text()) if file.exists() else {}


@functools.cache
def _output(binary: Path, arguments: tuple[str, ...], stdin: str) -> str:
    """What helm prints; the same question is asked once."""
    done = subprocess.run(
        [binary, *arguments], input=stdin, capture_output=True, text=True, timeout=600,
        env={**os.environ, "GOGC": "off"},  # it ends before a collection would pay
    )  # fmt: skip
    if done.returncode:
        raise RenderError(done.stdout + done.stderr)
    return done.stdout


@dataclass(frozen=True)
class Helm:
    """The helm binary of the cache."""

    binary: Path

    def run(self, *arguments: str, stdin: str = "") -> str:
        return _output(self.binary, arguments, stdin)

    def render(self, chart: str, values: Mapping[str, Any], release: str, namespace: str) -> list[dict[str, Any]]:
        """The objects of a release with these values over the chart's defaults (as JSON: YAML dialects differ)."""
        text = self.run(
            "template",
            release,
            str(CHARTS / chart),
            "--namespace",
            namespace,
            "--values",
            "-",
            stdin=json.dumps(values),
        )
        return [document for document in read_documents(text) if document]

    def service(self, **values: Any) -> list[dict[str, Any]]:
        """A release ``backend-api`` of the chart service in ``todo-staging``: minimal values and these."""
        return self.render("service", merged(minimal_values("service"), values), "backend-api", "todo-staging")

    def environment(self, **values: Any) -> list[dict[str, Any]]:
        return self.render("environment", merged(minimal_values("environment"), values), "environment", "todo-staging")

    def components(self, **values: Any) -> list[dict[str, Any]]:
        return self.render(
            "dapr-components", merged(minimal_values("dapr-components"), values), "dapr-components", "todo-staging"
        )

    def kafka(self, **values: Any) -> list[dict[str, Any]]:
        return self.render("kafka", values, "kafka", "kafka")


def pick(objects: list[dict[str, Any]], kind: str, name: str = "") -> dict[str, Any]:
    """The one object of a kind (and name)."""
    found = [o for o in objects if o["kind"] == kind and name in ("", o["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}"
    return found[0]


DAPR = {
    "dapr.io/enabled": "true",
    "dapr.io/app-id": "backend-api",
    "dapr.io/app-port": "8080",
    "dapr.io/config": "todo",
    "dapr.io/sidecar-cpu-request": "20m",
    "dapr.io/sidecar-cpu-limit": "500m",
    "dapr.io/sidecar-memory-request": "48Mi",
    "dapr.io/sidecar-memory-limit": "160Mi",
}
INGRESS: dict[str, Any] = {
    "api": "ingress",
    "host": "todo.example.com",
    "ingress": {
        "className": "traefik",
        "tlsSecretName": "todo-tls",
        "clusterIssuer": "letsencrypt",
        "traefikRedirect": True,
    },
}
GATEWAY = {"api": "gateway", "host": "todo.example.com", "gateway": {"name": "public", "namespace": "gateway"}}

COMPONENTS: dict[str, Any] = {
    "partOf": "shop",
    "pubsub": {"enabled": False},
    "broadcast": {"enabled": False},
    "statestore": {"apps": []},
    "components": {
        "orders-state": {
            "type": "state.redis", "apps": ["orders", "1e3"], "metadata": {"redisHost": "redis:6379", "on": "true"},
            "secrets": {"redisPassword": {"secret": "redis", "key": "password"}},
        },
        "memory": {"type": "state.in-memory", "apps": ["on"]},
        "tick": {"type": "bindings.cron", "apps": ["worker"],
                 "metadata": {"schedule": "@every 1m", "direction": "input"}},
        "events": {"type": "pubsub.redis", "apps": ["worker"], "initTimeout": "10s", "ignoreErrors": True,
                   "metadata": {"redisHost": "redis:6379"}},
        "vault": {"type": "secretstores.hashicorp.vault", "version": "v1", "apps": ["orders"],
                  "metadata": {"vaultAddr": "https://vault:8200"}},
        "limit": {"type": "middleware.http.ratelimit", "apps": ["orders"],
                  "metadata": {"maxRequestsPerSecond": "10"}},
    },
    "subscriptions": {
        "orders": {"pubsub": "events", "topic": "orders", "path": "/orders", "apps": ["worker"],
                   "deadLetterTopic": "dead", "bulk": {"maxMessagesCount": 10}},
        "no": {"pubsub": "events", "topic": "on", "apps": ["worker"],
               "rules": [{"match": 'event.type == "paid"', "path": "/paid"}]},
    },
    "resiliency": {
        "calls": {
            "apps": ["orders"],
            "policies": {
                "timeouts": {"short": "2s"},
                "retries": {"often": {"policy": "exponential", "maxInterval": "15s", "maxRetries": -1,
                                      "matching": {"httpStatusCodes": "429,500-599"}}},
                "circuitBreakers": {"cut": {"maxRequests": 1, "timeout": "30s", "trip": "consecutiveFailures >= 5"}},
            },
            "targets": {
                "apps": {"worker": {"timeout": "short", "retry": "often", "circuitBreaker": "cut"}},
                "components": {"orders-state": {"outbound": {"retry": "often"}}},
            },
        }
    },
    "configuration": {"name": "shop", "httpPipeline": [{"name": "limit", "type": "middleware.http.ratelimit"}]},
    "configurations": {"open": {
        "serviceInvocation": "allow", "httpPipeline": [], "tracing": {"samplingRate": "1"},
        "callers": {"frontend": {"defaultAction": "deny", "operations": [
            {"name": "/orders/*", "httpVerb": ["GET", "POST"], "action": "allow"}]}},
    }},
}  # fmt: skip

OBSERVABILITY: dict[str, Any] = {
    "namespace": "todo-staging", "labels": {"release": "prometheus"}, "platform": {"enabled": True},
    "dashboards": {"enabled": True}, "deployer": {"enabled": True},
    "lag": {"metric": "kafka_consumer_group_lag", "pods": {"app.kubernetes.io/instance": "consumer-lag"}},
    "services": {
        "backend-api": {"errorPercent": 20, "latencySeconds": 0.5},
        "worker": {"pods": {"app": "worker"}, "metrics": {"port": 9100}, "dapr": True},
        "page": {"pods": {"app": "page"}},
    },
}  # fmt: skip

# Every shape of every chart that an inventory can ask for; the general rules hold for all of them.
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "service-minimal": ("service", {}),
    "service-local-endpoint": (
        "service",
        {"service": {"type": "NodePort", "nodePort": 30080}, "networkPolicy": {"access": ["public"]}},
    ),
    "service-everything": (
        "service",
        {
            "image": "ghcr.io/todo-app/backend-api:v1.0.0@sha256:" + "a" * 64,
            "imagePullSecrets": ["registry"],
            "podAnnotations": {"todo.cloud/watched": "0123456789"},
            "env": {"LOG_LEVEL": "info", "WORKERS": "1"},
            "secretEnv": {
                "DATABASE_URL": {"secret": "database", "key": "url"},
                "SECRET_KEY": {"secret": "app", "key": "secret_key"},
            },
            "autoscaling": {"enabled": True},
            "exposure": INGRESS,
            "networkPolicy": {
                "ingressFrom": ["frontend"],
                "egressTo": ["sse-gateway"],
                "access": ["database", "broker"],
            },
            "dapr": {"annotations": DAPR, "secretNames": ["app"]},
            "serviceMonitor": {"enabled": True, "labels": {"release": "monitoring"}},
        },
    ),
    "service-gateway": ("service", {"exposure": GATEWAY, "dapr": {"annotations": DAPR}}),
    "service-load-balancer": (
        "service",
        {"service": {"type": "LoadBalancer", "annotations": {"example.com/size": "1"}}},
    ),
    "service-no-policy": ("service", {"networkPolicy": {"enabled": False}, "preStopSleepSeconds": 0}),
    "environment-defaults": ("environment", {}),
    "environment-everything": (
        "environment",
        {
            "deployer": {"enabled": True, "promotesTo": ["todo-production"]},
            "oncall": {"enabled": True, "groups": ["sre"]},
            "admission": {"mode": "deny", "registries": ["ghcr.io/acme/", "ghcr.io/dapr/"]},
            "networkPolicies": {
                "broker": {"namespaces": [], "cidrs": ["0.0.0.0/0"], "ports": [9092]},
                "database": {"cidrs": ["10.240.0.2/32"], "ports": [5432]},
                "publicDoor": {"namespaces": ["traefik"], "cidrs": ["::/0"]},
            },
        },
    ),
    "environment-quota-only": (
        "environment",
        {"limitRange": {"enabled": False}, "networkPolicies": {"enabled": False}},
    ),
    "components-defaults": ("dapr-components", {}),
    "components-everything": (
        "dapr-components",
        {
            "kafka": {"privateCA": True},
            "statestore": {"queryExecMode": "exec"},
            "configuration": {
                "tracing": {"samplingRate": "1", "otelEndpoint": "tempo.monitoring:4317"},
                "serviceInvocation": "allow",
            },
        },
    ),
    "components-pubsub-only": (
        "dapr-components",
        {"statestore": {"apps": []}, "secretStore": {"apps": {"backend-api": None}}},
    ),
    "components-by-value": ("dapr-components", COMPONENTS),
    "kafka-defaults": ("kafka", {}),
    "kafka-everything": (
        "kafka",
        {
            "imagePullSecrets": ["registry"],
            "storage": {"size": "10Gi", "className": "do-block-storage"},
            "autoCreateTopics": False,
            "podAnnotations": {"todo.cloud/watched": "0123456789"},
        },
    ),
    "observability-minimal": ("observability", {}),
    "observability-everything": ("observability", OBSERVABILITY),
}


@dataclass(frozen=True)
class Shape:
    """One rendered shape."""

    chart: str
    release: str
    namespace: str
    objects: list[dict[str, Any]]
