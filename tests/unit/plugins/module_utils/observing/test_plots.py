from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.observing.plots import COLOURS, Line, Plot, svg_of

BEGAN = 1764000000.0
POINTS = [(BEGAN + 60 * n, None if n in (20, 22) else n % 7 / 10) for n in range(60)]
SPAN = (POINTS[0][0], POINTS[-1][0])


def lines_of(drawing: str, colour: str) -> list[str]:
    """What is drawn with a line in this colour."""
    return re.findall(rf'<path d="([^"]+)" clip-path="[^"]+" style="[^"]*stroke: var\({colour}\)', drawing)


def drawn(plot: Plot, name: str = "a1") -> str:
    drawing = svg_of(plot, name)
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    ET.fromstring(drawing.replace("<svg", f"<svg {names}", 1))
    return drawing


def test_a_line_has_its_gaps_and_its_lone_points() -> None:
    drawing = drawn(Plot([Line(POINTS)], " %", SPAN))
    (line,) = lines_of(drawing, "--line-0")
    assert line.count("M") == 3, "before the gaps, between them and after them"
    assert len(re.findall(r'<use xlink:href="#m\w+" x="[\d.]+" y="[\d.]+" style="[^"]*--line-0', drawing)) == 1
    assert "0.2 %" in drawing
    assert re.search(r">\d\d:\d\d<", drawing), "a clock"


def test_runs_and_limits_are_lines() -> None:
    drawing = drawn(Plot([Line(POINTS)], "", SPAN, [(BEGAN + 600, "1"), (BEGAN + 900, "2")], [2.0]))
    assert len(lines_of(drawing, "--mark")) == 2
    assert len(lines_of(drawing, "--bad")) == 1
    assert re.findall(r"var\(--mark\)[^>]*>(\d)</text>", drawing) == ["1", "2"]
    assert ">2<" in drawing, "the axis goes up to the limit"


def test_what_is_counted_has_whole_numbers_at_its_axis() -> None:
    counted = [(at, 1.0) for at, _number in POINTS]
    numbers = re.findall(r">([\d.]+)</text>", drawn(Plot([Line(counted)], "", SPAN)))
    assert numbers == ["0", "1"]
    assert "0.3" in drawn(Plot([Line(POINTS)], "", SPAN))


def test_many_lines_differ_by_more_than_their_colour() -> None:
    drawing = drawn(Plot([Line(POINTS)] * (COLOURS + 1), "", SPAN))
    assert len(lines_of(drawing, "--line-0")) == 2
    assert drawing.count("stroke-dasharray") == 1


def test_a_drawing_is_the_pages_own() -> None:
    """Its colours are variables, and its names are no other plot's."""
    drawing = drawn(Plot([Line(POINTS)], "", SPAN, [(BEGAN + 600, "1")], [1.0]))
    assert not re.search(r"#0000|<style|<!|<\?|http|metadata", drawing)
    other = drawn(Plot([Line(POINTS)], "", SPAN), "a2")
    names = [set(re.findall(r'id="([^"]+)"', each)) for each in (drawing, other)]
    assert names[0]
    assert not names[0] & names[1]
    assert drawing == drawn(Plot([Line(POINTS)], "", SPAN, [(BEGAN + 600, "1")], [1.0]))


def test_one_moment_and_nothing_above_zero_can_be_drawn() -> None:
    assert "--line-0" in drawn(Plot([Line([(BEGAN, 0.0)])], "", (BEGAN, BEGAN)))


def test_without_matplotlib_it_is_said_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(TodoCloudError, match=r"which is not there: .+ -m pip install 'matplotlib>=3\.8'$") as caught:
        svg_of(Plot([], "", SPAN), "a")
    assert caught.value.failure.code is Code.MISSING_LIBRARY
