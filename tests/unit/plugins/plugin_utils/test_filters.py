# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters are there before Ansible forks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.callback.summary import CallbackModule
from ansible_collections.todo.cloud.plugins.plugin_utils import filters

FILES = Path(filters.__file__).parents[1] / "filter"


def test_a_run_begins_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {f"ansible_collections.todo.cloud.plugins.filter.{file.stem}" for file in FILES.glob("*.py")}
    assert len(names) > 20
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    CallbackModule().v2_playbook_on_start(None)
    assert names <= set(sys.modules)


def test_one_that_cannot_be_imported_stops_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ansible_collections.todo.cloud.plugins.filter.boolean", None)
    filters.import_all()
