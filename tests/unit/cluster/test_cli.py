from __future__ import annotations

import os
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster import cli, state
from tests.cluster.errors import ClusterError


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was started and removed, without starting anything."""
    monkeypatch.setattr(state, "CLUSTERS", tmp_path)
    monkeypatch.setattr(state, "machine_routes", lambda: [])
    calls: list[str] = []

    def up(options: Namespace) -> None:
        state.load_or_create(options.name, None)
        calls.append(f"up with {options.kwok_nodes} fake nodes" if options.kwok_nodes else "up")

    def down(options: Namespace) -> None:
        (state.load(options.name).folder / "cluster.json").unlink()
        calls.append("down, purged" if options.purge else "down")

    monkeypatch.setattr(cli, "_up", up)
    monkeypatch.setattr(cli, "_down", down)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    yield calls
    signal.signal(signal.SIGTERM, before[0])
    signal.signal(signal.SIGINT, before[1])


def test_a_command_on_a_fresh_cluster_gets_its_name(done: list[str]) -> None:
    says = "import os, sys; sys.exit(os.environ['TODO_CLOUD_TEST_CLUSTER'] != 'one')"

    assert cli.run(["with", "one", "--", sys.executable, "-c", says]) == 0
    assert done == ["up", "down, purged"]


def test_a_command_may_ask_for_fake_nodes(done: list[str]) -> None:
    assert cli.run(["with", "--kwok-nodes", "3", "one", "--", sys.executable, "-c", ""]) == 0
    assert done == ["up with 3 fake nodes", "down, purged"]


def test_a_command_may_ask_for_a_provider(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_CLUSTER", "local")
    says = "import os, sys; sys.exit(os.environ['LOCAL_CLUSTER'] != 'kind')"

    assert cli.run(["with", "--provider", "kind", "one", "--", sys.executable, "-c", says]) == 0
    assert done == ["up", "down, purged"]


def test_the_exit_code_is_the_command_s_and_the_cluster_goes(done: list[str]) -> None:
    assert cli.run(["with", "one", "--", sys.executable, "-c", "raise SystemExit(7)"]) == 7
    assert done == ["up", "down, purged"]


def test_the_cluster_goes_when_the_process_is_asked_to_end(done: list[str], tmp_path: Path) -> None:
    note = tmp_path / "cleaned-up"
    kill = f"""
import os, pathlib, signal, time
try:
    os.kill({os.getpid()}, signal.SIGTERM)
    time.sleep(60)
except KeyboardInterrupt:
    pathlib.Path({str(note)!r}).touch()
"""

    with pytest.raises(KeyboardInterrupt):
        cli.run(["with", "one", "--", sys.executable, "-c", kill])
    assert note.exists()
    assert done == ["up", "down, purged"]


def test_a_cluster_of_that_name_is_not_taken_over(done: list[str]) -> None:
    state.load_or_create("one", None)

    assert cli.run(["with", "one", "--", sys.executable, "-c", ""]) == 0
    assert done == ["down, purged", "up", "down, purged"]


@pytest.mark.parametrize(("variable", "name"), [("beside", "beside"), ("", "local")])
def test_the_cluster_that_the_playbooks_deploy_to_is_the_one_that_is_started_and_removed(
    done: list[str], monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    monkeypatch.setenv("TODO_CLOUD_CLUSTER", variable)

    assert cli.run(["up"]) == 0
    assert [each.name for each in state.known()] == [name]
    assert cli.run(["down"]) == 0
    assert state.known() == []


def test_what_to_do_next_names_this_cluster(
    done: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TODO_CLOUD_CLUSTER", "beside")
    cli.run(["up"])

    assert cli.run(["guide"]) == 0

    commands = [line.strip() for line in capsys.readouterr().out.splitlines() if "playbook" in line or "make" in line]
    assert len(commands) == 5
    assert [line for line in commands if "TODO_CLOUD_CLUSTER=beside" not in line] == []


def test_a_shell_finds_the_programs_and_the_cluster(
    done: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def found() -> str:
        capsys.readouterr()
        assert cli.run(["env", "one"]) == 0
        script = f'{capsys.readouterr().out}echo "$KUBECONFIG|$PATH"'
        shell = ["/bin/sh", "-ec", script]
        return subprocess.run(shell, env={"PATH": "/before"}, capture_output=True, text=True, check=True).stdout

    assert found() == f"|{cli.BIN}:{cli.cache() / 'venv' / 'bin'}:/before\n"
    cli.run(["up", "one"])
    assert found().startswith(f"{state.load('one').kubeconfig}|")


def test_what_to_do_next_says_where_https_answers(
    done: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.run(["up", "one"])
    found = replace(state.load("one"), https=True, url="http://127.0.0.1:30080", https_port=32443)
    state.save(found)

    assert cli.run(["guide", "one"]) == 0
    shown = capsys.readouterr().out
    assert "--connect-to todo.local.test:443:127.0.0.1:32443 https://todo.local.test/\n" in shown
    assert "opens https://todo.local.test:32443/ with" in shown
    state.save(replace(found, https=False))
    assert cli.run(["guide", "one"]) == 0
    assert "HTTPS" not in capsys.readouterr().out


def test_a_missing_command_is_asked_for(done: list[str]) -> None:
    with pytest.raises(ClusterError, match="A command is missing"):
        cli.run(["with", "one"])
    assert done == []


@pytest.mark.parametrize(
    ("option", "words"), [("--policies", "Policies are enforced by"), ("--kwok-nodes=2", "Fake nodes")]
)
def test_what_kind_cannot_do_is_refused(option: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "provider", lambda name: "kind")
    monkeypatch.setattr(cli.kind, "up", lambda name, https: pytest.fail("it is started all the same"))
    with pytest.raises(ClusterError, match=f"{words} .*: use LOCAL_CLUSTER=local"):
        cli.run(["up", option, "one"])


def test_down_of_what_is_not_there_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(state, "CLUSTERS", tmp_path)

    assert cli.run(["down", "nobody"]) == 0
    assert "nothing to remove" in capsys.readouterr().out
