# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run did, as files: a page for people, JSON for programs, Markdown for the summary of a CI job."""

from __future__ import annotations

DOCUMENTATION = r"""
name: report
type: notification
short_description: What a run did, as a page, as JSON and as the summary of a CI job
description:
  - Writes at the end of a run a page for people (one HTML file, without scripts and network) and the same as JSON.
    It says first how the run ended; then why, with the diagnosis; what became of each release; a timeline; the plan and
    the differences; the verification and the availability of the endpoint. Images, the commit and the job are links
    where their page is known. docs/schemas/report.json describes the JSON.
  - Only runs are kept that looked at releases, or failed; not those that only something mistyped kept from beginning.
    With O(file) each run is.
  - It holds no arguments of modules, and nothing of tasks with C(no_log). Text of others is masked.
  - When the run failed, the path of the page is printed.
  - In a job of GitHub it also goes to the job's summary, as Markdown, and a run that failed sets the output C(failure)
    of its step, one sentence.
requirements:
  - to be enabled, as C(callbacks_enabled = todo.cloud.report) in C(ansible.cfg), or in C(ANSIBLE_CALLBACKS_ENABLED)
options:
  file:
    description:
      - The JSON file, from the folder of the command. It is replaced; the page is beside it, with the ending C(.html).
    type: str
    env:
      - name: TODO_REPORT
  folder:
    description:
      - The folder for both where O(file) is not given. Empty keeps nothing.
    type: str
    default: ~/.ansible/todo-cloud-reports
    env:
      - name: TODO_REPORTS
    ini:
      - section: callback_todo_report
        key: folder
  keep:
    description:
      - How many reports are kept in O(folder), the newest ones.
    type: int
    default: 20
    env:
      - name: TODO_REPORTS_KEPT
    ini:
      - section: callback_todo_report
        key: keep
author: todo.cloud maintainers (@todo-app)
version_added: 1.0.0
"""

import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.plugins.callback import CallbackBase
from ansible.release import __version__
from ansible_collections.todo.cloud.plugins.callback.summary import releases, why
from ansible_collections.todo.cloud.plugins.filter.typed_path import typed_path
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.locking.holder import Holder
from ansible_collections.todo.cloud.plugins.module_utils.neutral import one_line
from ansible_collections.todo.cloud.plugins.plugin_utils.live import READABLE
from ansible_collections.todo.cloud.plugins.plugin_utils.report.document import About, Told, document_of
from ansible_collections.todo.cloud.plugins.plugin_utils.report.markdown import markdown_of
from ansible_collections.todo.cloud.plugins.plugin_utils.report.page import page_of

# What fails in them, or in the arguments of any task, was typed: no cluster was asked.
_LOCAL = ("assert", "debug", "fail", "include_role", "include_tasks", "include_vars", "set_fact",
          "validate_argument_spec")  # fmt: skip
_ARGUMENTS = re.compile(
    "Finalization of task args|Error while (?:resolving|evaluating)|missing required arguments|Unsupported parameters"
    "|must be one of|unable to convert"
)
_CLUSTER = ("todo.cloud.", "kubernetes.core.")
_OUTPUT = "GITHUB_OUTPUT"
_SUMMARY = "GITHUB_STEP_SUMMARY"


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible ships no type information
    """Remembers failures by host, and results about releases."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "todo.cloud.report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._began = time.time()
        self._playbooks: list[str] = []
        self._failed: dict[str, dict[str, Any]] = {}
        self._told = Told()
        self._play: Any = None
        self._environment = ""  # as the inventory names it
        self._began_work = False  # something outside of the inventory was looked at
        self._summary = ""  # what the job's summary has of this run

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._playbooks.append(Path(playbook._file_name).name)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._told.phases.append((play.get_name(), time.time()))
        self._play = play

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            self._began_work = self._began_work or not _mistyped(result)
            self._fails(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._began_work = True
        self._fails(result)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._began_work = self._began_work or _action(result).startswith(_CLUSTER)
        self._note(result.result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        lost = [host for host in stats.processed if stats.failures.get(host) or stats.dark.get(host)]
        failed = [self._failed[host] for host in lost if host in self._failed]
        told = Told(failed, self._told.releases, self._told.verifications, self._told.phases)
        me = Holder.me("report")
        document = document_of(
            told,
            About(
                self._playbooks, self._began, time.time(), check=bool(context.CLIARGS.get("check")),
                versions={"ansible-core": __version__}, commit=me.commit, url=me.url, hosts=len(stats.processed),
                environment=self._environment, variables=os.environ,
            ),
        )  # fmt: skip
        looked = bool(told.releases or told.verifications)
        try:
            path = self._write(document, looked or bool(lost and self._began_work))
            self._summarize(document if looked or lost else None)
        except OSError as exc:
            self._display.warning(f"The report of this run was not written: {one_line(str(exc))}")
            path = None
        if path and lost and constants.DEFAULT_STDOUT_CALLBACK in READABLE:
            self._display.display(f"Report: {path}")
        if failed and os.environ.get(_OUTPUT):
            with Path(os.environ[_OUTPUT]).open("a") as output:
                output.write(f"failure={failed[0]['message']}\n")

    def _fails(self, result: Any) -> None:
        given = {} if "censored" in result.result else result.result
        host, task = result.host.get_name(), result.task.get_name()
        manager = self._play and self._play.get_variable_manager()
        known = manager.get_vars(play=self._play, host=result.host, include_hostvars=False) if manager else {}
        name = known.get("environment_name")
        self._environment = name if isinstance(name, str) and "{" not in name else self._environment
        self._failed[host] = {"host": host, "task": task, "message": why(result.result), "result": given}
        self._note(given)

    def _note(self, result: Mapping[str, Any]) -> None:
        if releases(result):
            self._told.releases.append(result)
        elif "verdict" in result and "workloads" in result:
            self._told.verifications.append(result)

    def _write(self, document: Mapping[str, Any], worth: bool) -> Path | None:
        """The path of the page, if there is one."""
        if file := self.get_option("file"):
            path = Path(typed_path(file))
        elif worth and (folder := self.get_option("folder")):
            place = Path(typed_path(folder))
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._began))
            path = place / f"{at}-{os.getpid()}.json"
            pages = sorted(place.glob("[0-9]*T*Z-*.json"))
            for old in pages[: max(0, len(pages) - self.get_option("keep") + (path not in pages))]:
                old.unlink(missing_ok=True)
                old.with_suffix(".html").unlink(missing_ok=True)
        else:
            return None
        _written(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        _written(path.with_suffix(".html"), page_of(document))
        return path.with_suffix(".html")

    def _summarize(self, document: Mapping[str, Any] | None) -> None:
        """Adds to the job's summary. Ansible calls at the end of each playbook: what was added before is replaced."""
        if not (document and os.environ.get(_SUMMARY)):
            return
        path = Path(os.environ[_SUMMARY])
        text = path.read_text() if path.exists() else ""
        if self._summary:
            text = text.replace(self._summary, "")
        self._summary = f"\n{markdown_of(document)}"
        path.write_text(text + self._summary)


def _action(result: Any) -> str:
    return str(result.task.resolved_action or result.task.action)


def _mistyped(result: Any) -> bool:
    """Whether a task failed by what it was given, before it asked anything."""
    action, given = _action(result), result.result
    failure = given.get("failure")
    if isinstance(failure, Mapping):
        return bool(failure.get("code") == Code.INVALID_INPUT)
    return action.rpartition(".")[2] in _LOCAL or bool(_ARGUMENTS.search(str(given.get("msg") or "")))


def _written(path: Path, text: str) -> None:
    """For its user only: it names what runs where."""
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
