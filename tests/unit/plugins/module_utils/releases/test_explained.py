"""What follows from a service is read from rendered objects: those of the Todo app's local environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.environments.table import allowed
from ansible_collections.todo.cloud.plugins.module_utils.releases.explained import Shown, explained, internet_of

STORED = Path(__file__).parents[4] / "fixtures/renderings"
WAVES = [["dapr-components"], ["backend-api", "frontend"], ["sse-gateway"]]
QUOTA = {
    "kind": "ResourceQuota",
    "metadata": {"name": "q"},
    "spec": {"hard": {"requests.cpu": "1", "requests.memory": "1Gi"}},
}


def stored(name: str) -> list[dict[str, Any]]:
    return list(json.loads((STORED / f"{name}.json").read_text())["objects"])


def paragraphs(service: str, own: list[dict[str, Any]], **more: Any) -> dict[str, list[str]]:
    around = [*stored("local-dapr-components"), *stored("local-frontend"), *own, QUOTA]
    lines = explained(Shown(service, "service", WAVES, own, around, allowed(around, "todo-local"), **more))
    found: dict[str, list[str]] = {"": [lines[0]]}
    for line in lines[1:]:
        if line.startswith("  "):
            found[list(found)[-1]].append(line[2:])
        elif line:
            found[line] = []
    return found


def test_everything_that_follows_is_named() -> None:
    sources = [{"key": "port", "value": "8080", "source": "app.yml:3"}]
    made = paragraphs("backend-api", stored("local-backend-api"), watches=["Secret/app"], sources=sources)
    assert made[""] == ["backend-api: wave 2 of 3, chart service"]
    assert made["Said of it, and where"] == ["port  8080  app.yml:3"]
    assert made["Order"] == ["after dapr-components", "together with frontend", "before sse-gateway"]
    assert "Deployment backend-api" in made["Objects"]
    assert made["Pods"] == [
        "backend-api: 1 of Deployment",
        "  each requests CPU 120m, memory 192Mi, its sidecar included",
        "  with one more during an update CPU 240m, memory 384Mi of the quota's CPU 1000m, memory 1024Mi",
        "  backend-api runs ghcr.io/todo-app/backend-api:v1.0.0",
        "  startup: GET /health on port 8080",
        "  liveness: GET /health on port 8080",
        "  readiness: GET /ready on port 8080",
    ]
    assert "frontend : 8080" in made["May be reached by"]
    assert made["Dapr"] == [
        "app id backend-api, called on port 8080, Configuration todo",
        "component pubsub (pubsub.kafka): publishes task-events, reminders",
        "component kubernetes-secrets (secretstores.kubernetes)",
        "component statestore (state.postgresql)",
    ]
    assert made["Restarts its pods once when it changes"] == ["Secret/app"]


def test_a_public_endpoint_is_its_urls() -> None:
    assert paragraphs("frontend", stored("local-frontend"))["Public endpoint"] == ["NodePort frontend : 30080"]
    staging = paragraphs("frontend", stored("staging-frontend"))["Public endpoint"]
    assert "https://staging.todo.example.com/" in staging


def test_a_route_is_its_hosts_and_listeners() -> None:
    parent = {"name": "edge", "namespace": "gateways", "sectionName": "https"}
    rules = [{"matches": [{"path": {"value": "/api"}}, {"path": {"value": "/docs"}}]}, {}]
    spec = {"parentRefs": [parent], "hostnames": ["a.example.com"], "rules": rules}
    route = {"kind": "HTTPRoute", "metadata": {"name": "web"}, "spec": spec}
    by = "by Gateway gateways/edge, listener https"
    assert paragraphs("web", [route])["Public endpoint"] == [
        f"a.example.com/api {by}", f"a.example.com/docs {by}", f"a.example.com/ {by}",
    ]  # fmt: skip


def test_what_has_no_sidecar_has_no_paragraph_on_dapr() -> None:
    assert "Dapr" not in paragraphs("frontend", stored("local-frontend"))


def test_who_may_call_the_internet_is_known() -> None:
    block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}
    policy = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "p"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [block], "ports": [{"port": 443}]}]},
    }
    found = allowed([*stored("local-frontend"), policy], "todo-local")
    assert internet_of(found) == {"frontend": "443"}
