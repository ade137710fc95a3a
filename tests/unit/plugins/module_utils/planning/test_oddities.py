"""What a chart makes of its values: watches that it ignores, random values, credentials in plain sight."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest, Rendered
from ansible_collections.todo.cloud.plugins.module_utils.labels import WATCHED
from ansible_collections.todo.cloud.plugins.module_utils.planning.chart_text import may_be_random
from ansible_collections.todo.cloud.plugins.module_utils.planning.oddities import (
    credential_warning,
    random_fields,
    random_note,
    unwatched,
)
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import Watch
from ansible_collections.todo.cloud.plugins.module_utils.releases.apply import apply_releases

from tests.support.fake_environment import CHART, World, spec
from tests.support.fake_helm import manifest_of

WATCHING = replace(spec("api", {"image": "r/api:v1"}), watches=(Watch("Secret", "database"),))


def manifest(*items: dict[str, Any]) -> str:
    return "\n---\n".join(json.dumps(item) for item in items)


def workload(kind: str, annotations: Any) -> dict[str, Any]:
    spec = {"template": {"metadata": {"annotations": annotations}}}
    if kind == "CronJob":
        spec = {"jobTemplate": {"spec": spec}}
    return {"kind": kind, "metadata": {"name": "a", "annotations": {WATCHED: "x"}}, "spec": spec}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "CronJob"])
def test_a_watch_needs_the_annotation_in_a_pod_template(kind: str) -> None:
    assert unwatched(WATCHING, manifest(workload(kind, {WATCHED: "x"}))) == ""
    for found in ({}, None, {"other": "x"}):
        assert "a change of Secret/database" in unwatched(WATCHING, manifest(workload(kind, found)))
    assert unwatched(replace(WATCHING, watches=()), manifest(workload(kind, {}))) == ""


@pytest.mark.parametrize("odd", [{"kind": "A"}, {"kind": "A", "spec": "x"}, {"kind": "A", "spec": {"template": "x"}}])
def test_objects_without_a_pod_template(odd: dict[str, Any]) -> None:
    assert unwatched(WATCHING, manifest(odd))


def test_a_chart_that_ignores_what_is_watched_is_refused_before_the_first_write() -> None:
    world = World()
    ignoring = manifest_of("api", {"image": "r/api:v1"})
    world.helm.render = lambda request: Rendered(ignoring)  # type: ignore[method-assign]  # another chart's rendering
    with pytest.raises(TodoCloudError, match="would not restart its pods") as caught:
        apply_releases(world.run(prepared_secrets=("database",)), [[WATCHING]])
    assert caught.value.failure.code is Code.INVALID_INPUT
    assert world.writes() == []


def test_random_fields_are_named_and_what_they_do() -> None:
    one = manifest({"kind": "Secret", "metadata": {"name": "jwt"}, "data": {"key": "a", "same": "b"}, "list": [1, 2]})
    other = manifest({"kind": "Secret", "metadata": {"name": "jwt"}, "data": {"key": "c", "same": "b"}, "list": [1, 3]})
    fields = random_fields(one, other)
    assert fields == ["Secret/jwt data.key", "Secret/jwt list[1]"]
    assert "each upgrade gives another value" in random_note("api", fields)
    assert "and 3 more" in random_note("api", fields * 4)
    assert (random_fields(one, one), random_note("api", [])) == ([], "")
    assert random_fields(one, "") == ["Secret/jwt"]


def test_the_plan_says_what_is_random_and_only_where_a_chart_draws(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("name: x\nversion: 1.0.0\n")
    (tmp_path / "secret.yaml").write_text("key: {{ randAlphaNum 32 }}")
    assert may_be_random(str(tmp_path))
    assert may_be_random("oci://example.com/x")
    assert not may_be_random(CHART)
    count = itertools.count()

    def template(request: ApplyRequest, *, kubernetes: str = "") -> str:
        return manifest(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "jwt"}, "data": {"key": str(next(count))}}
        )

    world = World()
    world.helm.template = template  # type: ignore[method-assign]  # another chart's rendering
    release = replace(spec("api", {"a": 1}), chart=str(tmp_path))
    report = apply_releases(world.run(check=True, diff=True), [[release]])
    assert any("Secret/jwt data.key at random" in note for note in report.notes)


def test_plain_credentials_are_warned_of_by_name() -> None:
    assert "env.API_TOKEN looks like" in credential_warning(spec("api", {"env": {"API_TOKEN": "hunter2"}}))
    listed = credential_warning(spec("api", {"env": [{"name": "API_TOKEN", "value": "hunter2"}]}))
    assert "env[0].value" in listed
    assert "hunter2" not in listed
    for values in ({}, {"env": None}, {"env": "x"}, {"env": {"LEVEL": "debug"}}):
        assert credential_warning(spec("api", values)) == ""
    report = World().apply({"api": {"image": "r/api:v1", "env": {"API_TOKEN": "hunter2"}}})
    assert any("env.API_TOKEN" in warning for warning in report.warnings)
