# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every run has a private folder, and sweeps those of runs that were killed."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible_collections.todo.cloud.plugins.module_utils.processes import started
from ansible_collections.todo.cloud.plugins.plugin_utils import run


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ansible's folder for temporary files, with that of this run in it."""
    own = tmp_path / "ansible-local-1abc"
    own.mkdir()
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(own))
    return tmp_path


def left(base: Path, place: str, pid: int, since: str) -> Path:
    folder = base / f"ansible-local-{pid}xyz{since}" / f"todo-cloud-{place}-{pid}-{since}"
    folder.mkdir(parents=True)
    (folder / "tmpkey").write_text("PRIVATE KEY")
    return folder


def test_it_is_private_and_the_same_for_the_whole_run(base: Path) -> None:
    folder = run.run_folder()
    assert folder == run.run_folder()
    assert folder.parent.parent == base
    assert folder.stat().st_mode & 0o077 == 0


def test_what_killed_runs_left_goes_and_what_others_use_stays(base: Path) -> None:
    here = run._place()
    killed = left(base, here, os.getpid(), "1")
    alive = left(base, here, os.getpid(), started(os.getpid()) or "")
    other = left(base, "0badc0de1", 1, "1")
    abandoned = left(base, "0badc0de1", 2, "2")
    os.utime(abandoned, (time.time() - 2 * 86400,) * 2)
    foreign = base / "ansible-local-99xyz"
    foreign.mkdir()
    run.run_folder()
    assert not killed.parent.exists()
    assert not abandoned.parent.exists()
    assert alive.exists()
    assert other.exists()
    assert foreign.exists(), "another playbook's"


def test_a_run_that_ends_meanwhile_is_no_obstacle(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = left(base, run._place(), os.getpid(), "1")
    ending = base / "ansible-local-0ending"
    ending.mkdir()
    scandir = os.scandir

    def meanwhile(place: Any) -> Any:
        if str(place) == str(ending):
            shutil.rmtree(ending)
        return scandir(place)

    monkeypatch.setattr(os, "scandir", meanwhile)
    run.run_folder()
    assert not ending.exists(), "it ended between two steps of the sweep"
    assert not killed.parent.exists()
