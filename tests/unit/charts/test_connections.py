"""Which connections the rendered policies allow: one table per shape, in tests/fixtures/connections.

Whoever changes what a shape may reach changes its table by hand, so that a review sees it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.environments.table import allowed
from ansible_collections.todo.cloud.plugins.module_utils.services.pods import policies, relabelled
from ansible_collections.todo.cloud.plugins.module_utils.services.values import facts

from tests.unit.charts.rendering import Helm

FIXTURES = Path(__file__).parents[2] / "fixtures"
SHAPES = sorted((FIXTURES / "shapes").glob("*.yaml"))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda path: path.stem)
def test_a_shape_reaches_what_its_table_says(helm: Helm, shape: Path) -> None:
    """With an environment of the chart's own values around it."""
    objects = helm.render("service", yaml.safe_load(shape.read_text()), shape.stem, "shop")
    objects += helm.render("environment", {"environment": "ci"}, "environment", "shop")
    expected = (FIXTURES / f"connections/{shape.stem}.txt").read_text().splitlines()
    assert [str(each) for each in allowed(objects, "shop")] == expected


def test_the_public_endpoint_reaches_no_port_but_a_services_own(helm: Helm) -> None:
    objects = []
    for name, port in (("admin", 8080), ("shop", 3000)):
        entry = {"image": f"ghcr.io/x/{name}:1", "port": port, "public": f"{name}.example.com"}
        ingress = {"class_name": "traefik"}
        values = facts(name, entry, {}, ingress, [])["chart_values"]
        objects += helm.render("service", {**values, "environment": "ci"}, name, "shop")
    network = {"publicDoor": {"namespaces": ["traefik"], "ports": ["http"]}, "monitoring": {"namespaces": []}}
    objects += helm.render("environment", {"environment": "ci", "networkPolicies": network}, "environment", "shop")
    found = [str(each) for each in allowed(objects, "shop")]
    assert [each for each in found if "traefik" in each] == [
        "namespace traefik -> admin : 8080", "namespace traefik -> shop : 3000",
    ]  # fmt: skip


def test_monitoring_reaches_the_ports_of_metrics_alone(helm: Helm) -> None:
    entries: dict[str, Any] = {
        "web": {"image": "ghcr.io/x/web:1", "port": 3000, "metrics": 9100},
        "api": {"image": "ghcr.io/x/api:1", "port": 8000},
    }
    objects = []
    for name, entry in entries.items():
        values = facts(name, entry, {}, {}, [])["chart_values"]
        objects += helm.render("service", {**values, "environment": "ci"}, name, "shop")
    network = {"services": policies(entries), "monitoring": {"ports": [9090]}}
    objects += helm.render("environment", {"environment": "ci", "networkPolicies": network}, "environment", "shop")
    found = [str(each) for each in allowed(objects, "shop") if each.source == "namespace monitoring"]
    assert found == [
        "namespace monitoring -> api : 9090", "namespace monitoring -> web : 9090, 9100",
    ]  # fmt: skip


CALLS: dict[str, Any] = {
    "web": {"image": "ghcr.io/x/web:1", "port": 3000, "calls": ["search", "stock"]},
    "search": {
        "chart": "x",
        "pods": {"labels": {"app": "search"}, "ports": [7700], "public": True},
        "needs": ["broker"],
    },
    "stock": {"manifests": ["x"], "pods": {"ports": [8081]}, "calls": ["search"], "internet": ["api.example.com"]},
    "report": {"chart": "x", "pods": {"labels": {"app": "report"}}, "calls": ["web"], "after": []},
}
ALLOWED = """\
namespace traefik -> search : 7700
report -> namespace kube-system : 53, 53/UDP
report -> web : 3000
search -> namespace kafka : 9092
search -> namespace kube-system : 53, 53/UDP
stock -> internet : 443
stock -> namespace kube-system : 53, 53/UDP
stock -> search : 7700
web -> namespace kube-system : 53, 53/UDP
web -> search : 7700
web -> stock : 8081
"""


def test_pods_of_other_charts_reach_what_their_entries_say(helm: Helm) -> None:
    """Both ends, whatever labels their pods have."""
    values = facts("web", CALLS["web"], {}, {"relabelled": relabelled(CALLS)}, ["report"])
    service = values["chart_values"] | {"environment": "ci", "networkPolicy": values["connections"]}
    objects = helm.render("service", service, "web", "shop")
    usual = {"app.kubernetes.io/instance": "stock"}
    for name, labels in (("search", {"app": "search"}), ("report", {"app": "report"}), ("stock", usual)):
        pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": "x:1"}]}}
        objects.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                        "spec": {"selector": {"matchLabels": labels}, "template": pod}})  # fmt: skip
    network = {"publicDoor": {"namespaces": ["traefik"]}, "services": policies(CALLS), "monitoring": {"namespaces": []}}
    objects += helm.render("environment", {"environment": "ci", "networkPolicies": network}, "environment", "shop")
    assert "".join(f"{each}\n" for each in allowed(objects, "shop")) == ALLOWED
