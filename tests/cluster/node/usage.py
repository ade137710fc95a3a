"""What a node has used of the machine."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")  # per second; /proc counts in them


def cpu_seconds(process: int) -> float:
    """User and system time of a process and of all below it, those that ended and were waited for included."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()  # from the third on, see proc_pid_stat(5)
        except OSError:  # it ended meanwhile
            continue
        found = int(stat.parent.name)
        parents[found] = int(fields[1])
        ticks[found] = sum(map(int, fields[11:15]))
    return sum(ticks[found] for found in ticks if _is_below(found, process, parents)) / _TICKS


def _is_below(found: int, process: int, parents: dict[int, int]) -> bool:
    while found != process:
        if found not in parents:
            return False
        found = parents[found]
    return True
