# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Live progress of a long module: its lines appear while the task runs.

The module appends lines to a file (see module_utils/module.py). A thread on the controller follows the file and shows
each complete line at once. No configuration is needed: Ansible uses an action plugin of a module's name by itself.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible import constants, context
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.todo.cloud.plugins.module_utils.live_lines import read
from ansible_collections.todo.cloud.plugins.module_utils.module import PROGRESS_FILE
from ansible_collections.todo.cloud.plugins.module_utils.processes import CONTROLLER
from ansible_collections.todo.cloud.plugins.plugin_utils import brief
from ansible_collections.todo.cloud.plugins.plugin_utils.local_module import LocalModule
from ansible_collections.todo.cloud.plugins.plugin_utils.run import controller, run_folder

# Callbacks that print plain lines. Output in between would break callbacks that print JSON or redraw the screen.
READABLE = frozenset({"default", "ansible.builtin.default", brief.NAME})
_POLL_SECONDS = 0.2


def flush_lines() -> None:
    """Make the controller flush each line, also to a file or a pipe (the controller loads action plugins too).

    By default Python buffers up to 8 KiB, so a CI log would show nothing while a wave is in progress.
    """
    if multiprocessing.parent_process() is None and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


flush_lines()


class LiveActionModule(LocalModule, ActionBase):  # type: ignore[misc]  # ansible ships no type information
    """Runs the module of the plugin's name, like the normal action, and shows its progress lines meanwhile."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
        given = self._task.environment
        with self._module_environment(task_vars or {}) as environment:
            self._task.environment = [*(given or []), environment]
            try:
                result.update(self._execute_module(task_vars=task_vars, wrap_async=wrap_async))
            finally:
                self._task.environment = given
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    @contextmanager
    def _module_environment(self, task_vars: dict[str, Any]) -> Iterator[dict[str, str]]:
        """Environment variables for the module: the controller that it dies with, and the file for its progress."""
        here = self._connection.transport == "local"
        environment = {CONTROLLER: " ".join(map(str, controller()))} if here and not self._task.async_val else {}
        if not self._is_watched():
            yield environment
            return
        with self._followed(task_vars) as path:
            yield {**environment, PROGRESS_FILE: path}

    def _followed(self, task_vars: dict[str, Any]) -> Any:
        # A task with run_once stands for all hosts: the name of the host that it runs on would be misleading.
        host = "" if self._task.run_once else str(task_vars.get("inventory_hostname") or "")
        if not brief.wanted():
            return followed_file(self._show(host))
        calm = brief.Calm(lambda text: _print(brief.SCREEN.line(brief.about(host, text))))
        return followed_file(calm.take, calm.tick)

    def _is_watched(self) -> bool:
        """True when progress can be shown: plain output, a module on this machine, neither async nor no_log."""
        return (
            constants.DEFAULT_STDOUT_CALLBACK in READABLE
            and not context.CLIARGS.get("module_name")  # ad-hoc commands print results only
            and not self._task.async_val
            and not self._task.no_log
            and bool(self._connection.transport == "local")
        )

    def _show(self, host: str) -> Callable[[str], None]:
        prefix = f"  [{host}] " if host else "  "
        # With display_skipped_hosts off, Ansible shows a task's banner only with its first result: print it here.
        shown_skipped = (
            brief.SCREEN.shows_skipped
            if constants.DEFAULT_STDOUT_CALLBACK == brief.NAME
            else constants.config.get_config_value(
                "display_skipped_hosts", plugin_type="callback", plugin_name="default"
            )
        )
        title = [] if shown_skipped else [f"{self._task.get_name()} ..."]
        display = Display()

        def show(line: str) -> None:
            while title:
                display.display(title.pop())
            display.display(f"{prefix}{read(line)}")

        return show


def _print(lines: list[str]) -> None:
    for line in lines:
        Display().display(line)


@contextmanager
def followed_file(show: Callable[[str], None], looked: Callable[[bool], None] = lambda last: None) -> Iterator[str]:
    """A private file whose complete lines are shown as they are appended; all lines are shown before it ends.

    :param looked: called each time that the file was looked at, and whether that was the last time
    """
    descriptor, path = tempfile.mkstemp(prefix="progress-", dir=run_folder())
    done = threading.Event()
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        thread = threading.Thread(target=_follow, args=(file, show, looked, done), daemon=True)
        thread.start()
        try:
            yield path
        finally:
            done.set()
            thread.join(timeout=5.0)
            os.unlink(path)


def _follow(file: Any, show: Callable[[str], None], looked: Callable[[bool], None], done: threading.Event) -> None:
    # Ctrl-C must wake the worker's main thread, which waits for the module: handled here, it would be seen at its end.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    rest = ""
    while True:
        last = done.is_set()
        rest += file.read()
        *lines, rest = rest.split("\n")
        for line in lines:
            show(line)
        looked(last)
        if last:
            return
        done.wait(_POLL_SECONDS)
