# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Live progress of a long module: its lines appear while the task runs, not after it.

The module appends lines to a file (see module_utils/module.py); a thread on the controller follows the file and shows
each whole line at once. Nothing has to be configured: an action plugin of a module's name is used by itself.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible import constants, context
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.todo.cloud.plugins.module_utils.module import PROGRESS_FILE
from ansible_collections.todo.cloud.plugins.module_utils.processes import CONTROLLER
from ansible_collections.todo.cloud.plugins.plugin_utils.run import controller, run_folder

# Callbacks that print one readable line after another; JSON-like ones and those that draw must not be disturbed.
_READABLE = frozenset({"default", "ansible.builtin.default"})
_EVERY_SECONDS = 0.2


def flush_lines() -> None:
    """In the controller, which loads action plugins too: a file or a pipe gets each line at once, as a terminal does.

    Ansible leaves that to Python, which keeps up to 8 KiB of lines back; a CI log would be silent while a wave waits.
    """
    if multiprocessing.parent_process() is None and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


flush_lines()


class LiveActionModule(ActionBase):  # type: ignore[misc]  # ansible ships no type information
    """Runs the module of the plugin's own name, like the normal action, and shows its progress lines meanwhile."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
        given = self._task.environment
        with self._handed_over(task_vars or {}) as environment:
            self._task.environment = [*(given or []), environment]
            try:
                result.update(self._execute_module(task_vars=task_vars, wrap_async=wrap_async))
            finally:
                self._task.environment = given
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    @contextmanager
    def _handed_over(self, task_vars: dict[str, Any]) -> Iterator[dict[str, str]]:
        """What the module gets in its environment: whom it dies with, and where its progress is read."""
        here = self._connection.transport == "local"
        environment = {CONTROLLER: " ".join(map(str, controller()))} if here and not self._task.async_val else {}
        if not self._is_watched():
            yield environment
            return
        with followed_file(self._show(task_vars)) as path:
            yield {**environment, PROGRESS_FILE: path}

    def _is_watched(self) -> bool:
        """True if somebody reads along: readable output, a module on this machine, neither async nor secret."""
        return (
            constants.DEFAULT_STDOUT_CALLBACK in _READABLE
            and not context.CLIARGS.get("module_name")  # ad-hoc commands print results only
            and not self._task.async_val
            and not self._task.no_log
            and bool(self._connection.transport == "local")
        )

    def _show(self, task_vars: dict[str, Any]) -> Callable[[str], None]:
        # A task that runs once stands for all hosts: the name of the host it happens to run on would mislead.
        host = "" if self._task.run_once else str(task_vars.get("inventory_hostname") or "")
        prefix = f"  [{host}] " if host else "  "
        # With display_skipped_hosts off, Ansible shows a task's banner only with its first result: say it here instead.
        shown_skipped = constants.config.get_config_value(
            "display_skipped_hosts", plugin_type="callback", plugin_name="default"
        )
        title = [] if shown_skipped else [f"{self._task.get_name()} ..."]
        display = Display()

        def show(line: str) -> None:
            while title:
                display.display(title.pop())
            display.display(f"{prefix}{line}")

        return show


@contextmanager
def followed_file(show: Callable[[str], None]) -> Iterator[str]:
    """A private file whose whole lines are shown as they are appended; everything is shown before the end."""
    descriptor, path = tempfile.mkstemp(prefix="progress-", dir=run_folder())
    done = threading.Event()
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        thread = threading.Thread(target=_follow, args=(file, show, done), daemon=True)
        thread.start()
        try:
            yield path
        finally:
            done.set()
            thread.join(timeout=5.0)
            os.unlink(path)


def _follow(file: Any, show: Callable[[str], None], done: threading.Event) -> None:
    rest = ""
    while True:
        last = done.is_set()
        rest += file.read()
        *lines, rest = rest.split("\n")
        for line in lines:
            show(line)
        if last:
            return
        done.wait(_EVERY_SECONDS)
