from __future__ import annotations

import sys

from tests.cluster import venv


def test_another_pin_is_another_environment() -> None:
    names = {venv.folder_name(text, python) for text in ("a==1", "a==2") for python in ("3.11.7", "3.12.1")}

    assert len(names) == 4
    assert venv.folder_name("a==1", sys.version) == venv.folder_name("a==1", sys.version)


def test_all_requirements_are_pinned() -> None:
    lines = [line for line in venv.REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]

    assert [line for line in lines if "==" not in line or "://" in line] == []
