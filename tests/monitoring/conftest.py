"""The app with monitoring, which waits less long here, and a receiver of alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.observing.metrics import Series, ask
from ansible_collections.todo.cloud.plugins.module_utils.observing.source import Source

from tests.cluster.build.images import COLLECTOR_IMAGE
from tests.e2e.conftest import Cluster, PlaybookRun, User, cluster, endpoint, first_site, user

__all__ = ["cluster", "endpoint", "first_site", "user"]

CANARY = "canary-7d1f"
RECEIVER, RECEIVER_OF_SPANS = "alert-receiver", "span-receiver"
PYTHON = "docker.io/library/python:3.11-slim"
_QUICK = {"window": "30s", "errorFor": "15s", "requestsPerSecond": 0.01, "lag": 3, "lagFor": "10s"}
SETTINGS: dict[str, Any] = {
    "monitoring_receiver": "webhook",
    "monitoring_receiver_secret": f"http://{RECEIVER}.monitoring.svc:8080/{CANARY}",
    "monitoring_route": {"group_wait": "5s", "group_interval": "10s"},
    "monitoring_values": {"prometheus": {"prometheusSpec": {"scrapeInterval": "5s", "evaluationInterval": "5s"}}},
    "monitoring_observability_values": {"interval": "5s", "thresholds": _QUICK},
    "tracing_endpoint": f"{RECEIVER_OF_SPANS}.monitoring.svc:4317",
    "tracing_sampling": "1",
}
_COLLECTOR: dict[str, Any] = {
    "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:4317"}}}},
    "exporters": {"debug": {"verbosity": "detailed"}},
    "service": {
        "telemetry": {"metrics": {"level": "none"}},
        "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["debug"]}},
    },
}
# Prints each alert that arrives: state, name, summary, link.
_CODE = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        for alert in json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]:
            told = alert["annotations"]
            line = [alert["status"], alert["labels"]["alertname"], told.get("summary", ""), told.get("runbook_url", "")]
            print("ALERT", *line, sep="|", flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass
HTTPServer(("", 8080), Receiver).serve_forever()
"""
_SAFE = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def pod(name: str, code: str, memory: str, **more: Any) -> dict[str, Any]:
    """A pod that runs some Python, as a namespace with Pod Security restricted takes it."""
    amounts = {"cpu": "100m", "memory": memory}
    container = {
        "name": "app", "image": PYTHON, "command": ["python3", "-c", code], "securityContext": _SAFE,
        "resources": {"requests": amounts, "limits": amounts}, **more,
    }  # fmt: skip
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": security, "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def apply(cluster: Cluster, namespace: str, folder: Path, *objects: dict[str, Any]) -> None:
    file = folder / "objects.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))
    cluster.kubectl("apply", "-n", namespace, "-f", str(file))


@pytest.fixture(scope="session")
def watched(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The app deployed from nothing with monitoring; what site.yml of an unchanged cluster takes is printed."""
    folder = tmp_path_factory.mktemp("monitoring")
    (folder / "settings.json").write_text(json.dumps(SETTINGS))
    done: PlaybookRun = cluster.playbook("site.yml", "-e", f"@{folder}/settings.json").ok()
    print(f"\nsite.yml from nothing, with monitoring: {done.seconds:.0f} s")
    services = [
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"port": port}]},
        }
        for name, port in ((RECEIVER, 8080), (RECEIVER_OF_SPANS, 4317))
    ]  # fmt: skip
    env = [{"name": "CONFIG", "value": json.dumps(_COLLECTOR)}]
    command = ["/otelcol-contrib", "--config=env:CONFIG"]
    collector = pod(RECEIVER_OF_SPANS, "", "192Mi", image=COLLECTOR_IMAGE, command=command, env=env)
    apply(cluster, "monitoring", folder, *services, pod(RECEIVER, _CODE, "64Mi"), collector)
    again = cluster.playbook("site.yml", "-e", f"@{folder}/settings.json").ok()
    assert again.count("changed") == 0, again.output[-3000:]
    print(f"site.yml again: {again.seconds:.1f} s, nothing changed")
    return cluster


@pytest.fixture
def app(watched: Cluster) -> Cluster:
    return watched


@pytest.fixture(scope="session")
def kube(cluster: Cluster) -> Iterator[KubeSession]:
    with KubeSession({"kubeconfig": cluster.kubeconfig}) as session:
        yield session


class Prometheus:
    """The one in the cluster, asked as the playbooks ask it."""

    def __init__(self, kube: KubeSession) -> None:
        self.source = Source(kube, "Prometheus", "", "monitoring", "prometheus-operated", 9090)
        self.kube = kube

    def __call__(self, query: str) -> Series:
        return ask(self.source, {"x": query}, now=self.kube.server_now())["x"]

    def number(self, query: str) -> float | None:
        """The number of its first series; None: there is none."""
        found = self(query)
        return found[0]["points"][0][1] if found else None

    def api(self, path: str) -> Any:
        return json.loads(self.source.get(f"api/v1/{path}", {}))["data"]


@pytest.fixture
def prometheus(watched: Cluster, kube: KubeSession) -> Prometheus:
    return Prometheus(kube)


@pytest.fixture
def alerts(watched: Cluster) -> Any:
    """What has arrived so far, a tuple each: state, name, summary, link."""

    def arrived() -> list[tuple[str, ...]]:
        text = watched.kubectl("logs", "-n", "monitoring", RECEIVER)
        return [tuple(line.split("|")[1:]) for line in text.splitlines() if line.startswith("ALERT|")]

    return arrived


__all__ += ["User"]
