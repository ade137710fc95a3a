# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run as a person reads it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: brief
type: stdout
short_description: What changes, what is waited for, what fails, and how it ended
description:
  - Phases with the time since the start, a line for what changed or waits, a failure as one sentence with its evidence,
    and at the end the table of releases and one sentence. What is as it should be is not shown.
  - With C(-v), C(--check), C(--diff), or where the environment variable E(CI) is set, it is the callback V(default),
    followed by the sentence at the end.
  - It prints plain lines, to a terminal and to a pipe, and does without symbols. Colours are Ansible's settings, such
    as E(NO_COLOR). On a terminal lines are broken between words, at E(COLUMNS) where that is set.
requirements:
  - to be set, as C(stdout_callback = todo.cloud.brief) in C(ansible.cfg), or in E(ANSIBLE_STDOUT_CALLBACK)
extends_documentation_fragment:
  - default_callback
  - result_format_callback
author: todo.cloud maintainers (@todo-app)
version_added: 1.0.0
"""

import atexit
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.playbook.block import Block
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as Default
from ansible_collections.todo.cloud.plugins.callback.summary import Ending, reason, releases
from ansible_collections.todo.cloud.plugins.module_utils.neutral import one_line, printable
from ansible_collections.todo.cloud.plugins.plugin_utils.brief import NAME, SCREEN, about, duration, wanted
from ansible_collections.todo.cloud.plugins.plugin_utils.evidence import evidence, message, new_objects

_SUMMARY = "todo.cloud.summary"
_DEBUG = ("debug", "ansible.builtin.debug", "ansible.legacy.debug")
# What they do is done in no time and nothing that a person waits for.
_SILENT = ("set_fact", "assert", "validate_argument_spec", "include_role", "include_vars", "meta", "debug", "fail")
_LIVE = {f"todo.cloud.{path.stem}" for path in (Path(__file__).parents[1] / "action").glob("*.py")}
_ALWAYS = ("ok", "changed", "unreachable", "failed")  # as in Ansible's recap
_AT_ONCE = 4  # so many changes of a host share a line
_LONG_SECONDS = 10.0
_REMIND_SECONDS = 30.0
_WORDS = {"changed": constants.COLOR_CHANGED, "planned": constants.COLOR_CHANGED, "FAILED": constants.COLOR_ERROR,
          "ignored": constants.COLOR_WARN, "caught": constants.COLOR_WARN, "waits": None, "": None}  # fmt: skip


class CallbackModule(Default):  # type: ignore[misc]  # ansible ships no type information
    """Ansible's own callback, of which most is left out."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = NAME

    def __init__(self) -> None:
        super().__init__()
        self._brief = False
        self._ending = Ending()
        self._phase = ""  # empty once it is printed
        self._printed = ""  # the last one that is
        self._began: dict[tuple[str, str], float] = {}  # by host and task
        self._changes: dict[tuple[str, str], list[str]] = {}  # by host and word: what is not printed yet
        self._changed = 0
        self._tried = 0  # releases of a deployment that failed
        self._planned = 0  # what check mode would change
        self._told: set[tuple[str, str]] = set()  # task and reason
        self._reminded: dict[tuple[str, str], float] = {}
        self._table: list[str] = []
        self._running = False
        self._pid = 0  # of the controller, once it runs

    # Phases and tasks

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._brief = wanted()
        SCREEN.shows_skipped = self.get_option("display_skipped_hosts")
        super().v2_playbook_on_start(playbook)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        if not self._brief:
            super().v2_playbook_on_play_start(play)
            return
        if not self._pid:
            self._pid = os.getpid()
            atexit.register(self._stopped)
        self._running = True
        self._flush()
        self._play = play
        self._phase = one_line(play.get_name())
        SCREEN.measure()

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        if not self._brief:
            super().v2_runner_on_start(host, task)
            return
        self._began[host.get_name(), task._uuid] = time.monotonic()
        action = str(task.resolved_action or task.action)
        if action in _LIVE:  # it may take long, and prints lines itself
            self._flush("", host.get_name())
        if not (isinstance(task, TaskInclude) or action.rpartition(".")[2] in _SILENT):
            self._begin_phase()
        SCREEN.measure()

    def _print_task_banner(self, task: Any) -> None:
        """For what the callback default prints below it, such as differences."""
        if self._brief:
            self._begin_phase()
        else:
            super()._print_task_banner(task)

    def _task_start(self, task: Any, prefix: Any = None) -> None:
        if not self._brief:
            super()._task_start(task, prefix)

    # Results

    def v2_runner_on_ok(self, result: Any) -> None:
        self._ending.ok(result)
        if not self._brief:
            super().v2_runner_on_ok(result)
            return
        self._handle_warnings(result.result)
        host, action = result.host.get_name(), result.task.action
        looped = bool(result.task.loop) and "results" in result.result
        if isinstance(result.task, TaskInclude):
            return
        changed = bool(result.result.get("changed"))
        about_releases = bool(releases(result.result))
        plan = about_releases and "preflight" in result.result
        dry = plan or result.task.check_mode is True
        if dry:
            self._planned += _wanted(result.result) if plan else changed
        else:
            self._changed += changed
        if about_releases:
            self._table = self._table if plan else [str(row) for row in result.result["table"]]  # else shown
        elif action in _DEBUG:
            if not looped:
                self._message(result)
        elif changed:
            kept = self._changes.setdefault((self._host(result), "planned" if dry else "changed"), [])
            kept.append(self._name(result) + self._took(host, result.task))
            if len(kept) >= _AT_ONCE:
                self._flush(self._host(result))
        elif isinstance(parts := result.result.get("parts"), list):
            self._parts(parts)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        if not self._brief:
            super().v2_runner_item_on_ok(result)
            return
        self._handle_warnings(result.result)
        if result.task.action in _DEBUG:
            self._message(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._ending.failed(result, ignore_errors)
        if not self._brief:
            super().v2_runner_on_failed(result, ignore_errors)
            return
        if not (result.task.loop and "results" in result.result):  # else each item was told
            self._failure(result, "ignored" if ignore_errors else "")

    def v2_runner_item_on_failed(self, result: Any) -> None:
        if not self._brief:
            super().v2_runner_item_on_failed(result)
            return
        label = one_line(str(self._get_item_label(result.result)))
        self._failure(result, "ignored" if result.task.ignore_errors is True else "", f" ({label})")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._ending.unreachable(result)
        if not self._brief:
            super().v2_runner_on_unreachable(result)
            return
        self._failure(result, "ignored" if result.task.ignore_unreachable else "", before="out of reach: ")

    def v2_runner_retry(self, result: Any) -> None:
        if not self._brief:
            super().v2_runner_retry(result)
            return
        self._flush("", self._host(result))
        attempts, retries = result.result.get("attempts"), result.result.get("retries")
        self._wait(result, f"attempt {attempts} of {retries}")

    def v2_runner_on_async_poll(self, result: Any) -> None:
        if not self._brief:
            super().v2_runner_on_async_poll(result)
            return
        self._wait(result, "runs in the background")

    def v2_runner_on_async_ok(self, result: Any) -> None:
        if not self._brief:
            super().v2_runner_on_async_ok(result)

    def v2_runner_on_async_failed(self, result: Any) -> None:
        if not self._brief:
            super().v2_runner_on_async_failed(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        if not self._brief:
            super().v2_runner_on_skipped(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        if not self._brief:
            super().v2_runner_item_on_skipped(result)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        if not self._brief:
            super().v2_playbook_on_include(included_file)

    def v2_playbook_on_no_hosts_matched(self) -> None:
        if not self._brief:
            super().v2_playbook_on_no_hosts_matched()

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        if not self._brief:
            super().v2_playbook_on_no_hosts_remaining()

    def v2_on_file_diff(self, result: Any) -> None:
        diff = result.result.get("diff")
        new, others = new_objects(diff) if self._brief and isinstance(diff, list) else ([], [])
        if not new:
            super().v2_on_file_diff(result)
            return
        self._flush("", self._host(result))
        for line in new:
            self._line(f"new release {line}", "planned")
        self._line("-v shows the manifests of what is new")
        if others:
            self._display.display(self._get_diff(others))

    # The end

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._running = False
        if self._brief:
            self._end(stats)
        else:
            super().v2_playbook_on_stats(stats)
        if _SUMMARY not in constants.CALLBACKS_ENABLED:  # else it is the last one to say something
            self._ending.tell(stats, self._display.display)

    def _end(self, stats: Any) -> None:
        self._flush()
        if stats.custom and self.get_option("show_custom_stats"):
            super().v2_playbook_on_stats(stats)
        if self._table:
            self._print(["", *(line for row in self._table for line in SCREEN.row(row, self._table[0]))])
            self._table = []
        self._print(["", *SCREEN.wrapped(self._recap(stats))])
        if any(map(stats.failures.get, stats.processed)) or any(map(stats.dark.get, stats.processed)):
            self._print(SCREEN.wrapped("The same command with -v shows everything."))

    def _recap(self, stats: Any) -> str:
        """Ansible's counts, of all hosts, in its words (scripts look for ``changed=0``), and what they do not say."""
        hosts = sorted(stats.processed)
        numbers = {
            "ok": sum(stats.ok.values()), "changed": self._changed, "unreachable": sum(stats.dark.values()),
            "failed": sum(stats.failures.values()), "rescued": sum(stats.rescued.values()),
            "ignored": sum(stats.ignored.values()),
        }  # fmt: skip
        counts = [" ".join(f"{name}={number}" for name, number in numbers.items() if number or name in _ALWAYS)]
        if self._tried:
            counts.append(f"{self._tried} release{'' if self._tried == 1 else 's'} tried")
        if self._planned and not (self._changed or self._tried):  # what was planned and then done is told as done
            counts.append(f"{self._planned} would change")
        for word, found in (("failed", stats.failures), ("out of reach", stats.dark)):
            if names := [host for host in hosts if found.get(host) and host not in self._ending.of_all]:
                counts.append(f"{word}: {', '.join(names)}")
        return f"{SCREEN.clock()} on {len(hosts)} host{'' if len(hosts) == 1 else 's'}: {'; '.join(counts)}"

    def _stopped(self) -> None:
        """For a run that ends without a recap, as Ctrl-C ends it."""
        if self._running and self._pid == os.getpid():
            self._flush()
            self._print(SCREEN.wrapped(
                f"STOPPED after {SCREEN.clock()}. The same command again goes on from what is there."
            ), constants.COLOR_ERROR)  # fmt: skip

    # Lines

    def _print(self, lines: Iterable[str], color: str | None = None) -> None:
        for line in lines:
            self._display.display(line, color=color)

    def _begin_phase(self) -> None:
        if self._phase and self._phase != self._printed:  # a play with `serial` begins several times
            self._print(SCREEN.phase(self._phase))
            self._printed = self._phase
        self._phase = ""

    def _line(self, text: str, word: str = "") -> None:
        self._begin_phase()
        self._print(SCREEN.line(text, word), _WORDS[word])

    def _flush(self, *only: str) -> None:
        """Prints the changes that were kept, of these hosts or of all."""
        for host, word in [key for key in self._changes if not only or key[0] in only]:
            names = self._changes.pop((host, word))
            before = f"{host}: " if host else ""
            self._line(before + SCREEN.names(names, before), word)

    def _host(self, result: Any) -> str:
        """A task with run_once stands for all hosts."""
        return "" if result.task.run_once else self.host_label(result)

    def _name(self, result: Any) -> str:
        """The task, without its role."""
        return one_line(str(result.task.get_name()).rpartition(" : ")[2])

    def _took(self, host: str, task: Any) -> str:
        seconds = time.monotonic() - self._began.get((host, task._uuid), time.monotonic())
        return f" ({duration(seconds)})" if seconds >= _LONG_SECONDS else ""

    def _message(self, result: Any) -> None:
        """What a task prints, unless its variable ``brief`` is false; the table of releases follows at the end."""
        if result.task.vars.get("brief") is False:
            return
        lines = message(result.result)
        if lines is None:
            self._clean_results(result.result, result.task.action)
            lines = printable(self._dump_results(result.result)).strip("\n").split("\n")
        if self._table and lines[: len(self._table)] == self._table:
            self._table = lines
            return
        self._flush("", self._host(result))
        if len(lines) == 1:
            self._line(about(self._host(result), lines[0]))
        elif lines:
            self._begin_phase()
            self._print(f"  {line}".rstrip() for line in lines)

    def _parts(self, parts: list[Any]) -> None:
        """What todo.cloud.platform_info compared."""
        known = [part for part in parts if isinstance(part, Mapping)]
        current = [str(part.get("name")) for part in known if not part.get("missing")]
        lacking = [str(part.get("name")) for part in known if part.get("missing")]
        told = [
            f"{word}: {', '.join(names)}" for word, names in (("as described", current), ("to do", lacking)) if names
        ]
        if told:
            self._line("; ".join(told))

    def _wait(self, result: Any, text: str) -> None:
        """Once a while."""
        key = (result.host.get_name(), result.task._uuid)
        now = time.monotonic()
        if now - self._reminded.setdefault(key, self._began.get(key, now)) >= _REMIND_SECONDS:
            self._reminded[key] = now
            self._line(about(self._host(result), f"{self._name(result)} ({text})"), "waits")

    def _failure(self, result: Any, word: str, item: str = "", before: str = "") -> None:
        word = word or ("caught" if _caught(result.task) else "FAILED")
        self._handle_warnings(result.result)
        self._flush("", self._host(result))
        text = f"{self._name(result)}{item}: {before}{reason(result.result)}"
        known = word == "FAILED" and result.task.vars.get("brief") is False  # it was printed before, and ends the run
        if (result.task._uuid, text) not in self._told and not known:
            self._told.add((result.task._uuid, text))
            self._line(about(self._host(result), text), word)
            if word == "FAILED":
                for line in evidence(result.result):
                    self._print(SCREEN.under(line, word))
        table, rows = result.result.get("table"), result.result.get("releases")
        if isinstance(table, list) and isinstance(rows, list):
            tried = sum(isinstance(row, Mapping) and bool(row.get("tried")) for row in rows)
            self._tried += tried
            self._changed += bool(result.result.get("changed")) and not tried
            if word == "FAILED":
                self._table = [str(row) for row in table]


def _wanted(result: Mapping[str, Any]) -> int:
    """How many releases a plan would change."""
    plan = result.get("plan")
    items = plan if isinstance(plan, list) else []
    return sum(isinstance(item, Mapping) and item.get("kind") in ("new", "change", "remove") for item in items)


def _caught(task: Any) -> bool:
    """Whether a failure of the task is followed by the tasks of a rescue."""
    child, parent = task, task._parent
    while parent:
        if isinstance(parent, Block) and parent.rescue and any(each._uuid == child._uuid for each in parent.block):
            return True
        child, parent = parent, parent._parent
    return False
