# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run of Ansible: its controller, and its private folder for temporary files."""

from __future__ import annotations

import glob
import multiprocessing
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from ansible import constants
from ansible_collections.todo.cloud.plugins.module_utils.processes import gone, machine, started

_PREFIX = "todo-cloud-"
_ABANDONED_SECONDS = 24 * 3600.0


def controller() -> tuple[int, str]:
    """Pid and start time of the controller; plugins run in it or in one of its workers."""
    parent = multiprocessing.parent_process()
    pid = (parent.pid if parent else None) or os.getpid()
    return pid, started(pid) or ""


def run_folder() -> Path:
    """This run's folder, readable only by its user. Ansible removes it at the end; after a kill the next run does.

    It is in Ansible's own temporary folder of this run (``local_tmp``).
    """
    pid, since = controller()
    folder = Path(constants.DEFAULT_LOCAL_TMP) / f"{_PREFIX}{_place()}-{pid}-{since}"
    if not folder.is_dir():
        folder.mkdir(mode=0o700, exist_ok=True)
        sweep(folder.parent.parent)
    return folder


def sweep(base: Path) -> None:
    """Removes the folders of runs that were killed, and Ansible's folders around them."""
    pattern = f"{glob.escape(str(base))}/ansible-local-*/{_PREFIX}*-*-*"
    for folder in map(Path, glob.glob(pattern)):  # unlike Path.glob it takes no notice of what goes meanwhile
        place, pid, since = folder.name.removeprefix(_PREFIX).split("-", 2)
        with suppress(OSError, ValueError):
            here = place == _place()
            old = time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS  # another boot or machine: judged by age
            if gone(int(pid), since) if here else old:
                shutil.rmtree(folder.parent, ignore_errors=True)


def _place() -> str:
    """Machine, boot and pid namespace as letters and digits."""
    boot, _slash, namespace = machine().partition("/")
    return f"{boot[:8]}{''.join(c for c in namespace if c.isdigit())}" or "0"
