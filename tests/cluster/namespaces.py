"""A process tree in namespaces of its own: when its process 1 ends, all in them ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.cluster.paths import TOP

UNSHARE = ("unshare", "--fork", "--pid", "--kill-child", "--mount", "--net", "--uts", "--ipc", "--mount-proc")
_START_LIMIT_SECONDS, _END_LIMIT_SECONDS = 120, 180  # deadlines, not expectations: the machine may be busy


def start(command: Sequence[str], log: IO[str]) -> int | None:
    """Run a command as process 1 of new namespaces; its number, as this machine counts, or None without one in time."""
    subprocess.Popen(
        [*UNSHARE, *command],
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    deadline = time.monotonic() + _START_LIMIT_SECONDS
    while time.monotonic() < deadline:
        if found := first_process(command):
            return found
        time.sleep(0.02)
    return None


def stop(command: Sequence[str], patience: float) -> bool:
    """End the process 1 that runs a command: in order first, after so many seconds by force. Whether it ran.

    Raises:
        TimeoutError: it is there still long after that.
    """
    found = first_process(command)
    if not found:
        return False
    with suppress(ProcessLookupError):
        os.kill(found, signal.SIGTERM)
    forced = time.monotonic() + patience
    while first_process(command):
        if time.monotonic() > forced + _END_LIMIT_SECONDS:
            raise TimeoutError(f"process {found} does not end")
        if time.monotonic() > forced:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(found, signal.SIGKILL)
        time.sleep(0.05)
    return True


def first_process(command: Sequence[str]) -> int | None:
    """The process number, as this machine counts, of the process 1 that runs a command; None when there is none.

    Args:
        command: its words; the first, the Python that runs it, is not compared.
    """
    wanted = list(command[1:])
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_text().split("\0")[:-1]
            if words[1:] == wanted and _is_first(entry):
                return int(entry.name)
        except OSError:  # it ended meanwhile
            continue
    return None


def _is_first(process: Path) -> bool:
    """Whether a process is number 1 of an inner PID namespace."""
    lines = (process / "status").read_text().splitlines()
    numbers = next(line for line in lines if line.startswith("NSpid:")).split()[1:]
    return len(numbers) > 1 and numbers[-1] == "1"
