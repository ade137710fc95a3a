# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Between Ansible and everything else in module_utils: errors become ``fail_json``, progress lines become a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, Protocol

from .failure import TodoCloudError
from .processes import CONTROLLER, die_with

# The action plugins of this collection hand the name of a file to the module in this environment variable.
PROGRESS_FILE = "TODO_CLOUD_PROGRESS_FILE"


class _Report(Protocol):
    """What a run found and did."""

    warnings: list[str]

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""


@contextmanager
def fail_json_on_error(module: Any) -> Iterator[None]:
    """Whatever is raised below as :class:`TodoCloudError` ends the module with ``msg`` and ``failure``.

    A module that writes dies with its controller: Ansible's workers are sessions of their own, so that a killed
    controller would leave it at work, unseen, and the next run would find the lock held.
    """
    pid, _space, since = os.environ.get(CONTROLLER, "").partition(" ")
    if pid.isdigit():
        die_with(int(pid), since)
    try:
        yield
    except TodoCloudError as exc:
        for warning in exc.warnings:
            module.warn(warning)
        module.fail_json(msg=exc.failure.message, failure=exc.failure.as_result(), **exc.results)


def live_progress() -> Callable[[str], None]:
    """A callable for live lines. Each line is appended to the action plugin's file at once; without one, dropped."""
    path = os.environ.get(PROGRESS_FILE, "")
    if not path:
        return lambda line: None

    def progress(line: str) -> None:
        # Without the file nobody watches any more: the run itself must not end because of that.
        with suppress(OSError), open(path, "a", encoding="utf-8") as file:
            file.write(" ".join(line.split()) + "\n")

    return progress


def finish(module: Any, report: _Report) -> NoReturn:
    """Ends a module well."""
    for warning in report.warnings:
        module.warn(warning)
    module.exit_json(**report.as_result())
    raise AssertionError("exit_json returned")
