"""The inventories of examples/shapes: what they make of their entries, rendered by Helm."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.environments.table import allowed
from ansible_collections.todo.cloud.plugins.module_utils.planning.manifests import manifest_values
from ansible_collections.todo.cloud.plugins.module_utils.readiness.rules import Rules
from ansible_collections.todo.cloud.plugins.module_utils.readiness.status import State

from tests.unit.ansible_runs import TOP, Ansible
from tests.unit.charts.rendering import Helm, built, conform
from tests.unit.inventories.test_own_services import described, names, objects

SHAPES = TOP / "examples/shapes"
CONNECTIONS = TOP / "tests/fixtures/connections/make-shapes"
WAVES = {
    "one-service": [["status-page"]],
    "seven-charts": [
        ["ledger", "notices"],
        ["accounts", "cards"],
        ["payments", "statements"],
        ["gateway"],
    ],
    "operator-resources": [["cache-kinds"], ["sessions"]],
    "umbrella": [["wiki"]],
    "worker-cron-api": [["api"], ["worker", "cleanup"]],
}
KINDS = {"cache-kinds": ["CustomResourceDefinition"], "sessions": ["Cache", "Deployment", "Service"]}
ONE_POD = ("gateway", "payments", "wiki")


@pytest.fixture(scope="module")
def ansible() -> Iterator[Ansible]:
    with Ansible(TOP, ANSIBLE_CALLBACK_RESULT_FORMAT="json") as running:
        yield running


def rendered(release: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The objects of a release, as Helm makes them of its chart, files and values."""
    values = folder / "values.yaml"
    raw = manifest_values(release["manifests"], release["name"]) if "manifests" in release else {}
    values.write_text(yaml.safe_dump({**release["values"], **raw}))
    files = [flag for file in (*release.get("files", []), values) for flag in ("--values", str(file))]
    argv = [str(built("bin/helm")), "template", release["name"], release["chart"], *files]
    output = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    found = [item for item in yaml.safe_load_all(output) if item]
    conform(item for item in found if item["kind"] != "Cache")
    return found


def test_each_is_tried_here() -> None:
    assert {path.name for path in SHAPES.iterdir() if path.is_dir()} == set(WAVES)


@pytest.fixture(scope="module", params=WAVES)
def example(request: pytest.FixtureRequest, ansible: Ansible) -> tuple[str, dict[str, Any]]:
    """Name of an example, and what its inventory makes of the entries."""
    return request.param, described(ansible, SHAPES / request.param / "inventories/local")


def test_what_an_example_says_is_rendered(example: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    name, made = example
    assert [sorted(wave) for wave in names(made)] == [sorted(wave) for wave in WAVES[name]]
    for release in (release for wave in made["waves"] for release in wave):
        items = rendered(release, tmp_path)
        if "manifests" in release:
            assert sorted(item["kind"] for item in items) == KINDS[release["name"]]
            continue
        found = {item["metadata"]["name"]: item for item in items if "spec" in item}
        assert found[release["name"]]["kind"] in ("Deployment", "CronJob")
        if release["name"] in ONE_POD:
            assert found[release["name"]]["spec"]["replicas"] == 1, "the environment says so"


def test_a_rule_says_when_the_operators_resource_is_good() -> None:
    settings = SHAPES / "operator-resources/inventories/local/group_vars/all/environment.yml"
    rules = Rules.from_option(yaml.safe_load(settings.read_text())["readiness_rules"])
    cache = yaml.safe_load((SHAPES / "operator-resources/k8s/sessions/cache.yaml").read_text())
    for phase, state in (("Running", State.CURRENT), ("Failed", State.FAILED), ("Creating", State.IN_PROGRESS)):
        assert rules.status_of({**cache, "status": {"phase": phase, "reason": "it says so"}}).state is state


@pytest.fixture(scope="module")
def twelve(ansible: Ansible, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the inventory of make shapes makes of its entries."""
    facts = {"registry": "10.0.0.1:5000", "database_url": "postgresql://x", "database_ip": "10.0.0.1"}
    cluster = tmp_path_factory.mktemp("shapes") / "todo-cloud/clusters/shapes"
    cluster.mkdir(parents=True)
    (cluster / "cluster.json").write_text(json.dumps(facts))
    return described(ansible, TOP / "tests/shapes/inventory", KUBECONFIG=str(cluster / "kubeconfig"))


def test_the_twelve_of_make_shapes_are_rendered(twelve: dict[str, Any], helm: Helm) -> None:
    releases = {release["name"]: release for wave in twelve["waves"] for release in wave}
    assert len(releases) == 13
    kinds = {name: set(objects(helm, release)) for name, release in releases.items()}
    assert {name for name, found in kinds.items() if "Deployment" in found} == set(releases) - {
        "dapr-components", "migration", "nightly", "redis",
    }  # fmt: skip
    tick = {"type": "bindings.cron", "apps": ["basket"], "metadata": {"schedule": "@every 2s", "direction": "input"}}
    assert releases["dapr-components"]["values"]["components"]["tick"] == tick
    assert releases["dapr-components"]["values"]["components"]["basket-state"]["apps"] == ["basket"]


def test_each_of_the_twelve_reaches_what_its_table_says(twelve: dict[str, Any], helm: Helm) -> None:
    """Whoever changes what a shape may reach changes its table by hand, so that a review sees it."""
    found = helm.render("environment", twelve["environment"], "environment", "shapes")
    for release in (release for wave in twelve["waves"] for release in wave):
        found += helm.render(Path(release["chart"]).name, release["values"], release["name"], release["namespace"])
    table = [re.sub("(migration)-[0-9a-f]{8}", r"\1", str(each)) for each in allowed(found, "shapes")]
    tables = {path.stem: path.read_text().splitlines() for path in sorted(CONNECTIONS.glob("*.txt"))}
    assert sum(len(lines) for lines in tables.values()) > 30
    parts = {name: [line for line in table if name in re.split(" (?:->|:) ", line)] for name in tables}
    assert parts == tables
    assert {line for lines in parts.values() for line in lines} == set(table)
