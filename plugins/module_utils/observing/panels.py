# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Panels of Grafana's dashboards that are drawn over time: their queries, and each as a figure of HTML."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..neutral import html_text
from .plots import COLOURS, Line, Plot, svg_of

Series = Sequence[Mapping[str, Any]]
_LEGENDS = 8  # series that are named at once, those with the highest last number


@dataclass(frozen=True)
class _Named:
    """``number``: of its colour."""

    name: str
    number: int
    line: Line


def queries_of(boards: Iterable[Mapping[str, Any]], namespace: str) -> dict[str, str]:
    """The query of each target that is drawn over time, by a name of its own."""
    return {
        name: target["expr"].replace("$namespace", namespace)
        for board in boards
        for panel in board["panels"]
        for name, target in _targets(board, panel)
    }


def figure_of(
    board: Mapping[str, Any],
    panel: Mapping[str, Any],
    drawn: Mapping[str, Series],
    span: tuple[float, float],
    marks: Sequence[tuple[float, str]],
) -> tuple[str, str]:
    """Its title, and what is drawn; empty where there is nothing."""
    defaults = panel["fieldConfig"]["defaults"]
    found = [
        (_legend(target["legendFormat"], each["labels"]), each["points"])
        for name, target in _targets(board, panel)
        for each in drawn.get(name, ())
        if last_of(each) is not None
    ]
    title = str(panel["title"])
    if not found:
        return title, ""
    found.sort(key=lambda each: each[0])  # so a name has the same colour wherever the same ones are drawn
    top = max(number for _name, points in found for _at, number in points if number is not None)
    factor, unit = _unit(str(defaults["unit"]), top)
    lines = [
        _Named(name, number, Line([(point[0], None if point[1] is None else point[1] * factor) for point in points]))
        for number, (name, points) in enumerate(found)
    ]
    steps = [point[1][0] - point[0][0] for _name, points in found for point in [points[:2]] if len(point) == 2]
    over = span[1] - 2.5 * min(steps, default=60)  # what has no point since is gone
    limits = [step["value"] * factor for step in _limits(defaults)]
    drawing = svg_of(
        Plot([each.line for each in lines], unit, span, marks, limits), f"{board['uid']}{panel['id']}".replace("-", "")
    )
    rows = [_row(each, unit, over) for each in sorted(lines, key=lambda each: _order(each.line, over))]
    rows[:0] = [
        f'<tr><th scope="row"><span class="key limit"></span>limit</th><td>{_said(limit)}{unit}</td><td></td></tr>'
        for limit in limits
    ]
    most = _LEGENDS + len(limits)
    more = ""
    if rows[most:]:
        more = f"<details><summary>{len(rows) - most} more</summary>{_legends(rows[most:])}</details>"
    return title, f"<figure><figcaption>{html_text(title)}</figcaption>{drawing}{_legends(rows[:most])}{more}</figure>"


def _legends(rows: Sequence[str]) -> str:
    head = '<thead><tr><th scope="col">series</th><th scope="col">now</th><th scope="col">most</th></tr></thead>'
    return f"<table>{head}<tbody>{''.join(rows)}</tbody></table>"


def _row(each: _Named, unit: str, over: float) -> str:
    at, value = each.line.last or (0.0, 0.0)
    now = f"{_said(value)}{unit}" if at >= over else f"until {stamp(at)[11:16]}"
    dashed = " dashed" if each.number // COLOURS % 2 else ""
    key = f'<span class="key l{each.number % COLOURS}{dashed}"></span>'
    name = html_text(each.name.strip() or "all")
    return f'<tr><th scope="row">{key}{name}</th><td>{now}</td><td>{_said(each.line.most)}{unit}</td></tr>'


def _order(line: Line, over: float) -> tuple[bool, float]:
    """What is there now comes first, and the highest of that."""
    at, value = line.last or (0.0, 0.0)
    return at < over, -value


def _limits(defaults: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Thresholds that Grafana draws as lines, too."""
    drawn = (defaults.get("custom") or {}).get("thresholdsStyle") or {}
    if drawn.get("mode") in ("line", "dashed"):
        yield from (step for step in defaults["thresholds"]["steps"] if step["value"] is not None)


def _unit(name: str, top: float) -> tuple[float, str]:
    """What numbers are multiplied with, and what stands behind them, for a highest number."""
    if name == "s":
        for size, unit in ((86400.0, " d"), (3600.0, " h"), (60.0, " min")):
            if top >= 2 * size:
                return 1 / size, unit
        return (1, " s") if top >= 1 else (1000, " ms")
    return {"percentunit": (100, " %"), "reqps": (1, "/s"), "ops": (1, "/s"), "ms": (1, " ms"), "d": (1, " d")}.get(
        name, (1, "")
    )


def _targets(board: Mapping[str, Any], panel: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if panel["type"] == "timeseries":
        for target in panel["targets"]:
            yield f"{board['uid']}.{panel['id']}.{target['refId']}", target


def _legend(pattern: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: str(labels.get(found[1], "")), pattern)


def last_of(series: Mapping[str, Any]) -> float | None:
    """Its last number."""
    found = Line([(point[0], point[1]) for point in series["points"]]).last
    return found[1] if found else None


def stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))


def _said(number: float | None) -> str:
    return "-" if number is None else f"{number:.3g}" if abs(number) < 1000 else f"{number:.0f}"
