# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A playbook run that can be killed: all its processes are found by a mark in their environment, whatever session they
are in.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.cluster.paths import TOP

MARK = "TODO_CLOUD_CHAOS_RUN"
_ROUNDS = 200


class Run:
    """``ansible-playbook`` at work; its output goes to ``log``. Use ``end()`` whatever happens."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._mark = f"{MARK}={secrets.token_hex(8)}".encode()
        name, _, value = self._mark.decode().partition("=")
        self.seconds = 0.0  # from its start to its end, once wait() has seen that
        self._begun = time.monotonic()
        with log.open("wb") as output:
            self.controller = subprocess.Popen(
                [str(Path(sys.executable).with_name("ansible-playbook")), *arguments],
                cwd=TOP, env={**environ, name: value}, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self.log.read_text(errors="replace")

    @property
    def over(self) -> bool:
        """Has the controller ended?"""
        return self.controller.poll() is not None

    def tree(self) -> list[int]:
        """All its living processes: controller, workers, modules, Helm."""
        return [pid for pid in processes() if self._mark in environ_of(pid) and state_of(pid) not in "ZX"]

    def wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Waits for its end, or for ``until``, at most so long. True if the controller has ended."""
        end = time.monotonic() + seconds
        while not self.over and not until() and time.monotonic() < end:
            time.sleep(0.02)
        if self.over:
            self.seconds = time.monotonic() - self._begun
        return self.over

    def kill_controller(self) -> None:
        """kill -9 of the controller alone."""
        self.controller.kill()
        self.controller.wait()

    def send(self, number: signal.Signals, *, group: bool) -> None:
        """A signal to the controller, or as from a terminal to its process group."""
        kill = os.killpg if group else os.kill
        with contextlib.suppress(ProcessLookupError):
            kill(self.controller.pid, number)

    def kill_tree(self) -> None:
        """kill -9 of everything."""
        self._signal_all(signal.SIGKILL, lambda pid: False)
        self.controller.wait()

    def stop(self) -> None:
        """SIGSTOP to everything, until nothing moves any more."""
        self._signal_all(signal.SIGSTOP, lambda pid: state_of(pid) in "Tt")

    def go_on(self) -> None:
        """SIGCONT to everything, Helm first: the worst order for its guard."""
        for pid in sorted(self.tree(), reverse=True):
            _send(pid, signal.SIGCONT)

    def strays(self, seconds: float) -> list[str]:
        """Command lines of what still lives after so long, without ansible-core's workers that can't end."""
        end = time.monotonic() + seconds
        while (left := self._at_work()) and time.monotonic() < end:
            time.sleep(0.1)
        return [f"{pid}: {command_of(pid)}" for pid in left]

    def _at_work(self) -> list[int]:
        return [pid for pid in self.tree() if pid == self.controller.pid or not _is_stuck(pid)]

    def end(self) -> None:
        """Nothing of it is left."""
        for pid in self.tree():
            _send(pid, signal.SIGKILL)
        if not self.over:
            self.controller.kill()
        self.controller.wait()

    def _signal_all(self, number: signal.Signals, done: Callable[[int], bool]) -> None:
        for _round in range(_ROUNDS):  # a process may start another one before the signal reaches it
            left = [pid for pid in self.tree() if not done(pid)]
            if not left:
                return
            for pid in left:
                _send(pid, number)
            time.sleep(0.01)
        raise AssertionError(f"{number.name} did not reach {[command_of(pid) for pid in left]}")


def processes() -> Iterator[int]:
    """Pids of this machine."""
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def environ_of(pid: int) -> bytes:
    """Environment a process was started with, empty if it can't be read."""
    return _read(pid, "environ")


def command_of(pid: int) -> str:
    """Its command line."""
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def state_of(pid: int) -> str:
    """One letter, see proc(5); X when it is gone."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return fields[0].decode() if fields else "X"


def _is_stuck(pid: int) -> bool:
    """A worker that is done, and waits for ever for a controller that is gone to read its result, or for another worker
    that does: they all hold the pipe open (ansible.executor.process.worker). It has no children, and does nothing.
    """
    waits = any(word in _read(pid, "wchan") for word in (b"pipe_write", b"futex"))
    return waits and b"ansible-playbook" in _read(pid, "cmdline") and not _read(pid, f"task/{pid}/children").strip()


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
