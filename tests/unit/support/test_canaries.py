"""How a secret may be spelled, and where it is found."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.processes import processes
from tests.support import canaries
from tests.support.canaries import files_that_show, no_command_line_shows, shown, spellings
from tests.support.fake_api import eventually

SECRET = "canary-0123456789"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("after", ["", "z", "yz", "xyz"])
@pytest.mark.parametrize("secret", [SECRET, SECRET[1:], SECRET[2:]])
def test_it_is_found_in_base64_wherever_it_stands(before: str, after: str, secret: str) -> None:
    text = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    assert shown(text, [secret])
    assert not shown(text, ["another-word-that-is-secret"])
    assert all(len(each) >= len(secret) for each in spellings(secret))


def test_it_is_found_in_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"x{SECRET}x")
    (tmp_path / "b").write_text(base64.b64encode(f"u:{SECRET}".encode()).decode())
    (tmp_path / "c").write_text("nothing")
    assert sorted(path.name for path in files_that_show(tmp_path, [SECRET])) == ["a", "b"]


def test_it_is_found_on_command_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def look() -> Iterator[int]:
        looks.append(1)
        return processes()

    def run() -> None:
        command = [sys.executable, "-c", "input()", f"{SECRET}-shown"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as there:
            begun = len(looks)
            eventually(lambda: len(looks) > begun + 1)  # so one of them was whole
            there.communicate("\n")

    monkeypatch.setattr(canaries, "processes", look)

    with pytest.raises(AssertionError, match="on a command line"), no_command_line_shows([f"{SECRET}-shown"]):
        run()
