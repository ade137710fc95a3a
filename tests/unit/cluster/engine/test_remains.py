from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.engine import daemon, remains


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "engine.json").write_text('{"slot": 31}')
    monkeypatch.setattr(daemon, "pid", lambda *_: None)
    monkeypatch.setattr(
        remains.subprocess, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 0, "default via 10.0.0.1\n")
    )
    return tmp_path


def test_nothing_is_left(folder: Path) -> None:
    assert remains.processes(folder) == {}
    assert remains.remains({}, folder) == []


def test_files_and_routes_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "docker.sock").touch()
    route = "10.241.248.0/21 via 10.241.248.2 dev todo-engine31"
    monkeypatch.setattr(
        remains.subprocess, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 0, f"{route}\n10.1.0.0/16 x\n")
    )

    assert remains.remains({}, folder) == [f"route {route} is there still", f"{folder}/docker.sock is there still"]


def test_a_process_that_outlives_the_engine_is_found_and_one_that_took_its_number_is_not(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        began = remains._began(process.pid)
        assert remains.remains({process.pid: began}, folder) == [f"process {process.pid} runs still"]
        assert remains.remains({process.pid: "1"}, folder) == []
        process.communicate(b"\n")
    assert remains.remains({process.pid: began}, folder) == []


def test_processes_are_those_of_the_engine_s_namespace_and_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "pid", lambda *_: 10)
    spaces = {1: "outer", os.getpid(): "outer", 10: "inner", 11: "inner", 12: "container"}
    monkeypatch.setattr(remains, "_PROC", folder / "proc")
    for number, parent in ((1, 0), (10, 1), (11, 10), (12, 11), (13, 1)):
        home = folder / "proc" / str(number)
        (home / "ns").mkdir(parents=True)
        (home / "stat").write_text(f"{number} (x) S {parent} " + " ".join(["0"] * 17) + f" 9{number} 0")
        (home / "ns" / "pid").symlink_to(spaces.get(number, "outer"))

    assert remains.processes(folder) == {10: "910", 11: "911", 12: "912"}
