"""What molecule prints, line by line: which phase runs, how long it took, and what a failed one said."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_STATE = re.compile(r"[A-Z]+ +\[(\w+) > (\w+)\] (Executing|Executed: (?P<state>\w+))")
_EMPTY = re.compile(r"\s*|PLAY \[.*")
_FIRST, _LAST = 12, 28  # lines of a failed phase that are shown


@dataclass
class Phase:
    """A phase of a scenario. All times are seconds.

    Attributes:
        lines: what it has printed.
        failed: None while it runs.
    """

    scenario: str
    name: str
    began: float
    seconds: float = 0.0
    failed: bool | None = None
    lines: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.scenario}: {self.name} {'FAILED after ' if self.failed else ''}{self.seconds:.0f} s"

    def message(self) -> list[str]:
        """The lines that say why it failed: each error, and the last of them in full, shortened in the middle."""
        errors = self._places("[ERROR]") or self._places("fatal:", "ERROR!", "Traceback")
        end = [*self._places("PLAY RECAP"), len(self.lines)][0]
        last = self.lines[errors[-1] if errors else 0 : end]
        found = [*(self.lines[place] for place in errors[:-1]), *(line for line in last if not _EMPTY.fullmatch(line))]
        if len(found) <= _FIRST + _LAST:
            return found
        return [*(found[:_FIRST] if errors else []), "…", *found[-_LAST:]]

    def _places(self, *beginnings: str) -> list[int]:
        return [number for number, line in enumerate(self.lines) if line.startswith(beginnings)]


class Reader:
    """Follows molecule's output."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running: Phase | None = None
        self._outside: list[str] = []  # of no phase
        self.phases: list[Phase] = []

    def feed(self, text: str) -> Phase | None:
        """Take one line; returns the phase that ends with it. A phase without a playbook is left out."""
        line = _COLOR.sub("", text.rstrip("\n"))
        state = _STATE.match(line)
        if not state:
            (self._running.lines if self._running else self._outside).append(line)
            return None
        if not state["state"]:
            self._running = Phase(state[1], state[2], self._clock())
            return None
        ended, self._running = self._running, None
        if not ended or state["state"] not in ("Successful", "Failed"):
            return None
        ended.seconds, ended.failed = self._clock() - ended.began, state["state"] == "Failed"
        self.phases.append(ended)
        return ended

    def remaining(self) -> list[str]:
        """The last lines of what no finished phase printed: why molecule ended before its time."""
        return (self._running.lines if self._running else self._outside)[-_LAST:]


def table(phases: Iterable[Phase]) -> list[str]:
    """A line per scenario: its seconds, and those of its phases."""
    scenarios: dict[str, list[Phase]] = {}
    for phase in phases:
        scenarios.setdefault(phase.scenario, []).append(phase)
    return [
        f"{sum(phase.seconds for phase in found):5.0f} s  {name}: "
        + ", ".join(f"{phase.name} {phase.seconds:.0f}{' (failed)' if phase.failed else ''}" for phase in found)
        for name, found in scenarios.items()
    ]


def write_junit(phases: Iterable[Phase], others: Sequence[tuple[str, list[str]]], file: Path) -> None:
    """A test case per phase, and per other check with what it found; one that found something failed."""
    suite = ET.Element("testsuite", name="molecule")
    for phase in phases:
        case = ET.SubElement(
            suite, "testcase", classname=f"molecule.{phase.scenario}", name=phase.name, time=f"{phase.seconds:.1f}"
        )
        if phase.failed:
            ET.SubElement(case, "failure", message=next(iter(phase.message()), "it printed nothing"))
    for name, found in others:
        case = ET.SubElement(suite, "testcase", classname="molecule", name=name, time="0")
        if found:
            ET.SubElement(case, "failure", message="; ".join(found))
    ET.ElementTree(suite).write(file, encoding="unicode")
