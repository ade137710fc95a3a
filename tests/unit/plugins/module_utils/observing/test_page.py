from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.observing.page import page_of, queries_of

TOP = Path(__file__).resolve().parents[5]
BOARDS = [
    json.loads(path.read_text()) for path in sorted((TOP / "charts/observability/files/dashboards").glob("*.json"))
]
NOW: dict[str, Any] = {"alerts": [], "ready": [], "restarts": []}
HOSTILE = "<script>alert(1)</script>"


def series(number: float | None, **labels: str) -> dict[str, Any]:
    return {"labels": labels, "points": [[10.0, 1.0], [70.0, None], [130.0, number]]}


def drawn() -> str:
    queries = queries_of(BOARDS, "todo-staging")
    return page_of(BOARDS, {name: [series(2.5, service="a"), series(None)] for name in queries}, NOW, "staging", 130.0)


def test_every_plot_has_its_query() -> None:
    queries = queries_of(BOARDS, "todo-staging")
    plots = [panel for board in BOARDS for panel in board["panels"] if panel["type"] == "timeseries"]
    assert len(queries) == sum(len(panel["targets"]) for panel in plots) > 20
    assert not [query for query in queries.values() if "$" in query.replace("$1", "")]


def test_every_plot_is_drawn() -> None:
    page = drawn()
    assert page.count("<svg") == sum(panel["type"] == "timeseries" for board in BOARDS for panel in board["panels"])
    assert "no data" not in page
    assert "http" not in page, "it loads nothing from anywhere"
    for plot in page.split("<svg")[1:]:
        drawing = ET.fromstring(f"<svg{plot.partition('</svg>')[0]}</svg>")
        lines = [line.attrib["points"] for line in drawing.iter("polyline")]
        assert all(0 <= float(n) <= 560 for line in lines for n in line.replace(",", " ").split())
    empty = page_of(BOARDS, {}, NOW, "staging", 130.0)
    assert "<svg" not in empty
    assert empty.count("no data") == page.count("<svg")


def test_shares_are_percent_and_many_lines_are_counted() -> None:
    (name,) = [name for name, query in queries_of(BOARDS, "n").items() if query == 'todo:errors:ratio{namespace="n"}'][
        :1
    ]
    many = [series(n / 100, service=f"s{n}") for n in range(1, 12)]
    page = page_of(BOARDS, {name: many}, NOW, "staging", 130.0)
    assert "s11: 11 %" in page
    assert "and 3 more" in page


def test_alerts_and_pods_stand_on_top_and_their_text_is_only_text() -> None:
    alert = {"alertname": "ServiceErrors", "severity": "critical", "service": HOSTILE, "namespace": "todo"}
    now = {"alerts": [series(1, **alert)], "ready": [series(1, pod="api-1"), series(0, pod=HOSTILE)],
           "restarts": [series(3, pod="api-1", container="a"), series(1, pod="api-1", container="b")]}  # fmt: skip
    page = page_of(BOARDS, {}, now, f"staging {HOSTILE}", 130.0)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 4
    assert page.index("ServiceErrors") < page.index("api-1") < page.index("Todo: app")
    assert "<td>api-1</td><td class='good'>yes</td><td>4</td>" in page
    assert "<td class='bad'>no</td>" in page
    assert "<p>1970-01-01 00:02:10 UTC</p>" in page
