# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Identifies processes: on one boot of a machine, a pid and its start time identify one process."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

# Environment variable in which action plugins of this collection pass the controller to a module: "pid start".
CONTROLLER = "TODO_CLOUD_CONTROLLER"
_POLL_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def lasting() -> float:
    """Seconds on a monotonic clock that includes the time when the machine sleeps (on Linux)."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


def machine() -> str:
    """This boot of this machine and this pid namespace; empty where unknown (not Linux)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def started(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot, None when it is not running: proc(5), stat."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in ("Z", "X") else after_name[19]


def gone(pid: int, since: str) -> bool:
    """Whether the process of this machine with ``pid`` and the start time ``since`` has ended.

    Without /proc only the pid counts.
    """
    if machine():
        return started(pid) != since
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Has a child of this process ended, now or within so many seconds?"""
    descriptor = _descriptor(process.pid)
    if descriptor is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    else:
        try:
            select.select([descriptor], [], [], seconds)
        finally:
            os.close(descriptor)
    return process.poll() is not None


def die_with(pid: int, since: str) -> None:
    """Kills this process as soon as that one has ended, even in another session or process group."""
    threading.Thread(target=_wait_and_die, args=(pid, since), name="dies-with-controller", daemon=True).start()


def dies_with_parent() -> Callable[[], None] | None:
    """Called first in a child, so that the kernel kills it when the thread that started it dies (prctl(2), Linux only).

    The library is loaded before the fork; between fork and exec there are only two system calls.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the call took effect
            os._exit(1)

    return in_child


@contextmanager
def memory_file(content: bytes, name: str) -> Iterator[IO[bytes]]:
    """An anonymous file with ``content``, at position 0; in memory on Linux, gone with the last process that holds it.

    Programs read and write files instead of pipes: a pipe must be served in time, but this process may not be scheduled
    in time.
    """
    memory = hasattr(os, "memfd_create")
    with open(os.memfd_create(name), "w+b") if memory else tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file


def _wait_and_die(pid: int, since: str) -> None:
    descriptor = _descriptor(pid)
    while not gone(pid, since):
        if descriptor is None:
            time.sleep(_POLL_SECONDS)
        else:
            select.select([descriptor], [], [])  # readable once the process has ended: pidfd_open(2)
    os.kill(os.getpid(), signal.SIGKILL)  # as if killed together, without cleanup: the next run does that


def _descriptor(pid: int) -> int | None:
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
