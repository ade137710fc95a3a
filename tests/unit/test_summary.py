from __future__ import annotations

from pathlib import Path

import pytest

from tests import summary


def test_the_closing_line_counts_all_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = tmp_path / "1.xml", tmp_path / "2.xml"
    one.write_text('<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1"/></testsuites>')
    two.write_text('<testsuites><testsuite tests="3" failures="0" errors="0" skipped="0"/></testsuites>')

    assert summary.main([str(one), str(two)]) == 1
    assert summary.main([str(two)]) == 0
    assert summary.main([str(two), str(tmp_path / "missing.xml")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["5 passed, 2 failed, 1 skipped", "3 passed, 0 failed"]
    assert lines[-1] == "3 passed, 1 failed"
