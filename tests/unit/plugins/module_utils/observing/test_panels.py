from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.observing.panels import figure_of, queries_of

TOP = Path(__file__).resolve().parents[5]
BOARDS = [
    json.loads(path.read_text()) for path in sorted((TOP / "charts/observability/files/dashboards").glob("*.json"))
]
PLOTS = [(board, panel) for board in BOARDS for panel in board["panels"] if panel["type"] == "timeseries"]
SPAN = (1764000000.0, 1764003600.0)
HOSTILE = "</svg><script>alert(1)</script>"


def series(number: float | None, until: float = SPAN[1], **labels: str) -> dict[str, Any]:
    return {"labels": labels, "points": [[until - 120, number], [until - 60, None], [until, number]]}


def figure(title: str, *found: dict[str, Any]) -> str:
    """One panel of the app with these series."""
    ((board, panel),) = [each for each in PLOTS if each[0]["uid"] == "todo-app" and each[1]["title"] == title]
    drawn = {f"todo-app.{panel['id']}.A": found}
    name, text = figure_of(board, panel, drawn, SPAN, [(SPAN[0] + 600, "1")])
    assert name == title
    return text


def rows(text: str) -> list[list[str]]:
    """Legends: name, now, most."""
    found = re.findall(r"<tr><th scope=\"row\">(.*?)</th><td>(.*?)</td><td>(.*?)</td></tr>", text)
    return [[re.sub("<[^>]*>", "", cell) for cell in row] for row in found]


def test_every_plot_has_its_query() -> None:
    queries = queries_of(BOARDS, "todo-staging")
    assert len(queries) == sum(len(panel["targets"]) for _board, panel in PLOTS) > 20
    assert not [query for query in queries.values() if "$" in query.replace("$1", "")]


@pytest.mark.parametrize(("board", "panel"), PLOTS, ids=lambda each: each.get("title"))
def test_every_plot_is_drawn(board: dict[str, Any], panel: dict[str, Any]) -> None:
    drawn = {name: [series(2.5, service="a"), series(None)] for name in queries_of([board], "todo-staging")}
    assert "<svg" in figure_of(board, panel, drawn, SPAN, [])[1]
    assert figure_of(board, panel, {}, SPAN, []) == (panel["title"], "")


def test_numbers_have_their_units() -> None:
    assert rows(figure("Answered with 5xx", series(0.125, service="a"))) == [["a", "12.5 %", "12.5 %"]]
    latency = "Latency, 95 % of the requests"
    assert rows(figure(latency, series(0.0432, service="a"))) == [["a", "43.2 ms", "43.2 ms"]]
    assert rows(figure(latency, series(300, service="a"))) == [["a", "5 min", "5 min"]]
    assert rows(figure("Requests", series(3, service="a"))) == [["a", "3/s", "3/s"]]
    assert rows(figure("Replicas available", series(12345, deployment=" "))) == [["all", "12345", "12345"]]


def test_a_limit_stands_beside_what_it_limits() -> None:
    found = figure("Memory, of the limit", series(0.5, pod="api-1"))
    assert rows(found) == [["limit", "100 %", ""], ["api-1", "50 %", "50 %"]]
    assert "stroke: var(--bad)" in found
    assert "stroke: var(--bad)" not in figure("Requests", series(3, service="a"))


def test_what_is_gone_comes_last_and_says_since_when() -> None:
    found = figure("Requests", series(9, SPAN[1] - 1800, service="old"), series(1, service="a"), series(2, service="b"))
    assert rows(found) == [["b", "2/s", "2/s"], ["a", "1/s", "1/s"], ["old", "until 16:30", "9/s"]]


def test_a_name_has_its_colour_whatever_its_number() -> None:
    keys = []
    for numbers in ((1, 2), (2, 1)):
        found = figure("Requests", *(series(n, service=name) for n, name in zip(numbers, "ab", strict=True)))
        keys.append(dict(re.findall(r'class="key l(\d)"></span>(\w)', found)))
    assert keys[0] == keys[1] == {"0": "a", "1": "b"}


def test_many_lines_are_folded() -> None:
    found = figure("Requests", *(series(n, service=f"s{n}") for n in range(1, 12)))
    shown, _, folded = found.partition("<details>")
    assert [row[0] for row in rows(shown)] == [f"s{n}" for n in range(11, 3, -1)]
    assert "<summary>3 more</summary>" in folded
    assert len(rows(folded)) == 3


def test_names_are_text_and_in_no_drawing() -> None:
    found = figure("Requests", series(1, service=HOSTILE))
    assert "<script" not in found
    assert rows(found)[0][0] == "&lt;/svg&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
    assert "script" not in found[found.index("<svg") : found.index("</svg>")]
