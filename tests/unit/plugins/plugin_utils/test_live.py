# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.todo.cloud.plugins.plugin_utils.live import followed_file

from tests.unit.plugins.module_utils.kube.fake_api import eventually

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


def test_every_live_module_has_its_action() -> None:
    live = {path.stem for path in (TOP / "plugins/modules").glob("*.py") if "live_progress()" in path.read_text()}
    assert live == {path.stem for path in (TOP / "plugins/action").glob("*.py")}
