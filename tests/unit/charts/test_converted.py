"""Services that charts/service renders are said as entries that render the same: those of teams, and some by chance."""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.filter.dapr_annotations import dapr_annotations
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import hooks_of
from ansible_collections.todo.cloud.plugins.module_utils.releases.convert import credential
from ansible_collections.todo.cloud.plugins.module_utils.services.convert import Conversion, converted
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_compare import Comparison, compared
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_entry import SIDECAR
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_source import groups_of
from ansible_collections.todo.cloud.plugins.module_utils.services.problems import entry_problems
from ansible_collections.todo.cloud.plugins.module_utils.services.values import facts, over

from tests.support.service_values import Chance
from tests.unit.charts.rendering import CHARTS, Helm

TEAMS = sorted((Path(__file__).parents[2] / "fixtures/shapes").glob("*.yaml"))
DEFAULTS = yaml.safe_load((CHARTS / "service/values.yaml").read_text())
FIRST = int(os.environ.get("TODO_CLOUD_SEED", "1").split(",")[0])


def as_the_role(name: str, made: Conversion) -> dict[str, Any]:
    """Values of a release; tests/unit/inventories/test_converted.py has the role itself."""
    entry = made.services[name]
    ingress = {key.removeprefix("ingress_"): value for key, value in made.variables.items()}
    said = facts(name, entry, made.app, ingress, [])
    values: dict[str, Any] = {"environment": "ci"}
    if "dapr" in entry:
        standard = {key.replace("-", "_"): value for key, value in {**SIDECAR, "app-id": name}.items()}
        values["dapr"] = {"annotations": standard}
    values = over(values, said["chart_values"])
    if "dapr" in values:
        values["dapr"]["annotations"] = dapr_annotations(values["dapr"].get("annotations", {}))
    policy = dict(values.get("networkPolicy", {}))
    for key, names in said["connections"].items():
        policy[key] = [*policy.get(key, ()), *names] if isinstance(names, list) else names
    return {**values, "networkPolicy": policy}


def there_and_back(helm: Helm, name: str, values: dict[str, Any]) -> Comparison:
    source = helm.render("service", values, name, "shop")
    made = converted(source, DEFAULTS, credential)
    assert list(made.services) == [name]
    assert made.unsaid == []
    assert entry_problems(name, made.services[name]) == []
    return compared(source, helm.render("service", as_the_role(name, made), name, "shop"))


@pytest.mark.parametrize("team", TEAMS, ids=lambda path: path.stem)
def test_services_of_teams(helm: Helm, team: Path) -> None:
    assert there_and_back(helm, team.stem, yaml.safe_load(team.read_text())) == Comparison()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 15))
def test_services_by_chance(helm: Helm, seed: int) -> None:
    chance = Chance(seed)
    assert there_and_back(helm, f"s{seed}", chance.values()) == Comparison()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif isinstance(value, list) and value:
        for index, one in enumerate(value):
            yield from leaves(one, (*path, index))
    else:
        yield path


def test_no_field_that_counts_is_overlooked(helm: Helm) -> None:
    """Each leaf of what a service's pods say, changed alone, is a difference."""
    values = yaml.safe_load((Path(__file__).parents[2] / "fixtures/shapes/fastapi.yaml").read_text())
    source = helm.render("service", values, "api", "shop")
    at = next(index for index, one in enumerate(source) if one["kind"] == "Deployment")
    names = ("metadata", "selector", "serviceAccountName", "volumes", "topologySpreadConstraints")
    ignored = {"name", "optional", "protocol", "matchLabelKeys"}
    overlooked = []
    paths = [path for path in leaves(source[at]["spec"]) if not set(path) & {*names, *ignored}]
    for path in random.Random(17).sample(paths, 40):
        other = copy.deepcopy(source)
        parent: Any = other[at]["spec"]
        for step in path[:-1]:
            parent = parent[step]
        parent[path[-1]] = "changed"
        if compared(source, other) == Comparison():
            overlooked.append(path)
    assert overlooked == []


def test_an_object_is_a_hook_or_nothing_where_helm_takes_it_for_that(helm: Helm, tmp_path: Path) -> None:
    """One name that Helm does not know, and it makes nothing of the object."""
    events = ["install", "upgrade", "delete", "rollback"]
    known = [f"{when}-{event}" for event in events for when in ("pre", "post")]
    known += ["test", "test-success", "PRE-Install", " pre-install , post-upgrade ", ",".join(known)]
    unknown = [",,", "", " ", "pre-install,", "pre-install,,test", "bogus,pre-install", "crd-install", "test-failure"]
    said = {f"job-{number}-x": text for number, text in enumerate([*known, *unknown])}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "annotations": {"helm.sh/hook": text}}}
        for name, text in said.items()
    ]
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: hooks, version: 1.0.0}")
    (tmp_path / "templates/all.yaml").write_text(yaml.safe_dump_all(objects))
    made = helm.run("template", "x", str(tmp_path))
    assert [name for name in said if name in made] == [item["metadata"]["name"] for item in objects if hooks_of(item)]
    assert helm.run("template", "x", str(tmp_path), "--no-hooks").strip() == ""
    assert groups_of(objects) == ([], [])
