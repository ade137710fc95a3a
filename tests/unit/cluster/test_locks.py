from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.locks import locked


def is_free(path: Path) -> bool:
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.mark.parametrize("shares", [False, True])
def test_a_command_that_outlives_its_starter_may_share_the_lock(tmp_path: Path, shares: bool) -> None:
    path = tmp_path / "lock"
    with locked(path, "a test"):
        process = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True, close_fds=not shares
        )
        assert not is_free(path)
    assert is_free(path) is not shares
    process.communicate("\n")
    assert is_free(path)
