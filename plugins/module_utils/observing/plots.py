# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One plot over time as SVG inside of a page, drawn by matplotlib (https://matplotlib.org), which only this file needs.

No text from outside gets into a drawing: names of series are the page's. Colours are the page's CSS variables, so that
one drawing is right in light, dark and on paper.
"""

from __future__ import annotations

import io
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..failure import Code, error

COLOURS = 4  # variables --line-0 to --line-3; further series have them again, dashed
_DAY = 86400.0
_SIZE = (4.2, 2.0)  # inches
_PLACE = {"left": 0.14, "right": 0.985, "top": 0.9, "bottom": 0.125}
# Colours that are replaced in the drawing; nothing else in it has one that begins so.
_INK, _GRID, _MARK, _LIMIT, _LINE = "#0000e0", "#0000e1", "#0000e2", "#0000e3", "#0000f{}"
_VARIABLES = {"e0": "--ink", "e1": "--grid", "e2": "--mark", "e3": "--bad"}
_SETTINGS = {"svg.fonttype": "none", "font.size": 9, "font.family": "DejaVu Sans", "path.simplify": True}


@dataclass(frozen=True)
class Line:
    """A series: times in seconds since the epoch, and numbers; None is a gap."""

    points: Sequence[tuple[float, float | None]]

    @property
    def last(self) -> tuple[float, float] | None:
        """The last point that has a number."""
        return next(((at, number) for at, number in reversed(self.points) if number is not None), None)

    @property
    def most(self) -> float | None:
        """The highest number."""
        return max((number for _at, number in self.points if number is not None), default=None)


@dataclass(frozen=True)
class Plot:
    """``marks``: times and their short names (digits), as vertical lines; ``limits``: horizontal ones."""

    lines: Sequence[Line]
    unit: str
    span: tuple[float, float]
    marks: Sequence[tuple[float, str]] = ()
    limits: Sequence[float] = field(default=())


def needed() -> None:
    """Raises missing_library where it is not installed: with what to type."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as exc:
        raise error(
            Code.MISSING_LIBRARY,
            f"The dashboard's plots are drawn by matplotlib, which is not there: {sys.executable} -m pip install "
            "'matplotlib>=3.8'",
        ) from exc


def svg_of(plot: Plot, name: str) -> str:
    """The drawing. ``name``: unlike that of any other plot of the page, in letters and digits."""
    needed()
    import matplotlib as mpl
    from matplotlib import dates, ticker
    from matplotlib.figure import Figure

    with mpl.rc_context({**_SETTINGS, "svg.hashsalt": name}):
        figure = Figure(figsize=_SIZE)
        axes = figure.add_axes((
            _PLACE["left"], _PLACE["bottom"], _PLACE["right"] - _PLACE["left"], _PLACE["top"] - _PLACE["bottom"]
        ))  # fmt: skip
        figure.patch.set_visible(False)
        axes.patch.set_visible(False)
        for limit in plot.limits:
            axes.axhline(limit, color=_LIMIT, linewidth=1.2, linestyle=(0, (1, 1.5)))
        for at, short in plot.marks:
            axes.axvline(at / _DAY, color=_MARK, linewidth=1, linestyle=(0, (4, 2)))
            axes.text(at / _DAY, 1.02, short, transform=axes.get_xaxis_transform(), ha="center", color=_MARK)
        for number, line in enumerate(plot.lines):
            style: dict[str, Any] = {"color": _LINE.format(number % COLOURS), "linewidth": 1.5, "zorder": 3}
            numbers = [float("nan") if value is None else value for _at, value in line.points]
            times = [at / _DAY for at, _value in line.points]
            dashed = number // COLOURS % 2
            axes.plot(times, numbers, linestyle=(0, (3, 1.5)) if dashed else "solid", **style)
            alone = list(_alone(line.points))
            axes.plot([each[0] / _DAY for each in alone], [each[1] for each in alone], ls="", marker=".", **style)
        first, last = (each / _DAY for each in plot.span)
        axes.set_xlim(first, last if last > first else first + 60 / _DAY)
        top = max((line.most or 0 for line in plot.lines), default=0)
        axes.set_ylim(0, 1.06 * max([top, *plot.limits]) or 1)
        clock = dates.AutoDateLocator(minticks=3, maxticks=6)
        axes.xaxis.set_major_locator(clock)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(clock, show_offset=False))
        whole = not plot.unit and all(number % 1 == 0 for line in plot.lines for _at, number in line.points if number)
        axes.yaxis.set_major_locator(ticker.MaxNLocator(4, integer=whole))
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _place: f"{value:.4g}{plot.unit}"))
        axes.tick_params(color=_GRID, labelcolor=_INK, length=2, pad=3)
        axes.grid(axis="y", color=_GRID, linewidth=0.6)
        for side in axes.spines.values():
            side.set_color(_GRID)
        axes.spines[["top", "right"]].set_visible(False)
        drawing = io.StringIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # which would be lines of Ansible's output
            figure.savefig(drawing, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _inside(drawing.getvalue())


def _alone(points: Sequence[tuple[float, float | None]]) -> Iterator[tuple[float, float]]:
    """Points between gaps, which no line leads to."""
    for number, (at, value) in enumerate(points):
        before = points[number - 1][1] if number else None
        after = points[number + 1][1] if number + 1 < len(points) else None
        if value is not None and before is None and after is None:
            yield at, value


def _inside(text: str) -> str:
    """A whole SVG file as a part of an HTML page, which has many: without prologue, style sheet and names of groups."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<style\b.*?</style>|<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"#0000(e\d)", lambda found: f"var({_VARIABLES[found[1]]})", text)
    text = re.sub(r"#0000f(\d)", r"var(--line-\1)", text)
    box = re.search(r'viewBox="([^"]+)"', text)
    opening = f'<svg viewBox="{box[1] if box else ""}" aria-hidden="true" focusable="false">'
    return re.sub(r"\n\s*", "\n", re.sub(r"^<svg[^>]*>", opening, text)).strip()
