"""Results of a piece of the benchmark: rows, goals and notes; printed as a table, saved as JSON."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.cluster.paths import TOP, cache

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """A figure and the most that it should be, both in ``unit``; None: it could not be measured."""

    what: str
    value: float | None
    limit: float | None
    unit: str = "s"

    @property
    def met(self) -> bool:
        """A figure or a limit that could not be measured is not met."""
        return self.value is not None and self.limit is not None and self.value <= self.limit

    def __str__(self) -> str:
        word = "met   " if self.met else "MISSED"
        return f"{word} {self.what}: {show(self.value)} {self.unit}, goal at most {show(self.limit)} {self.unit}"

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**vars(self), "met": self.met}


@dataclass
class Findings:
    """Results of one piece."""

    piece: str
    title: str
    rows: list[Row] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """For people."""
        parts = [self.title, *table(self.rows), "", *map(str, self.goals), *(f"note: {note}" for note in self.notes)]
        return "\n".join(parts)


def median(values: Sequence[float]) -> float | None:
    """The median; None without values."""
    return statistics.median(values) if values else None


def times(factor: float, value: float | None, plus: float = 0.0) -> float | None:
    """``factor * value + plus``; None stays None."""
    return None if value is None else factor * value + plus


def spread(values: Sequence[float]) -> float:
    """Largest by smallest: 1.0 means that a figure does not depend on what was varied."""
    return max(values) / min(values)


def show(value: object) -> str:
    """A figure as people read it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.2f}"
    return str(value)


def table(rows: Sequence[Row]) -> list[str]:
    """Rows as lines; the keys of all rows are the columns, in the order in which they appear."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([show(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[number]) for line in cells) for number in range(len(columns))]
    numeric = [all(isinstance(row.get(column), int | float | None) for row in rows) for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in cells
    ]


def write(found: Findings, load_before: Sequence[float], seconds: float) -> Path:
    """Keep the findings in the cache's results folder, with what they were measured on; returns the file."""
    folder = cache() / "results" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "piece": found.piece,
        "title": found.title,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "cpus": os.cpu_count(),
        "load": {"before": list(load_before), "after": list(os.getloadavg())},
        "seconds": round(seconds, 1),
        "rows": found.rows,
        "goals": [goal.as_json() for goal in found.goals],
        "notes": found.notes,
    }
    file = folder / f"{found.piece}.json"
    file.write_text(json.dumps(document, indent=1) + "\n")
    return file


def commit() -> str:
    """The checkout's commit; empty outside of a repository."""
    argv = ["git", "-C", str(TOP), "describe", "--always", "--dirty"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
