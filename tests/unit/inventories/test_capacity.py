"""The smallest pool for staging and production, by what their charts request; the platform's table is right."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.fit import needs_of, smallest
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import objects_of
from ansible_collections.todo.cloud.plugins.module_utils.releases.demand import demand

from tests.cluster.build.parts import DAPR_CHART
from tests.support.digitalocean.account import SIZES, Account
from tests.unit.ansible_runs import TOP
from tests.unit.charts.rendering import Helm, built

Rendered = Callable[[str], dict[str, Any]]
TABLE = yaml.safe_load((TOP / "playbooks/vars/capacity.yml").read_text())
# What a role's values request, by its name in the table.
ASKED = {
    "dapr": ("roles/dapr/vars/main.yml", "_dapr_resources"),
    "cert_manager": ("roles/cert_manager/vars/main.yml", "_cert_manager_resources"),
    "ingress": ("roles/ingress/vars/main.yml", "_ingress_values", "resources"),
    "metrics_server": ("roles/metrics_server/vars/main.yml", "_metrics_server_values", "resources"),
    "kafka": ("charts/kafka/values.yaml", "resources"),
    "consumer_lag": ("roles/consumer_lag/vars/main.yml", "_consumer_lag_values", "resources"),
}  # fmt: skip


def test_the_table_has_what_the_roles_request() -> None:
    assert set(TABLE["_capacity_parts"]) == set(ASKED)
    for part, (file, *keys) in ASKED.items():
        asked = functools.reduce(operator.getitem, keys, yaml.safe_load((TOP / file).read_text()))["requests"]
        (line,) = TABLE["_capacity_parts"][part]
        assert {key: line[key] for key in ("cpu", "memory")} == asked, part


def test_the_table_has_as_many_pods_as_dapr(rendered: Rendered, helm: Helm) -> None:
    for ha, pods in ((False, 7), (True, 15)):
        settings = [f"--set=global.ha.enabled={str(ha).lower()}"]
        text = helm.run("template", "dapr", str(built(DAPR_CHART.place)), *settings)
        found = [each for each in demand([{"dapr": objects_of(text)}]) if "rolled out" not in each["name"]]
        assert sum(each["pods"] for each in found) == pods, found
        assert str(pods) in TABLE["_capacity_parts"]["dapr"][0]["pods"]


def needed(described: dict[str, Any], helm: Helm) -> list[dict[str, Any]]:
    def objects(release: dict[str, Any]) -> list[dict[str, Any]]:
        return helm.render(Path(release["chart"]).name, release["values"], release["name"], release["namespace"])

    return demand([{each["name"]: objects(each) for each in wave} for wave in described["waves"]])


def test_what_both_environments_need(rendered: Rendered, helm: Helm) -> None:
    """The figures of docs/digitalocean.md."""
    both = [line for name in ("staging", "production") for line in needed(rendered(name), helm)]

    platform = [{**line, "pods": {"dapr": 7, "ingress": 2}.get(name, line.get("pods", 1))}
                for name, part in TABLE["_capacity_parts"].items() if name != "kafka" for line in part]  # fmt: skip

    needs = needs_of([*both, *platform, *TABLE["_capacity_monitoring"]])

    def pool(**how: Any) -> tuple[int, str]:
        found = smallest(needs, Account().sizes(), list(SIZES), **how)
        return found["count"], found["size"]

    assert pool() == (1, "s-4vcpu-8gb")
    assert pool(least=2) == (3, "s-2vcpu-4gb")
    page = " ".join((TOP / "docs/digitalocean.md").read_text().split())
    assert "one `s-4vcpu-8gb`" in page
    assert "three `s-2vcpu-4gb`" in page
