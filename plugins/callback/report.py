# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run did, as a file for CI."""

from __future__ import annotations

DOCUMENTATION = r"""
name: report
type: notification
short_description: What a run did, as a JSON file
description:
  - Writes at the end of a run which tasks failed and why, with the structured failure and its diagnosis, and results
    about releases, such as the plan, what became of each, the availability of the endpoint and the verification.
  - It holds no arguments of modules, no differences and nothing of tasks with C(no_log). Text of others is masked.
  - In a job of GitHub a run that failed also sets the output C(failure) of its step, one sentence.
requirements:
  - to be enabled, as C(callbacks_enabled = todo.cloud.report) in C(ansible.cfg), or in C(ANSIBLE_CALLBACKS_ENABLED)
options:
  file:
    description:
      - The file, from the folder of the command. It is replaced. Nothing is written without it.
    type: str
    env:
      - name: TODO_REPORT
author: todo.cloud maintainers (@todo-app)
version_added: 1.0.0
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible_collections.todo.cloud.plugins.callback.summary import releases, why
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked
from ansible_collections.todo.cloud.plugins.module_utils.neutral import each_text

_LEFT_OUT = ("invocation", "diff", "exception", "deprecations")
_OUTPUT = "GITHUB_OUTPUT"


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible ships no type information
    """Remembers failures by host, and results about releases."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "todo.cloud.report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._failed: dict[str, dict[str, Any]] = {}
        self._results: list[dict[str, Any]] = []

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            self._failed[result.host.get_name()] = entry(result.task.get_name(), result.result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._failed[result.host.get_name()] = entry(result.task.get_name(), result.result)

    def v2_runner_on_ok(self, result: Any) -> None:
        if releases(result.result):
            self._results.append({"task": result.task.get_name(), **told(result.result)})

    def v2_playbook_on_stats(self, stats: Any) -> None:
        lost = [host for host in stats.processed if stats.failures.get(host) or stats.dark.get(host)]
        failed = [self._failed[host] for host in lost if host in self._failed]
        if file := self.get_option("file"):
            content = {"failed": bool(lost), "failures": failed, "results": self._results}
            # "PWD" is the folder of the command; Ansible may have gone elsewhere.
            Path(os.environ.get("PWD", "."), file).write_text(json.dumps(content, indent=1, default=str) + "\n")
        if failed and os.environ.get(_OUTPUT):
            with Path(os.environ[_OUTPUT]).open("a") as output:
                output.write(f"failure={failed[0]['message']}\n")


def entry(task: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """A task that failed."""
    found = {"task": task, "message": why(result)}
    return found if "censored" in result else {**found, **told(result)}


def told(result: Mapping[str, Any]) -> dict[str, Any]:
    """What may be shown of a result: no arguments, no differences, credentials masked."""
    known = {key: value for key, value in result.items() if not key.startswith("_") and key not in _LEFT_OUT}
    return dict(each_text({"result": known}, masked))
