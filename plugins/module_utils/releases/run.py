# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs one command with what a deployed service has, under the lock: a Job, removed afterwards."""

from __future__ import annotations

import difflib
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..deploy.command import CommandJob, deployed, image_of_own
from ..deploy.run import LockedRun, Run, locked_run
from ..environments.guard import Claims, guard
from ..failure import Code, Failure, TodoCloudError, error
from ..helm.stored import StoredRelease

_LONGEST = 49  # of the service's name in that of the release


@dataclass
class CommandRun:
    """What was run, as it becomes a module's result. ``output``: its last lines."""

    service: str
    command: Sequence[str]
    image: str
    output: list[str] = field(default_factory=list)
    seconds: float = 0.0
    changed: bool = True
    warnings: list[str] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "changed": self.changed,
            "service": self.service,
            "command": list(self.command),
            "image": self.image,
            "output": self.output,
            "seconds": round(self.seconds, 1),
        }


class Command:
    """One command. ``chart``: folder of the chart ``service``; ``known``: releases of the inventory."""

    def __init__(self, run: Run, service: str, command: Sequence[str], chart: str, known: Sequence[str]) -> None:
        self._run = run
        self._settings = run.settings
        self._service = named(service, known)
        self._command = command
        self._chart = chart
        self._name = f"{self._service[:_LONGEST].rstrip('-')}-run"

    def run(self) -> CommandRun:
        """In check mode nothing is run. Raises invalid_input, lock_held, or what the Job failed of."""
        settings = self._settings
        guard(self._run.kube, Claims(settings.environment, settings.namespace, settings.cluster_id))
        stored = deployed(self._run, self._service)
        image = image_of_own(stored)
        found = CommandRun(self._service, self._command, image)
        if settings.check:
            return found
        with locked_run(self._run) as run:
            found.warnings += run.warnings
            began = time.monotonic()
            try:
                self._execute(run, stored, found)
            except TodoCloudError as exc:
                found.seconds = time.monotonic() - began
                raise TodoCloudError(exc.failure, found.as_result(), found.warnings) from exc
            found.seconds = time.monotonic() - began
        return found

    def _execute(self, run: LockedRun, stored: StoredRelease, found: CommandRun) -> None:
        job = CommandJob(self._name, self._chart, self._command, self._settings.timeout)
        if failure := job.run(run, stored, found.output):
            raise TodoCloudError(_of(failure, self._service, self._command))


def words_of(command: object) -> list[str]:
    """A command as words: given as a list, or as a text with the quotes of a shell. Raises invalid_input."""
    if isinstance(command, str):
        try:
            words = shlex.split(command)
        except ValueError as exc:
            raise error(Code.INVALID_INPUT, f"The command cannot be read: {exc} in {command!r}.") from exc
    else:
        words = [str(word) for word in command] if isinstance(command, list) else []
    if not words:
        raise error(Code.INVALID_INPUT, "There is no command: say -e 'command=\"…\"'.")
    return words


def named(service: str, known: Sequence[str]) -> str:
    """A service of the inventory, given with hyphens or underscores. Raises invalid_input with the nearest name."""
    name = service.replace("_", "-")
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    meant = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(sorted(known)) or 'none'}."
    raise error(Code.INVALID_INPUT, f"There is no service {service!r} in this inventory{meant}", service=service)


def _of(failure: Failure, service: str, command: Sequence[str]) -> Failure:
    details: Mapping[str, Any] = {**failure.details, "service": service}
    return Failure(failure.code, f"{service}: {shlex.join(command)!r} failed: {failure.message}", details)
