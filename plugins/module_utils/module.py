# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Glue between Ansible and module_utils: errors become ``fail_json``, progress lines go to a file.

Everything that a module prints leaves through here: results, failures, warnings and progress lines are made printable
(see neutral.py), and known secrets are masked in them, once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, Protocol

from .failure import Code, Failure, TodoCloudError, exhausted
from .known_secrets import KNOWN, may_be_secret, secrets_of
from .live_lines import written
from .masking import masked
from .neutral import each_text, one_line, printable
from .processes import CONTROLLER, die_with

# Environment variable in which the action plugins of this collection pass the progress file to the module.
PROGRESS_FILE = "TODO_CLOUD_PROGRESS_FILE"
# Results that hold what pods, the API and programs said; others are data, in which only known secrets are masked.
_EVIDENCE = ("failure", "failures", "warnings", "notes", "messages", "output", "command")
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
    if module is not None:
        _print_safely(module)
    pid, _space, since = os.environ.get(CONTROLLER, "").partition(" ")
    if pid.isdigit():
        die_with(int(pid), since)
    try:
        yield
    except TodoCloudError as exc:
        for warning in exc.warnings:
            module.warn(warning)
        module.fail_json(msg=exc.failure.message, failure=exc.failure.as_result(), **exc.results)
    except ModuleNotFoundError as exc:
        failure = _missing(exc)
        if failure is None:
            raise
        module.fail_json(msg=failure.message, failure=failure.as_result())
    except (OSError, MemoryError) as exc:
        failure = exhausted(exc)
        if failure is None:
            raise
        module.fail_json(msg=failure.message, failure=failure.as_result())


def _missing(exc: ModuleNotFoundError) -> Failure | None:
    """A library that this Python has not, mostly since it is not the one that runs Ansible; None for what is ours."""
    library = str(exc.name or "").partition(".")[0]
    if library in ("", "ansible", "ansible_collections"):
        return None
    message = (
        f"The Python library {library!r} is missing for {sys.executable}: install the collection's requirements.txt "
        "there, or set ansible_python_interpreter to '{{ ansible_playbook_python }}'."
    )
    return Failure(Code.MISSING_LIBRARY, message, {"library": library, "python": sys.executable})


def invocation(module: Any) -> dict[str, Any]:
    """For the result of a module that is given values of charts, which Ansible would show with ``-vvv``: its arguments
    without them. Empty for other modules.
    """
    params: Mapping[str, Any] = getattr(module, "params", None) or {}
    if not {"waves", "values"} & params.keys():
        return {}
    return {"invocation": {"module_args": {name: _without_values(name, value) for name, value in params.items()}}}


def module_of(argument_spec: Mapping[str, Any], **more: Any) -> Any:
    """An AnsibleModule for one that is given values of charts: a mistake in its options does not show them either."""
    from ansible.module_utils.basic import AnsibleModule

    class Module(AnsibleModule):  # type: ignore[misc]  # ansible ships no type information
        def fail_json(self, msg: str, **results: Any) -> None:
            super().fail_json(msg, **{**invocation(self), **results})

    return Module(argument_spec=argument_spec, **more)


def _without_values(name: str, value: Any) -> Any:
    """What is not of its type may be anything, and is hidden."""
    match name, value:
        case "waves", list():
            return [
                [_without_values("one", each) for each in wave] if isinstance(wave, list) else _HIDDEN for wave in value
            ]
        case "releases", list():
            return [_without_values("one", each) for each in value]
        case (("one" | "environment"), dict()):
            return {key: _without_values(key, each) for key, each in value.items()}
        case (("waves" | "releases" | "one" | "values"), _):
            return _HIDDEN if value else value
    return value


def _print_safely(module: Any) -> None:
    """From now on what the module prints is printable, without the secrets that it was given or came to know, and
    without the values of charts among its arguments.

    Ansible masks every value of a secret option wherever it appears in a result. In a kubeconfig given as a dictionary
    these are also names and addresses, and ``unreachable`` lost its middle. Of short values and common words only the
    option itself is hidden.
    """
    given = set(getattr(module, "no_log_values", ()))
    params: Mapping[str, Any] = getattr(module, "params", {})
    kubeconfig = params.get("kubeconfig")
    harmless = set(_texts(kubeconfig)) - set(secrets_of(kubeconfig))  # a path, or names and addresses
    secrets = {text for text in given - harmless if may_be_secret(text)}
    KNOWN.add(secrets)
    module.no_log_values = secrets
    hidden = given - secrets
    exit_json, fail_json, warn = (getattr(module, name, _nothing) for name in ("exit_json", "fail_json", "warn"))

    def shown(results: Mapping[str, Any]) -> dict[str, Any]:
        evidence = {key: each_text(results[key], masked) for key in _EVIDENCE if key in results}
        whole = {**invocation(module), **results, **evidence}
        clean: dict[str, Any] = each_text(whole, lambda text: printable(KNOWN.hidden_in(text)))
        if hidden:
            arguments = clean.get("invocation") or {"module_args": params}
            clean["invocation"] = each_text(arguments, lambda text: _HIDDEN if text in hidden else text)
        return clean

    def fail(msg: str, **results: Any) -> None:
        fail_json(**shown({"msg": masked(msg), **results}))

    module.fail_json = fail
    module.exit_json = lambda **results: exit_json(**shown(results))
    module.warn = lambda text, **more: warn(printable(masked(text)), **more)


def _nothing(*_texts: str, **_results: Any) -> None:
    """For what a module lacks."""


def _texts(value: Any) -> Iterator[str]:
    """Every value within plain data, as text; not the names."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
    elif value is not None:
        yield str(value)


def live_progress() -> Callable[[str], None]:
    """A callable for progress lines. Each line is appended at once to the action plugin's file, if there is one."""
    path = os.environ.get(PROGRESS_FILE, "")
    if not path:
        return lambda line: None

    def progress(line: str) -> None:
        # The file may be gone: that must not fail the run.
        with suppress(OSError), open(path, "a", encoding="utf-8") as file:
            file.write(written(line, lambda text: one_line(masked(text))) + "\n")

    return progress


def finish(module: Any, report: _Report) -> NoReturn:
    """Ends a module successfully."""
    for warning in report.warnings:
        module.warn(warning)
    module.exit_json(**report.as_result())
    raise AssertionError("exit_json returned")
