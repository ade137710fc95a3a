# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Queries of Prometheus, now or over a time (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..failure import Code, error
from .source import Source, json_of, something_else

Series = list[dict[str, Any]]
_MOST_POINTS = 10_000  # of one series; Prometheus answers with 11,000 at most


def ask(
    source: Source, queries: Mapping[str, str], *, seconds: int = 0, step: int = 60, now: float
) -> dict[str, Series]:
    """Each query's series, by its name: ``labels``, and ``points`` of time and number (null: not a number).

    ``seconds``: how far back, with a point every ``step`` seconds; 0: only the point of ``now``.
    """
    if seconds < 0 or step < 1 or seconds / step > _MOST_POINTS:
        raise error(Code.INVALID_INPUT, f"{seconds} seconds with a step of {step} cannot be asked: take a longer step.")
    times = (
        {"start": f"{now - seconds:.3f}", "end": f"{now:.3f}", "step": str(step)} if seconds else {"time": f"{now:.3f}"}
    )
    path = "api/v1/query_range" if seconds else "api/v1/query"
    return {name: _series(source, source.get(path, {"query": text, **times})) for name, text in queries.items()}


def alerts_of(source: Source) -> list[dict[str, Any]]:
    """What fires, or will when it has held long enough: ``labels``, ``annotations``, ``state`` (firing or pending) and
    ``since``, in seconds since the epoch.
    """
    return _read(
        source,
        source.get("api/v1/alerts", {}),
        lambda data: [
            {
                "labels": dict(each.get("labels") or {}),
                "annotations": dict(each.get("annotations") or {}),
                "state": str(each.get("state", "")),
                "since": datetime.fromisoformat(f"{each['activeAt'][:19]}+00:00").timestamp(),
            }
            for each in data.get("alerts") or []
        ],
    )


def _series(source: Source, body: str) -> Series:
    return _read(source, body, _series_of)


def _read(source: Source, body: str, read: Callable[[Mapping[str, Any]], Series]) -> Series:
    data = json_of(source, body).get("data")
    try:
        return read(data or {})
    except (AttributeError, LookupError, TypeError, ValueError) as exc:
        raise something_else(source, body) from exc


def _series_of(data: Mapping[str, Any]) -> Series:
    found = data.get("result") or []
    if data.get("resultType") == "scalar":
        return [{"labels": {}, "points": [_point(found)]}]
    return [{"labels": dict(each.get("metric") or {}), "points": list(map(_point, _pairs(each)))} for each in found]


def _pairs(series: Mapping[str, Any]) -> Sequence[Any]:
    """None of a native histogram, which is no number."""
    if "histogram" in series or "histograms" in series:
        return series.get("values") or []
    return series.get("values") or [series["value"]]


def _point(pair: Any) -> list[float | None]:
    number = float(pair[1])
    return [float(pair[0]), number if math.isfinite(number) else None]
