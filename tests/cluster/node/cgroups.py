"""The control groups that a cluster's pods live under: one per controller in version 1, one in version 2."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.cluster.errors import ClusterError

_TOP = Path("/sys/fs/cgroup")
_LIMIT_SECONDS = 180


def folders(name: str, top: Path = _TOP) -> list[Path]:
    """The folders of the group ``name``; of a hybrid machine also the one of its version 2 tree."""
    if (top / "cgroup.controllers").exists():
        return [top / name]
    return [folder / name for folder in sorted(top.iterdir()) if folder.is_dir() and not folder.is_symlink()]


def cpu_seconds(name: str, top: Path = _TOP) -> float:
    """User and system time of all that has run in the group; 0 when there is none, or no controller that counts."""
    for folder in folders(name, top) if top.is_dir() else ():
        if (folder / "cpuacct.usage").exists():
            return int((folder / "cpuacct.usage").read_text()) / 1e9
        if (folder / "cpu.stat").exists() and "usage_usec" in (text := (folder / "cpu.stat").read_text()):
            return int(text.split()[1]) / 1e6
    return 0.0


def make(name: str) -> None:
    """Make the group; with version 2 the root passes all its controllers on first."""
    root = _TOP / "cgroup.controllers"
    if root.exists():
        (_TOP / "cgroup.subtree_control").write_text(" ".join(f"+{each}" for each in root.read_text().split()))
    for folder in folders(name):
        folder.mkdir(exist_ok=True)


def remove(name: str) -> None:
    """Remove the group, which is possible as soon as the kernel has buried its last process.

    Raises:
        ClusterError: it is still in use after 180 s.
    """
    deadline = time.monotonic() + _LIMIT_SECONDS
    for top in folders(name):
        while top.exists():
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError as error:
                    if time.monotonic() > deadline:
                        raise ClusterError(f"The cgroup {folder} cannot be removed: {error.strerror}.") from error
            time.sleep(0.02 if top.exists() else 0)
