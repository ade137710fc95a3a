"""Programs are run without a shell, bounded in time, and die with whoever started them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.helm import process as process_module
from ansible_collections.todo.cloud.plugins.module_utils.helm.process import TookTooLong, kubeconfig_file, run_process

from tests.chaos.processes import state_of
from tests.support.fake_api import eventually

LINUX = sys.platform.startswith("linux")


def test_input_output_and_exit_code() -> None:
    done = run_process(
        ["sh", "-c", "cat; echo oops >&2; exit 3"], stdin=b"hello $HOME", env=dict(os.environ), pass_fds=(), timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "hello $HOME", "oops\n")


@pytest.mark.parametrize("size", [0, 100, 200_000])
def test_a_program_that_reads_late_gets_its_whole_input_and_its_end(size: int) -> None:
    """A pipe holds 64 KiB, and a program or this process may get no processor for longer than one tick."""
    done = run_process(
        ["sh", "-c", "sleep 0.6; wc -c"], stdin=b"x" * size, env=dict(os.environ), pass_fds=(), timeout=60
    )
    assert int(done.stdout) == size


@pytest.mark.parametrize("size", [100, 200_000])
def test_a_process_that_is_not_scheduled_in_time_still_hands_over_the_input(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy machine: this process sleeps past a tick right after it has started the program."""

    ticks = iter([process_module._TICK_SECONDS + 0.1])

    class Late(subprocess.Popen[bytes]):
        def poll(self) -> int | None:
            time.sleep(next(ticks, 0))
            return super().poll()

    monkeypatch.setattr(subprocess, "Popen", Late)
    done = run_process(["wc", "-c"], stdin=b"x" * size, env=dict(os.environ), pass_fds=(), timeout=60)
    assert int(done.stdout) == size


def test_a_pause_does_not_count_against_the_time_that_a_program_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole tree was stopped: the program could not work either."""
    times = iter([0.0, 1000.0])
    last = [0.0]

    def clock() -> float:
        last[0] = next(times, last[0])
        return last[0]

    monkeypatch.setattr(process_module, "lasting", clock)
    done = run_process(["sh", "-c", "sleep 0.5; echo done"], stdin=b"", env=dict(os.environ), pass_fds=(), timeout=60)
    assert done.stdout == "done\n"


def test_a_program_that_hangs_is_killed() -> None:
    with pytest.raises(TookTooLong, match="longer than"):
        run_process(["sleep", "60"], stdin=b"", env=dict(os.environ), pass_fds=(), timeout=0.2)


def test_a_child_reads_the_kubeconfig_from_memory() -> None:
    with kubeconfig_file({"token": "canary"}) as (path, descriptors):
        done = run_process(["cat", path], stdin=b"", env=dict(os.environ), pass_fds=descriptors, timeout=60)
        assert json.loads(done.stdout) == {"token": "canary"}
        if LINUX:
            assert path.startswith("/dev/fd/")
    assert not Path(path).exists()


def test_a_program_that_may_not_go_on_is_killed_and_the_reason_reported(tmp_path: Path) -> None:
    """The lock was lost while Helm works."""
    pid_file = tmp_path / "pid"

    def check(sure: bool = True) -> None:
        if pid_file.exists() and pid_file.read_text():
            raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        run_process(
            ["sh", "-c", f"echo $$ > {pid_file}; exec sleep 600"],
            stdin=b"", env=dict(os.environ), pass_fds=(), timeout=60, check=check,
        )  # fmt: skip
    assert state_of(int(pid_file.read_text())) in "ZX"


def test_after_a_pause_a_program_is_held_until_it_may_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process was stopped, or the machine slept: somebody else may be writing by now."""
    pid_file, asked = tmp_path / "pid", list[bool]()
    sleeps = iter([0.0, 0.25, 0.25, 1000.0])  # a tick in time, and one very late; then time stands still
    last = [0.0]

    def clock() -> float:
        last[0] = next(sleeps, last[0])
        return last[0]

    def check(sure: bool = True) -> None:
        asked.append(sure)
        if sure:
            pid = int(eventually(lambda: pid_file.exists() and pid_file.read_text()))
            eventually(lambda: state_of(pid) == "T")
            (tmp_path / "go").touch()

    monkeypatch.setattr(process_module, "lasting", clock)
    done = run_process(
        ["sh", "-c", f"echo $$ > {pid_file}; until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo went on"],
        stdin=b"", env=dict(os.environ), pass_fds=(), timeout=2000, check=check,
    )  # fmt: skip
    assert done.stdout == "went on\n"
    assert True in asked


@pytest.mark.skipif(not LINUX, reason="prctl is Linux's")
def test_a_killed_parent_takes_its_program_along(tmp_path: Path) -> None:
    """kill -9 of the caller: the program it waits for must not go on writing."""
    pid_file = tmp_path / "pid"
    code = (
        "import os\n"
        "from ansible_collections.todo.cloud.plugins.module_utils.helm.process import run_process\n"
        f"run_process(['sh', '-c', 'echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 600'],"
        " stdin=b'', env=dict(os.environ), pass_fds=(), timeout=600)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    parent = subprocess.Popen([sys.executable, "-c", code], env=env)
    try:
        child = int(eventually(lambda: pid_file.exists() and pid_file.read_text()).strip())
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    eventually(lambda: state_of(child) in "ZX")


def test_a_program_that_stops_itself_is_known_as_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid_file, now = tmp_path / "pid", [0.0]

    def clock() -> float:
        """Time passes once it is stopped."""
        pid = pid_file.read_text().strip() if pid_file.exists() else ""
        now[0] += 0.25 if pid and state_of(int(pid)) == "T" else 0.0
        return now[0]

    monkeypatch.setattr(process_module, "lasting", clock)
    command = ["sh", "-c", f"echo $$ > {pid_file}; kill -STOP $$"]
    with pytest.raises(TookTooLong) as caught:
        run_process(command, stdin=b"", env=dict(os.environ), pass_fds=(), timeout=1)
    assert caught.value.stopped


@pytest.mark.parametrize(("command", "signal"), [("kill -9 $$", 9), ("exit 137", 9), ("exit 143", 15), ("exit 1", 0)])
def test_which_signal_ended_a_program(command: str, signal: int) -> None:
    done = run_process(["sh", "-c", command], stdin=b"", env=dict(os.environ), pass_fds=(), timeout=60)
    assert done.killed_by == signal


def test_kills_for_want_of_memory_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([3, 4])
    monkeypatch.setattr(process_module, "_memory_kills", lambda: next(counts))
    assert run_process(["sh", "-c", "kill -9 $$"], stdin=b"", env={}, pass_fds=(), timeout=60).out_of_memory
