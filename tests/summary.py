"""What ``make test`` ends with: failures with their part, why tests were skipped, slow tests, a line per stage, and
``N passed, N failed``.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

STAGES = "stages.jsonl"  # in the folder of results: one line per stage that ended
_SLOWEST = 10


@dataclass(frozen=True)
class Case:
    """One test of a JUnit file; ``outcome`` is passed, failed (errors too) or skipped."""

    part: str
    name: str
    seconds: float
    outcome: str
    message: str


def main(results: Path, parts: Sequence[str]) -> int:
    """Print the summary of the parts whose JUnit files are in the folder, and return the exit code.

    A part that left no file did not get as far as its tests, which counts as a failure.
    """
    stages = [json.loads(line) for line in (results / STAGES).read_text().splitlines()]
    tests = [test for part in parts for test in _cases(part, results / f"{part}.xml")]
    failed = [test for test in tests if test.outcome == "failed"]
    bad = [stage for stage in stages if stage["code"]]
    _print(
        "failed:", [stage["line"] for stage in bad] + [f"{test.part}: {test.name}: {test.message}" for test in failed]
    )
    slowest = sorted(tests, key=lambda test: test.seconds, reverse=True)[:_SLOWEST]
    reasons = Counter(f"{test.part}: {test.message}" for test in tests if test.outcome == "skipped")
    _print("not run:", [f"{count} of {reason}" for reason, count in reasons.items()])
    _print("slowest tests:", [f"{test.seconds:6.1f} s  {test.part}: {test.name}" for test in slowest])
    _print("stages:", [stage["line"] for stage in stages])
    passed, skipped = (sum(test.outcome == each for test in tests) for each in ("passed", "skipped"))
    if parts:
        print(f"{passed} passed, {len(failed)} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or bad or (parts and not passed) else 0


def _cases(part: str, file: Path) -> Iterator[Case]:
    if not file.exists():
        yield Case(part, "all", 0, "failed", "it did not get as far as its tests")
        return
    for case in ET.parse(file).iter("testcase"):
        bad = next((child for child in case if child.tag in ("failure", "error")), None)
        left_out = case.find("skipped")
        outcome = "failed" if bad is not None else "skipped" if left_out is not None else "passed"
        found = bad if bad is not None else left_out
        words = (found.get("message") or "").splitlines() if found is not None else []
        name = f"{case.get('classname')}::{case.get('name')}"
        yield Case(part, name, float(case.get("time", 0)), outcome, words[0] if words else "")


def _print(title: str, lines: Sequence[str]) -> None:
    if lines:
        print(title, *lines, sep="\n  ")
