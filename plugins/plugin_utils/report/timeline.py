# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The timeline of a report as a picture: rows with bars, and ticks, in pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WIDTH, LEFT, RIGHT, ROW, TOP = 960, 250, 70, 22, 24
_MOST = 60  # rows
_LABEL = 38  # characters
_NARROWEST = 2.0
_NARROWEST_FAILED = 4.0  # so that it is seen within another
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)
_TICKS = 8
_KINDS = {"phase": "play", "helm": "Helm"}  # for people, where that differs


@dataclass(frozen=True)
class Bar:
    """``title``: what is shown when one points at it."""

    x: float
    width: float
    outcome: str
    title: str


@dataclass(frozen=True)
class Row:
    """One line of the picture. ``y``: its top."""

    y: int
    kind: str
    label: str
    bars: tuple[Bar, ...]
    text: str
    text_x: float


@dataclass(frozen=True)
class Picture:
    """``ticks``: place and text. ``more``: rows that were left out."""

    width: int
    height: int
    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, str], ...]
    more: int


def picture_of(document: Mapping[str, Any]) -> Picture | None:
    """The picture; None where there is nothing to draw."""
    spans = document["timeline"]
    if not spans:
        return None
    whole = max([document["run"]["seconds"], *(each["start"] + each["seconds"] for each in spans)]) or 1.0
    wide = WIDTH - LEFT - RIGHT

    def place(second: float) -> float:
        return round(LEFT + wide * min(max(second / whole, 0.0), 1.0), 1)

    lines = [*_endpoint(document), *_lines(spans)]
    rows = []
    for number, (kind, label, parts) in enumerate(lines[:_MOST]):
        bars = []
        for start, seconds, outcome, title in parts:
            narrowest = _NARROWEST_FAILED if outcome == "failed" else _NARROWEST
            width = max(place(start + seconds) - place(start), narrowest)
            bars.append(Bar(place(start), width, outcome, title))
        end = max(each.x + each.width for each in bars)
        total = sum(seconds for _start, seconds, _outcome, _title in parts)
        failed = sum(outcome == "failed" for _start, _seconds, outcome, _title in parts)
        text = f"{failed} failed" if failed and kind == "endpoint" else f"{said(total)}{' failed' if failed else ''}"
        rows.append(Row(TOP + number * ROW, kind, _short(label), tuple(bars), text, round(end + 5, 1)))
    step = next((each for each in _STEPS if whole / each <= _TICKS), whole)
    ticks = tuple((place(n * step), said(n * step)) for n in range(int(whole / step) + 1))
    return Picture(WIDTH, TOP + len(rows) * ROW + 6, tuple(rows), ticks, max(len(lines) - _MOST, 0))


_Part = tuple[float, float, str, str]  # start, seconds, outcome, title


def _lines(spans: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, list[_Part]]]:
    """Spans of the same kind and name share a line, at the place of the first."""
    found: dict[tuple[str, str], list[_Part]] = {}
    for each in spans:
        what = _KINDS.get(each["kind"], each["kind"])
        name = each["name"] or each["release"]
        name = name if each["release"] in name else f"{each['release']}: {name}"
        title = f"{what} {name}: {said(each['seconds'])}, from {said(each['start'])} on, {each['outcome']}"
        part = (each["start"], each["seconds"], each["outcome"], title)
        label = name if name.startswith(what) else f"{what} {name}"
        found.setdefault((each["kind"], label), []).append(part)
    for (kind, label), parts in found.items():
        yield kind, label, parts


def _endpoint(document: Mapping[str, Any]) -> Iterator[tuple[str, str, list[_Part]]]:
    """When the public endpoint answered, as far as it was asked."""
    seen = document["availability"]
    if not seen:
        return
    asked = [each for each in document["timeline"] if each["kind"] != "phase"] or document["timeline"]
    start = min(each["start"] for each in asked)
    end = max(each["start"] + each["seconds"] for each in asked)
    parts: list[_Part] = [(start, end - start, "ok", f"endpoint: {seen['summary']}")]
    began = datetime.fromisoformat(document["run"]["started"]).timestamp()
    for each in seen["failures"]:
        at = datetime.fromisoformat(each["at"]).timestamp() - began
        parts.append((at, 0.0, "failed", f"endpoint at {said(at)}: {each['why']}"))
    yield "endpoint", "endpoint", parts


def _short(label: str) -> str:
    return label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"


def said(seconds: float) -> str:
    """Seconds for people."""
    if seconds >= 120:
        return f"{int(seconds // 60)} min" + (f" {int(seconds % 60)} s" if seconds % 60 >= 1 else "")
    return f"{seconds:.1f} s" if seconds < 10 and seconds % 1 else f"{seconds:.0f} s"
