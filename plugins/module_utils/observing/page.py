# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Grafana's dashboards as one HTML file, drawn from what Prometheus answers; nothing in it is loaded from anywhere."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..neutral import html_text

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 560, 170, 58, 18  # of a plot, in pixels
_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f")
_LEGENDS = 8  # series that are named, those with the highest last number
_UNITS = {
    "percentunit": (100, " %"),
    "reqps": (1, "/s"),
    "ops": (1, "/s"),
    "s": (1, " s"),
    "ms": (1, " ms"),
    "d": (1, " d"),
}
_STYLE = """
body { font: 14px sans-serif; margin: 1.5em; color: #222; background: #fff }
section { display: flex; flex-wrap: wrap; gap: 1em }
figure { margin: 0; border: 1px solid #ccc; padding: .5em }
figcaption { font-weight: bold }
table { border-collapse: collapse } td, th { border: 1px solid #ccc; padding: .2em .6em; text-align: left }
.bad { color: #b00 } .good { color: #060 } svg text { font: 11px sans-serif; fill: #555 }
ul { list-style: none; margin: .3em 0 0; padding: 0; font-size: 12px; max-width: 560px }
"""

Series = Sequence[Mapping[str, Any]]


def queries_of(boards: Iterable[Mapping[str, Any]], namespace: str) -> dict[str, str]:
    """The query of each target that is drawn over time, by a name of its own."""
    return {
        name: target["expr"].replace("$namespace", namespace)
        for board in boards
        for panel in board["panels"]
        for name, target in _targets(board, panel)
    }


def page_of(
    boards: Sequence[Mapping[str, Any]],
    drawn: Mapping[str, Series],
    now: Mapping[str, Series],
    title: str,
    moment: float,
) -> str:
    """The page.

    :param drawn: what the queries of :func:`queries_of` gave
    :param now: ``alerts``, ``ready`` and ``restarts``
    """
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
    times = [point[0] for series in drawn.values() for each in series for point in each["points"]] or [moment]
    span = (min(times), max(times))  # the same for all plots
    parts = [*_alerts(now["alerts"]), *_pods(now["ready"], now["restarts"])]
    for board in boards:
        parts += [f"<h2>{html_text(str(board['title']))}</h2>", "<section>"]
        parts += [_figure(board, panel, drawn, span) for panel in board["panels"] if panel["type"] == "timeseries"]
        parts.append("</section>")
    head = f'<meta charset="utf-8"><title>{html_text(title)}</title><style>{_STYLE}</style>'
    body = "\n".join(parts)
    top = f"<h1>{html_text(title)}</h1><p>{at}</p>"
    return f"<!DOCTYPE html>\n<html><head>{head}</head><body>\n{top}\n{body}\n</body></html>\n"


def _targets(board: Mapping[str, Any], panel: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if panel["type"] == "timeseries":
        for target in panel["targets"]:
            yield f"{board['uid']}.{panel['id']}.{target['refId']}", target


def _alerts(series: Series) -> Iterator[str]:
    yield "<h2>Active alerts</h2>"
    if not series:
        yield '<p class="good">none</p>'
        return
    yield "<table><tr><th>alert</th><th>severity</th><th>of</th></tr>"
    for each in series:
        labels = each["labels"]
        known = ("alertname", "alertstate", "severity", "__name__", "environment", "namespace")
        rest = ", ".join(f"{key} {text}" for key, text in sorted(labels.items()) if key not in known)
        cells = (labels.get("alertname", ""), labels.get("severity", ""), rest)
        yield f'<tr class="bad">{"".join(f"<td>{html_text(str(cell))}</td>" for cell in cells)}</tr>'
    yield "</table>"


def _pods(ready: Series, restarts: Series) -> Iterator[str]:
    often: dict[str, float] = {}
    for each in restarts:
        often[each["labels"].get("pod", "")] = often.get(each["labels"].get("pod", ""), 0) + (_last(each) or 0)
    yield "<h2>Pods</h2><table><tr><th>pod</th><th>ready</th><th>restarts</th></tr>"
    for name, good in sorted((each["labels"].get("pod", ""), bool(_last(each))) for each in ready):
        told = "<td class='good'>yes</td>" if good else "<td class='bad'>no</td>"
        yield f"<tr><td>{html_text(name)}</td>{told}<td>{often.get(name, 0):.0f}</td></tr>"
    yield "</table>"


def _figure(
    board: Mapping[str, Any], panel: Mapping[str, Any], drawn: Mapping[str, Series], span: tuple[float, float]
) -> str:
    scale, unit = _UNITS.get(panel["fieldConfig"]["defaults"]["unit"], (1, ""))
    lines: list[tuple[str, list[tuple[float, float | None]]]] = []
    for name, target in _targets(board, panel):
        for each in drawn.get(name, ()):
            points = [(point[0], None if point[1] is None else point[1] * scale) for point in each["points"]]
            lines.append((_legend(target["legendFormat"], each["labels"]), points))
    caption = f"<figcaption>{html_text(str(panel['title']))}</figcaption>"
    if not any(number is not None for _text, points in lines for _at, number in points):
        return f"<figure>{caption}<p>no data</p></figure>"
    lines.sort(key=lambda line: -(_number(line[1]) or 0))
    named = "".join(
        f'<li><span style="color:{_COLOURS[n]}">■</span> {html_text(text)}: {_said(_number(points))}{unit}</li>'
        for n, (text, points) in enumerate(lines[:_LEGENDS])
    )
    more = f"<li>and {len(lines) - _LEGENDS} more</li>" if len(lines) > _LEGENDS else ""
    return f"<figure>{caption}{_plot([points for _text, points in lines], unit, span)}<ul>{named}{more}</ul></figure>"


def _plot(lines: Sequence[Sequence[tuple[float, float | None]]], unit: str, span: tuple[float, float]) -> str:
    first, last = span
    top = max((number for points in lines for _at, number in points if number is not None), default=0) or 1
    wide, high = _WIDTH - _LEFT, _HEIGHT - _BOTTOM

    def place(at: float, number: float) -> str:
        x = _LEFT + wide * ((at - first) / (last - first) if last > first else 0.5)
        return f"{x:.1f},{high - (high - 8) * max(number, 0) / top:.1f}"

    drawn = []
    for n, points in enumerate(lines):
        colour = _COLOURS[n % len(_COLOURS)]
        for run in _runs(points):
            path = " ".join(place(at, number) for at, number in run)
            if len(run) == 1:
                path += f" {place(run[0][0], run[0][1])}"
            drawn.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linecap="round"/>'
            )
    axis = f'<path d="M{_LEFT} 0V{high}H{_WIDTH}" fill="none" stroke="#999"/>'
    clock = [time.strftime("%H:%M", time.gmtime(at)) for at in (first, last)]
    texts = (
        f'<text x="{_LEFT - 4}" y="12" text-anchor="end">{_said(top)}{unit}</text>'
        f'<text x="{_LEFT - 4}" y="{high}" text-anchor="end">0</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}">{clock[0]}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 4}" text-anchor="end">{clock[1]}</text>'
    )
    return f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img">{axis}{"".join(drawn)}{texts}</svg>'


def _runs(points: Sequence[tuple[float, float | None]]) -> Iterator[list[tuple[float, float]]]:
    """The parts of a line between its gaps."""
    run: list[tuple[float, float]] = []
    for at, number in points:
        if number is not None:
            run.append((at, number))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _legend(pattern: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: str(labels.get(found[1], "")), pattern)


def _last(series: Mapping[str, Any]) -> float | None:
    return _number([(point[0], point[1]) for point in series["points"]])


def _number(points: Sequence[tuple[float, float | None]]) -> float | None:
    """The last number of a line."""
    return next((number for _at, number in reversed(points) if number is not None), None)


def _said(number: float | None) -> str:
    return "-" if number is None else f"{number:.4g}"
