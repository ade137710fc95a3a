from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import summary

UNIT = """<testsuites><testsuite tests="4" failures="1" errors="1" skipped="1">
<testcase classname="tests.unit.test_a" name="test_slow" time="7.5"/>
<testcase classname="tests.unit.test_a" name="test_quick" time="0.1"><skipped message="not here"/></testcase>
<testcase classname="tests.unit.test_a" name="test_bad" time="1"><failure message="assert 1 == 2&#10; + x"/></testcase>
<testcase classname="tests.unit.test_a" name="test_broken" time="1"><error message="no fixture"/></testcase>
</testsuite></testsuites>"""
E2E = """<testsuites><testsuite tests="1">
<testcase classname="tests.e2e.test_b" name="test_all" time="60"/>
</testsuite></testsuites>"""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "unit.xml").write_text(UNIT)
    (tmp_path / "e2e.xml").write_text(E2E)
    stages = [("lint", 0, "lint: 30 s, 40 s of CPU"), ("unit", 1, "unit: FAILED after 9 s, 20 s of CPU")]
    lines = [json.dumps({"name": name, "code": code, "line": line}) for name, code, line in stages]
    (tmp_path / summary.STAGES).write_text("\n".join(lines) + "\n")
    return tmp_path


def test_failures_come_first_and_say_their_part(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert summary.main(results, ["unit", "e2e"]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "failed:",
        "  unit: FAILED after 9 s, 20 s of CPU",
        "  unit: tests.unit.test_a::test_bad: assert 1 == 2",
        "  unit: tests.unit.test_a::test_broken: no fixture",
        "not run:",
        "  1 of unit: not here",
        "slowest tests:",
        "    60.0 s  e2e: tests.e2e.test_b::test_all",
        "     7.5 s  unit: tests.unit.test_a::test_slow",
        "     1.0 s  unit: tests.unit.test_a::test_bad",
        "     1.0 s  unit: tests.unit.test_a::test_broken",
        "     0.1 s  unit: tests.unit.test_a::test_quick",
        "stages:",
        "  lint: 30 s, 40 s of CPU",
        "  unit: FAILED after 9 s, 20 s of CPU",
        "2 passed, 2 failed, 1 skipped",
    ]


def test_a_part_without_results_failed(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / summary.STAGES).write_text("")

    assert summary.main(results, ["e2e", "integration"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["failed:", "  integration: all: it did not get as far as its tests"]
    assert lines[-1] == "1 passed, 1 failed"


def test_all_is_well(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / summary.STAGES).write_text("")

    assert summary.main(results, ["e2e"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"


def test_no_test_at_all_is_a_failure_unless_none_was_asked_for(results: Path) -> None:
    (results / summary.STAGES).write_text("")
    (results / "e2e.xml").write_text("<testsuites/>")

    assert summary.main(results, ["e2e"]) == 1
    assert summary.main(results, []) == 0
