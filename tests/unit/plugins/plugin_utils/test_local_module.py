# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules on the controller run from their own files; elsewhere, and by another Python, as Ansible would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.plugin_utils import local_module
from ansible_collections.todo.cloud.plugins.plugin_utils.local_module import LocalModule

HERE: dict[str, Any] = {"transport": "local", "become": None}


class Ansible:
    """What an action plugin inherits."""

    def _configure_module(self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> Any:
        return "packed", "path"


class Plugin(LocalModule, Ansible):
    """An action plugin of a module."""

    def __init__(self, connection: dict[str, Any], task: dict[str, Any]) -> None:
        self._connection = SimpleNamespace(**{**HERE, **connection})
        self._task = SimpleNamespace(**{"async_val": 0, "delegate_to": None, **task})
        self._templar = SimpleNamespace(template=lambda text: text)


def configured(python: str | None = sys.executable, name: str = "todo.cloud.image_info", **more: Any) -> Any:
    plugin = Plugin(more.pop("connection", {}), more)
    return plugin._configure_module(name, {"image": "/no/such:image"}, {"ansible_python_interpreter": python})


def test_a_module_runs_from_its_file() -> None:
    built, name = configured()
    assert (built.module_style, built.shebang) == ("new", f"#!{sys.executable}")
    assert name == "ansible_collections.todo.cloud.plugins.modules.image_info"
    done = subprocess.run([sys.executable, "-"], input=built.b_module_data, capture_output=True, check=False)
    assert b'"failed": true' in done.stdout, done.stderr
    assert b'"code": "invalid_input"' in done.stdout, done.stdout


def test_a_python_may_be_spelled_in_another_way(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(Path(sys.executable).parent)
    assert configured(str(tmp_path / "link" / "python3"))[1].endswith("image_info")


def test_another_environment_of_the_same_python_is_another_python(tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(Path(sys.executable).resolve())
    assert configured(str(tmp_path / "python3")) == ("packed", "path")


def test_an_exception_becomes_a_result() -> None:
    built, _ = configured(name="todo.cloud.there_is_none")
    done = subprocess.run([sys.executable, "-"], input=built.b_module_data, capture_output=True, check=False)
    assert b'"failed": true' in done.stdout
    assert b"there_is_none" in done.stdout


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"python": "/usr/bin/other-python"},
        {"python": None},
        {"name": "kubernetes.core.k8s_info"},
        {"async_val": 60},
        {"delegate_to": "other"},
        {"connection": {"transport": "ssh"}},
        {"connection": {"become": "sudo"}},
    ],
)
def test_otherwise_it_is_packed(elsewhere: dict[str, Any]) -> None:
    assert configured(**elsewhere) == ("packed", "path")


def test_an_ansible_of_other_ways_packs_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_module, "_KNOWN", {"something else"})
    assert configured() == ("packed", "path")
