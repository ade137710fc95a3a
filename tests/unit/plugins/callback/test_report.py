# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run did, as a file: failures with their structure, results about releases, and nothing that is secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.callback.report import entry, told

from tests.unit.ansible_runs import Ansible

SECRET = "postgres://u:hunter2hunter2@db/x"
FAILED = {"msg": f"api: {SECRET} is refused", "failure": {"code": "crash_loop", "details": {"log_tail": [SECRET]}}}


def test_what_is_told_of_a_result() -> None:
    result = {**FAILED, "invocation": {"module_args": {"a": 1}}, "diff": [{"after": "x"}], "_ansible_no_log": False}
    assert told(result) == {
        "result": {
            "msg": "api: postgres://***@db/x is refused",
            "failure": {"code": "crash_loop", "details": {"log_tail": ["postgres://***@db/x"]}},
        }
    }
    assert entry("Deploy", result) == {
        "task": "Deploy", "message": "api: postgres://***@db/x is refused", **told(result),
    }  # fmt: skip
    hidden = {"censored": "the output has been hidden", "msg": "hunter2"}
    assert entry("Deploy", hidden) == {"task": "Deploy", "message": "its output is hidden (no_log)"}


@pytest.fixture(scope="module")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ansible]:
    with Ansible(ANSIBLE_CALLBACKS_ENABLED="todo.cloud.report") as running:
        yield running


def test_a_run_in_a_job(ansible: Ansible, tmp_path: Path) -> None:
    def run(*tasks: dict[str, Any]) -> tuple[dict[str, Any], str]:
        book, output = tmp_path / "play.yml", tmp_path / "output"
        play = {"name": "Play", "hosts": "localhost", "gather_facts": False, "connection": "local", "tasks": tasks}
        book.write_text(yaml.safe_dump([play]))
        output.write_text("")
        env = {"PWD": str(tmp_path), "TODO_REPORT": "report.json", "GITHUB_OUTPUT": str(output)}
        ansible.playbook(book, **env)
        return json.loads((tmp_path / "report.json").read_text()), output.read_text()

    good = {"ansible.builtin.debug": {"msg": "x"}, "name": "Good"}
    assert run(good) == ({"failed": False, "failures": [], "results": []}, "")
    bad = {"ansible.builtin.fail": {"msg": "first\nfailure=second"}, "name": "Bad"}
    report, output = run(good, bad)
    assert output == "failure=first failure=second\n", "one line, so that it sets nothing else"
    assert (report["failed"], report["failures"][0]["task"]) == (True, "Bad")
    saved = {"block": [bad], "rescue": [good]}
    assert run(saved) == ({"failed": False, "failures": [], "results": []}, "")
