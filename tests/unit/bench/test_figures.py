from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import figures
from tests.bench.figures import Findings, Goal, median, spread, table, times


def test_a_goal_is_met_at_its_limit() -> None:
    assert Goal("x", 3.0, 3.0).met
    assert not Goal("x", 3.01, 3.0).met


@pytest.mark.parametrize(("value", "limit"), [(None, 3.0), (1.0, None), (None, None)])
def test_a_figure_that_is_missing_meets_no_goal(value: float | None, limit: float | None) -> None:
    goal = Goal("x", value, limit)
    assert not goal.met
    assert str(goal).startswith("MISSED x: ")


def test_arithmetic() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert median([]) is None
    assert times(0.5, 4.0) == 2.0
    assert times(1, 4.0, 1.2) == 5.2
    assert times(0.5, None) is None
    assert spread([10.0, 20.0, 15.0]) == 2.0


def test_a_table_has_all_columns_and_marks_what_is_missing() -> None:
    lines = table([{"tool": "a", "s": 1.5}, {"tool": "b", "s": None, "kB": 12000}])
    assert lines == ["tool     s     kB", "a     1.50      -", "b        -  12000"]


def test_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_CLOUD_CACHE", str(tmp_path))
    found = Findings("piece", "Title", [{"tool": "a", "s": 1.5}], [Goal("fast", 1.5, 1.0)], ["a note"])
    file = figures.write(found, (0.5, 0.6, 0.7), 12.34)
    kept = json.loads(file.read_text())
    assert file.parent == tmp_path / "results" / "bench"
    assert kept["load"]["before"] == [0.5, 0.6, 0.7]
    assert len(kept["load"]["after"]) == 3
    assert kept["goals"] == [{"what": "fast", "value": 1.5, "limit": 1.0, "unit": "s", "met": False}]
    assert (kept["rows"], kept["seconds"], kept["notes"]) == ([{"tool": "a", "s": 1.5}], 12.3, ["a note"])
    assert "MISSED fast: 1.50 s, goal at most 1.00 s" in found.text()
