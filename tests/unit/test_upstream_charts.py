"""make upstream-charts: which values a chart of others does not know, and which of its containers have no limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import upstream_charts
from tests.upstream_charts import chart_of, check, known, main, unknown

OPEN: dict[str, Any] = {"type": "object", "properties": {"type": {"type": "string"}}}
CLOSED: dict[str, Any] = {
    "additionalProperties": False,
    "properties": {"a": {"additionalProperties": False, "properties": {"b": {}}}, "spec": OPEN},
}
POD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  template:
    spec:
      containers:
        - {name: app, resources: {{ toJson .Values.resources }}}
"""  # fmt: skip


@pytest.mark.parametrize(
    ("values", "there", "schema", "found"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, None, []),
        ({"a": {"c": 1}, "x": 1}, {"a": {"b": 2}}, None, ["a.c", "x"]),
        ({"a": {"c": 1}}, {"a": {}}, None, []),
        ({"a": {"c": 1}}, {"a": None}, None, []),
        ({"a": {"b": 1, "c": 1}, "x": 1}, {}, CLOSED, ["a.c", "x"]),
        ({"spec": {"other": 1}}, {"spec": {"type": "x"}}, CLOSED, []),
        ({"ports": {"web": {"b": 1, "c": 2}}}, {"ports": {"web": {"b": 0}}},
         {"properties": {"ports": {"additionalProperties": CLOSED["properties"]["a"]}}}, ["ports.web.c"]),
    ],
)  # fmt: skip
def test_keys_that_a_chart_does_not_know(values: Any, there: Any, schema: Any, found: list[str]) -> None:
    assert list(unknown(values, there, schema)) == found


@pytest.fixture
def charts(tmp_path: Path) -> Path:
    folder = tmp_path / "traefik-41.3.0"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: traefik\nversion: 41.3.0\n")
    (folder / "values.yaml").write_text(json.dumps({"resources": {}, "replicas": 1}))
    (folder / "templates/pod.yaml").write_text(POD)
    (folder / "charts/part").mkdir(parents=True)
    (folder / "charts/part/Chart.yaml").write_text("apiVersion: v2\nname: part\nversion: 1.0.0\n")
    (folder / "charts/part/values.yaml").write_text("size: 1\n")
    return tmp_path


def test_a_chart_is_found_by_its_name_and_rendered(charts: Path) -> None:
    chart = chart_of(charts, "traefik")
    assert chart == charts / "traefik-41.3.0"
    assert chart_of(charts, "dapr") is None
    assert known(chart) == {"resources": {}, "replicas": 1, "part": {"size": 1}}
    amounts = {"cpu": "1", "memory": "1Gi"}
    release = {"name": "x", "namespace": "y", "values": {"resources": {"requests": amounts, "limits": amounts}}}
    assert check(chart, release) == ("version 41.3.0, 1 objects", [])
    release["values"] = {"resources": {"limits": {"cpu": "1"}}, "part": {"sise": 2}}
    assert check(chart, release)[1] == [
        "unknown key part.sise",
        "Deployment x: container app has no requests.cpu, requests.memory, limits.memory",
    ]
    (chart / "templates/pod.yaml").write_text('{{ fail "no" }}')
    line, (_key, refused) = check(chart, release)
    assert line == "not rendered"
    assert refused.startswith("helm: ")


def test_the_table_and_the_exit_code(
    charts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    described = [{"name": name, "namespace": "n", "values": {"replicas": 1}} for name in ("traefik", "dapr")]
    monkeypatch.setattr(upstream_charts, "releases", lambda: described)
    assert main([str(charts)]) == 1
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "traefik", "  Deployment traefik", "dapr",
    ]  # fmt: skip
    (charts / "traefik-41.3.0/templates/pod.yaml").unlink()
    assert main([str(charts)]) == 0
    assert main([]) == 2
    described.pop(0)
    assert main([str(charts)]) == 1, "nothing was compared"
