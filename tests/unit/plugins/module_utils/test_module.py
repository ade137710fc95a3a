# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.module import (
    PROGRESS_FILE,
    fail_json_on_error,
    invocation,
    live_progress,
)


class Module:
    """What module.py needs of an AnsibleModule."""

    def __init__(self) -> None:
        self.failed: dict[str, Any] = {}

    def fail_json(self, **results: Any) -> None:
        self.failed = results


def test_an_error_becomes_msg_and_failure_and_its_results() -> None:
    module = Module()
    with fail_json_on_error(module):
        raise TodoCloudError(Failure(Code.FORBIDDEN, "Not allowed.", {"verb": "list"}), {"verdict": "Failed"})
    assert module.failed["msg"] == "Not allowed."
    assert module.failed["failure"] == {"code": "forbidden", "message": "Not allowed.", "details": {"verb": "list"}}
    assert module.failed["verdict"] == "Failed"


def test_other_exceptions_are_left_to_ansible() -> None:
    with pytest.raises(ZeroDivisionError), fail_json_on_error(Module()):
        raise ZeroDivisionError


def test_progress_appends_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "progress"
    monkeypatch.setenv(PROGRESS_FILE, str(file))
    progress = live_progress()
    progress("a 1/2\nupdated")
    progress("b")
    assert file.read_text() == "a 1/2 updated\nb\n"


def test_progress_without_a_file_or_with_a_lost_one_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROGRESS_FILE, raising=False)
    live_progress()("x")
    monkeypatch.setenv(PROGRESS_FILE, str(tmp_path / "gone" / "file"))
    live_progress()("x")


def test_credentials_stay_hidden() -> None:
    assert all(KUBE[name]["no_log"] for name in ("kubeconfig", "api_key", "password"))


def test_values_of_charts_are_not_shown_with_the_arguments() -> None:
    module = Module()
    module.params = {  # type: ignore[attr-defined]
        "waves": [[{"name": "api", "chart": "c", "values": {"password": "hunter2"}}, "odd"], None],
        "values": {"password": "hunter2"}, "environment": "staging",
    }  # fmt: skip
    with fail_json_on_error(module):
        raise TodoCloudError(Failure(Code.FORBIDDEN, "Not allowed.", {}))
    shown = module.failed["invocation"]["module_args"]
    assert "hunter2" not in str(module.failed)
    assert (shown["environment"], shown["waves"][0][0]["name"]) == ("staging", "api")
    module.params = {"waves": "odd"}
    assert invocation(module)["invocation"]["module_args"] == {"waves": "odd"}
    module.params = {"name": "x"}
    assert invocation(module) == {}
