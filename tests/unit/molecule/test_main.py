from __future__ import annotations

import os
import re
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.processes import state_of
from tests.cluster import cli
from tests.cluster.engine import daemon
from tests.cluster.errors import ClusterError
from tests.molecule import __main__ as molecule
from tests.molecule import engine
from tests.support.fake_api import eventually

OK = "INFO     [default > create] Executing\nINFO     [default > create] Executed: Successful\n"
BAD = "INFO     [default > verify] Executing\n[ERROR]: no pod\nERROR    [default > verify] Executed: Failed\n"


class World:
    """molecule, the cluster's commands and the container engine, none of which does anything."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.runs = False  # the engine
        self.fails = ""  # the command that fails
        self._bin = tmp_path / "bin"
        self._bin.mkdir()
        monkeypatch.setenv("PATH", str(self._bin))
        monkeypatch.setattr(molecule, "tool_path", lambda: str(self._bin))
        monkeypatch.setattr(molecule, "LOGS", tmp_path / "log")
        monkeypatch.setattr(molecule.state, "exists", lambda name: False)
        monkeypatch.setattr(cli, "run", self.run)
        monkeypatch.setattr(engine, "answering", lambda: None)
        monkeypatch.setattr(engine.remains, "processes", dict)
        monkeypatch.setattr(engine.remains, "remains", lambda watched: [])
        monkeypatch.setattr(engine.cgroups, "cpu_seconds", lambda name: 5.0 if self.runs else 0.0)
        monkeypatch.setattr(daemon, "cgroup", lambda: "todo-cloud-engine")
        monkeypatch.setattr(daemon, "pid", lambda *_: 7 if self.runs else None)
        monkeypatch.setattr(daemon, "stop", lambda: self.run(["engine", "stop"]))

    def run(self, arguments: list[str]) -> int:
        text = " ".join(arguments)
        self.calls.append(text)
        if text == self.fails:
            raise ClusterError(f"{text} fails")
        if arguments[0] == "engine":
            self.runs = arguments[1] == "start"
        return 0

    def molecule_prints(self, text: str, code: int) -> None:
        file = self._bin / "molecule"
        file.write_text(
            f"#!{sys.executable}\nimport sys\nif sys.argv[1] == 'test':\n    print({text!r}, end='')\n"
            f"    sys.exit({code})\n"
        )
        file.chmod(file.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    before, variables = signal.getsignal(signal.SIGTERM), dict(os.environ)
    yield World(tmp_path, monkeypatch)
    signal.signal(signal.SIGTERM, before)
    os.environ.clear()
    os.environ.update(variables)


def test_the_engine_is_there_as_long_as_kind_needs_it(world: World, tmp_path: Path) -> None:
    world.molecule_prints(OK, 0)

    assert molecule.main(["default", "--junit", str(tmp_path / "molecule.xml")]) == 0
    assert world.calls == ["engine start", "build molecule", "engine stop"]
    assert (os.environ["LOCAL_CLUSTER"], os.environ["TODO_CLOUD_CLUSTER"]) == ("kind", "molecule")
    assert (tmp_path / "molecule.xml").exists()
    assert float((tmp_path / "molecule.cpu").read_text()) == 0, "used meanwhile"


def test_an_engine_that_ran_before_runs_on(world: World) -> None:
    world.molecule_prints(OK, 0)
    world.runs = True

    assert molecule.main([]) == 0
    assert world.calls == ["engine start", "build molecule"]


def test_the_bare_machine_cluster_needs_no_engine(world: World) -> None:
    world.molecule_prints(OK, 0)

    assert molecule.main(["default", "--provider", "local"]) == 0
    assert world.calls == ["build molecule"]


def test_the_edge_is_built_for_its_scenarios_on_the_bare_machine_alone(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.molecule_prints(OK, 0)

    for chosen in (["role_ingress"], []):
        assert molecule.main([*chosen, "--provider", "local"]) == 0
    assert world.calls == ["build --https molecule"] * 2
    with pytest.raises(SystemExit):
        molecule.main(["default", "role_ingress"])
    assert "role_ingress: use the bare-machine cluster (PROVIDER=local)" in capsys.readouterr().err


def test_a_machine_that_cannot_run_kind_fails_with_the_reason(world: World, tmp_path: Path) -> None:
    world.fails = "engine start"

    with pytest.raises(ClusterError, match="engine start fails"):
        molecule.main(["default", "--junit", str(tmp_path / "molecule.xml")])
    assert "build molecule" not in world.calls
    assert 'message="engine start fails"' in (tmp_path / "molecule.xml").read_text(), "for the summary of make test"


def test_the_engine_goes_when_something_fails_on_the_way(world: World) -> None:
    world.fails = "build molecule"

    with pytest.raises(ClusterError):
        molecule.main(["default"])
    assert world.calls[-1] == "engine stop"


def test_an_engine_that_was_asked_for_and_does_not_answer_gets_no_substitute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:2375")
    world.molecule_prints(OK, 0)

    molecule.main(["default"])
    assert "engine start" not in world.calls


def test_a_failed_phase_is_shown_with_its_message_and_the_log(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.molecule_prints(OK + BAD, 2)

    assert molecule.main(["default"]) == 1
    printed = capsys.readouterr().out
    assert re.search(r"default: verify FAILED after \d+ s\n    \[ERROR\]: no pod\n", printed)
    (path,) = [line.partition("whole log: ")[2] for line in printed.splitlines() if "whole log" in line]
    assert Path(path).read_text() == OK + BAD


def test_what_is_left_behind_fails_the_run(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.molecule_prints(OK, 0)
    monkeypatch.setattr(engine.remains, "remains", lambda watched: ["process 7 runs still"])

    assert molecule.main(["default"]) == 1
    assert "process 7 runs still" in capsys.readouterr().out


def test_a_scenario_that_there_is_not_is_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        molecule.main(["defaults"])
    assert "there is no scenario defaults: choose from adopt, default, failure" in capsys.readouterr().err
    assert world.calls == []


def test_molecule_finds_its_settings_from_every_folder_of_the_checkout() -> None:
    """From the top it reads the file itself, from elsewhere the one of the repository (.config/molecule)."""
    assert (molecule.TOP / ".config/molecule/config.yml").resolve() == molecule.SCENARIOS / "config.yml"


def test_playbooks_end_with_an_interrupted_run(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """molecule leaves them behind: here a process that ignores interrupts, and notes its number."""
    note, playbook = tmp_path / "number", "import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(60)"
    world.molecule_prints(OK, 0)
    file = tmp_path / "bin" / "molecule"
    file.write_text(
        f"#!{sys.executable}\nimport subprocess, sys, time\nif sys.argv[1] == 'test':\n"
        f"    process = subprocess.Popen([sys.executable, '-c', {playbook!r}])\n"
        f"    open({str(note)!r}, 'w').write(str(process.pid))\n    print({OK!r}, flush=True)\n    time.sleep(60)\n"
    )
    monkeypatch.setattr(
        molecule, "say", lambda text: os.kill(os.getpid(), signal.SIGTERM) if "create" in text else None
    )

    with pytest.raises(KeyboardInterrupt):
        molecule.main(["default"])
    assert world.calls[-1] == "engine stop"
    eventually(lambda: state_of(int(note.read_text())) in "ZX")
