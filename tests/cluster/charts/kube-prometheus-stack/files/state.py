"""The metrics of kube-state-metrics that charts/observability names, read from the API server at each scrape."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
Sample = tuple[str, dict[str, str], float]


def items(path: str) -> list[dict[str, Any]]:
    token = (ACCOUNT / "token").read_text()
    request = urllib.request.Request(
        f"https://kubernetes.default.svc/{path}?resourceVersion=0", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ACCOUNT / "ca.crt")) as answer:
        return list(json.load(answer)["items"])


def pods() -> Iterator[Sample]:
    for pod in items("api/v1/pods"):
        of = {"namespace": pod["metadata"]["namespace"], "pod": pod["metadata"]["name"]}
        status = pod["status"]
        for phase in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
            yield "kube_pod_status_phase", {**of, "phase": phase}, status.get("phase") == phase
        ready = {each["type"]: each["status"] for each in status.get("conditions") or ()}.get("Ready", "Unknown")
        for told in ("true", "false", "unknown"):
            yield "kube_pod_status_ready", {**of, "condition": told}, ready.lower() == told
        for kind, key in (("", "containers"), ("init_", "initContainers")):
            for container in pod["spec"].get(key) or ():
                yield f"kube_pod_{kind}container_info", {**of, "container": container["name"]}, 1
                for resource, amount in ((container.get("resources") or {}).get("limits") or {}).items():
                    labels = {**of, "container": container["name"], "resource": resource}
                    yield f"kube_pod_{kind}container_resource_limits", labels, number(amount)
        for kind, key in (("", "containerStatuses"), ("init_", "initContainerStatuses")):
            for container in status.get(key) or ():
                labels = {**of, "container": container["name"]}
                yield f"kube_pod_{kind}container_status_restarts_total", labels, container["restartCount"]
                ended = (container.get("lastState") or {}).get("terminated")
                if ended:
                    reason = {**labels, "reason": ended.get("reason", "")}
                    yield f"kube_pod_{kind}container_status_last_terminated_reason", reason, 1


def deployments() -> Iterator[Sample]:
    for each in items("apis/apps/v1/deployments"):
        of = {"namespace": each["metadata"]["namespace"], "deployment": each["metadata"]["name"]}
        status = each["status"]
        yield "kube_deployment_spec_replicas", of, each["spec"]["replicas"]
        yield "kube_deployment_status_replicas_available", of, status.get("availableReplicas", 0)
        yield "kube_deployment_status_replicas_updated", of, status.get("updatedReplicas", 0)
        yield "kube_deployment_status_observed_generation", of, status.get("observedGeneration", 0)


def others() -> Iterator[Sample]:
    name = "kube_horizontalpodautoscaler"
    for each in items("apis/autoscaling/v2/horizontalpodautoscalers"):
        of = {"namespace": each["metadata"]["namespace"], "horizontalpodautoscaler": each["metadata"]["name"]}
        yield f"{name}_spec_min_replicas", of, each["spec"].get("minReplicas", 1)
        yield f"{name}_spec_max_replicas", of, each["spec"]["maxReplicas"]
        yield f"{name}_status_desired_replicas", of, each["status"].get("desiredReplicas", 0)
    for each in items("api/v1/resourcequotas"):
        of = {"namespace": each["metadata"]["namespace"], "resourcequota": each["metadata"]["name"]}
        for kind in ("hard", "used"):
            for resource, amount in (each["status"].get(kind) or {}).items():
                yield "kube_resourcequota", {**of, "resource": resource, "type": kind}, number(amount)


def number(amount: str) -> float:
    """A quantity of Kubernetes."""
    units = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    for unit in sorted(units, key=len, reverse=True):
        if amount.endswith(unit):
            return float(amount.removesuffix(unit)) * units[unit]
    return float(amount)


class Metrics(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        lines = []
        for name, labels, value in (*pods(), *deployments(), *others()):
            told = ",".join(f'{key}="{text}"' for key, text in labels.items())
            lines.append(f"{name}{{{told}}} {float(value)}\n")
        body = "".join(sorted(lines)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Metrics).serve_forever()
