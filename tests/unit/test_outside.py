"""make peers and make cases: what lies outside the project is run, and a table says how it went."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import outside


def case(folder: Path, name: str, *lines: str) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "run.sh").write_text("\n".join(lines))


@pytest.mark.parametrize("what", ["peers", "cases"])
def test_nothing_given_is_said_and_no_failure(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert outside.main([what]) == 0
    assert outside.main([what, str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("nothing to compare") == 2
    assert outside.main([what, str(tmp_path / "absent")]) == 1


def test_cases_that_are_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case(tmp_path, "01-a", "echo noise", "echo RIGHT: one", "echo RIGHT: $([ -d $P/plugins ] && echo checkout)")
    assert outside.main(["cases", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == ["01-a: RIGHT one", "01-a: RIGHT checkout", "01-a  2 RIGHT"]


@pytest.mark.parametrize("line", ["echo WRONG: x", "echo UNCLEAR: x", "exit 3"])
def test_cases_that_are_not(tmp_path: Path, line: str) -> None:
    case(tmp_path, "01-a", "echo RIGHT: one")
    case(tmp_path, "02-b", line)
    assert outside.main(["cases", str(tmp_path)]) == 1


def test_peers_get_the_checkout_and_the_wanted_differences(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "health.py").write_text("import sys; print(*sys.argv[1:])")
    assert outside.main(["peers", str(tmp_path)]) == 0
    assert f"{outside.TOP} --except {outside.EXCEPTIONS}" in capfd.readouterr().out
    (tmp_path / "other.py").write_text("raise SystemExit(2)")
    assert outside.main(["peers", str(tmp_path)]) == 1


def test_every_wanted_difference_has_a_reason() -> None:
    lines = [line for line in outside.EXCEPTIONS.read_text().splitlines() if not line.startswith("#")]
    assert all(len(line.partition(": ")[2]) > 10 for line in lines)
