"""Locks between processes: files locked by the kernel, so that a killed holder never leaves one behind.

A command started with ``close_fds=False`` shares the lock: if its starter is killed, the lock is held until it ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.say import say


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock ``path`` for the block; says so when another process holds it and this one has to wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that is busy with {what}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        os.set_inheritable(handle.fileno(), True)
        yield
