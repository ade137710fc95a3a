# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a program that is killed with its caller; passes a kubeconfig neither by command line nor (on Linux) by disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from ..kube.api import Check, always_allowed
from ..processes import dies_with_parent, ends_within, lasting, memory_file

_SHELL_SIGNAL = 128
_TICK_SECONDS = 0.25  # interval of the check whether a running program may continue
_STOPPED_SECONDS = 2.0  # a tick that took this much longer: the process was stopped, or the machine slept


@dataclass(frozen=True)
class Completed:
    """Result of a program."""

    returncode: int
    stdout: str
    stderr: str
    out_of_memory: bool = False  # the kernel killed a program for want of memory meanwhile

    @property
    def killed_by(self) -> int:
        """Number of the signal that ended it; 0 when it ended by itself. Shells report 128 and the signal."""
        code = self.returncode
        return -code if code < 0 else code - _SHELL_SIGNAL if code in (137, 143) else 0


class TookTooLong(Exception):
    """The program was killed after its timeout. ``stopped``: it was stopped by a signal then."""

    def __init__(self, message: str, *, stopped: bool = False) -> None:
        super().__init__(message)
        self.stopped = stopped


class Runner(Protocol):
    """Runs one program to its end. Tests inject another one."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes,
        env: Mapping[str, str],
        pass_fds: Sequence[int],
        timeout: float,
        check: Check = always_allowed,
    ) -> Completed:
        """``check`` raises when the program may not continue: then it is killed, and the error is passed on.

        Also raises FileNotFoundError, PermissionError or TookTooLong.
        """


def run_process(
    argv: Sequence[str],
    *,
    stdin: bytes,
    env: Mapping[str, str],
    pass_fds: Sequence[int],
    timeout: float,
    check: Check = always_allowed,
) -> Completed:
    """The real runner: no shell, killed with its parent (Linux) and after ``timeout`` seconds."""
    kills = _memory_kills()
    with (
        memory_file(stdin, "input") as given,
        memory_file(b"", "output") as stdout,
        memory_file(b"", "errors") as stderr,
        subprocess.Popen(  # pylint: disable=ansible-bad-function  # no module is at hand here
            list(argv),
            stdin=given,
            stdout=stdout,
            stderr=stderr,
            env=dict(env),
            pass_fds=tuple(pass_fds),
            preexec_fn=dies_with_parent(),
        ) as process,
    ):
        try:
            _watch(process, timeout, check)
        except BaseException:
            process.kill()
            raise
        out_of_memory = process.returncode != 0 and _memory_kills() > kills
        return Completed(process.returncode, _text_of(stdout), _text_of(stderr), out_of_memory)


def _watch(process: subprocess.Popen[bytes], timeout: float, check: Check) -> None:
    """Waits for the program's end. After a pause of this process the program is stopped until ``check`` allows it to
    continue: meanwhile another run may have started to write. The pause does not count against ``timeout``, since the
    program may have been stopped too.
    """
    used, seen = 0.0, lasting()
    while not ends_within(process, _TICK_SECONDS):
        passed = lasting() - seen
        late = passed > _TICK_SECONDS + _STOPPED_SECONDS
        if late:
            process.send_signal(signal.SIGSTOP)
        check(sure=late)
        if late:
            process.send_signal(signal.SIGCONT)
        seen = lasting()
        used += min(passed, _TICK_SECONDS + _STOPPED_SECONDS)
        if used > timeout:
            stopped = _state(process.pid) == "T"
            raise TookTooLong(f"pid {process.pid} ran longer than {timeout:.0f} s", stopped=stopped)


def _memory_kills() -> int:
    """How many processes the kernel has killed for want of memory (Linux)."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/vmstat").read_text().split("oom_kill ", 1)[1].split(maxsplit=1)[0])
    return 0


def _state(pid: int) -> str:
    """A process's state, as in proc(5); empty when it is not known."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


@contextmanager
def kubeconfig_file(config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A path from which a child can read ``config``, and the descriptors that it has to inherit for it.

    Linux: a memory file that disappears with the last process that holds it. Elsewhere: a file of mode 0600, removed at
    the end.
    """
    text = json.dumps(config).encode()
    if hasattr(os, "memfd_create"):
        with memory_file(text, "kubeconfig") as file:
            yield f"/dev/fd/{file.fileno()}", (file.fileno(),)
        return
    with tempfile.NamedTemporaryFile(prefix="kubeconfig-") as file:  # mkstemp: mode 0600
        file.write(text)
        file.flush()
        yield file.name, ()


def _text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
