# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Glue between Ansible and module_utils: errors become ``fail_json``, progress lines go to a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, Protocol

from .failure import TodoCloudError
from .processes import CONTROLLER, die_with

# Environment variable in which the action plugins of this collection pass the progress file to the module.
PROGRESS_FILE = "TODO_CLOUD_PROGRESS_FILE"
_HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"  # Ansible's own words


class _Report(Protocol):
    """Result of a run."""

    warnings: list[str]

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""


@contextmanager
def fail_json_on_error(module: Any) -> Iterator[None]:
    """Turns a :class:`TodoCloudError` into ``fail_json`` with ``msg`` and ``failure``.

    The module is killed with its controller. Ansible's workers are in their own sessions, so a module would otherwise
    survive a killed controller unnoticed, and the next run would find the lock held.
    """
    pid, _space, since = os.environ.get(CONTROLLER, "").partition(" ")
    if pid.isdigit():
        die_with(int(pid), since)
    try:
        yield
    except TodoCloudError as exc:
        for warning in exc.warnings:
            module.warn(warning)
        module.fail_json(msg=exc.failure.message, failure=exc.failure.as_result(), **exc.results, **invocation(module))


def invocation(module: Any) -> dict[str, Any]:
    """For the result of a module that is given values of charts, which Ansible would show with ``-vvv``: its arguments
    without them. Empty for other modules.
    """
    params: Mapping[str, Any] = getattr(module, "params", None) or {}
    if "waves" not in params and "values" not in params:
        return {}
    return {"invocation": {"module_args": {name: _without_values(name, value) for name, value in params.items()}}}


def _without_values(name: str, value: Any) -> Any:
    if name == "values" and value:
        return _HIDDEN
    if name == "waves" and isinstance(value, list):
        return [
            [_without_values("release", each) for each in wave] if isinstance(wave, list) else wave for wave in value
        ]
    if name == "release" and isinstance(value, dict):
        return {key: _without_values(key, each) for key, each in value.items()}
    return value


def live_progress() -> Callable[[str], None]:
    """A callable for progress lines. Each line is appended at once to the action plugin's file, if there is one."""
    path = os.environ.get(PROGRESS_FILE, "")
    if not path:
        return lambda line: None

    def progress(line: str) -> None:
        # The file may be gone: that must not fail the run.
        with suppress(OSError), open(path, "a", encoding="utf-8") as file:
            file.write(" ".join(line.split()) + "\n")

    return progress


def finish(module: Any, report: _Report) -> NoReturn:
    """Ends a module successfully."""
    for warning in report.warnings:
        module.warn(warning)
    module.exit_json(**report.as_result(), **invocation(module))
    raise AssertionError("exit_json returned")
