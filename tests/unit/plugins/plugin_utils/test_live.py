# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from ansible_collections.todo.cloud.plugins.plugin_utils.live import followed_file

from tests.support.fake_api import eventually

TOP = Path(__file__).resolve().parents[4]


def test_lines_appear_while_the_task_runs_and_all_of_them_in_the_end() -> None:
    shown: list[str] = []
    with followed_file(shown.append) as path:
        assert os.stat(path).st_mode & 0o077 == 0
        with open(path, "a", encoding="utf-8") as file:
            file.write("one\ntw")
        eventually(lambda: shown == ["one"])
        with open(path, "a", encoding="utf-8") as file:
            file.write("o\nthree\n")
    assert shown == ["one", "two", "three"]
    assert not os.path.exists(path)


def test_ctrl_c_is_left_to_the_thread_that_waits_for_the_module() -> None:
    blocked: list[set[int]] = []
    with (
        followed_file(lambda line: blocked.append({*signal.pthread_sigmask(signal.SIG_BLOCK, ())})) as path,
        open(path, "a", encoding="utf-8") as file,
    ):
        file.write("line\n")
    assert {signal.SIGINT, signal.SIGTERM} <= blocked[0]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_log_gets_each_line_at_once() -> None:
    module = "ansible_collections.todo.cloud.plugins.plugin_utils.live"
    code = f"import sys; before = sys.stdout.line_buffering; import {module}; print(before, sys.stdout.line_buffering)"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environ = {**kept, "PYTHONPATH": str(TOP / "collections")}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_every_live_module_has_its_action() -> None:
    live = {path.stem for path in (TOP / "plugins/modules").glob("*.py") if "live_progress()" in path.read_text()}
    quick = {"platform_info", "release_set_info"}  # only started in a quicker way, see local_module.py
    silent = {"release_promotion"}  # its result is not shown
    assert live | quick | silent == {path.stem for path in (TOP / "plugins/action").glob("*.py")}
