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

from ..deploy.job_output import last_lines
from ..deploy.run import LockedRun, Run, locked_run
from ..deploy.verification import Verifier
from ..deploy.writer import ReleaseWriter
from ..environments.guard import Claims, guard
from ..failure import Code, Failure, TodoCloudError, error
from ..helm.storage import ReleaseStatus, StoredRelease
from ..kube.deadline import Deadline
from ..planning.migrations import job_values
from ..planning.spec import ReleaseSpec

_CHART = "service"  # whose values say what a Job of the same image needs
_LINES = 400
_LONGEST = 49  # of the service's name in that of the release
_SPARE_SECONDS = 60  # after which Kubernetes stops a Job that a killed run left
_STARTED = "todo.cloud/started"  # of the pod: no two Jobs are the same


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
        writer = ReleaseWriter(run)
        if run.storage.history(self._name):
            run.progress(f"{self._name}: removed first, an earlier run was killed")
            writer.uninstall(self._name)
        settings, deadline = self._settings, Deadline.after(self._settings.timeout)
        values = job_values(stored.config, self._command, settings.timeout + _SPARE_SECONDS)
        values["podAnnotations"] = {**(values.get("podAnnotations") or {}), _STARTED: str(run.kube.server_now())}
        spec = ReleaseSpec.parse({
            "name": self._name, "namespace": settings.namespace, "chart": self._chart, "values": values,
        })  # fmt: skip
        try:
            writer.apply(spec, {}, deadline)
            failures = Verifier(run, repair_sidecars=False).verify([self._name], {}, deadline).failures
            found.output = last_lines(run.kube, settings.namespace, self._name, _LINES)
        finally:
            writer.uninstall(self._name)
        for failure in failures.values():
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


def deployed(run: Run, service: str) -> StoredRelease:
    """What is deployed of a service. Raises invalid_input when nothing is."""
    live = [each for each in run.storage.history(service) if each.status is ReleaseStatus.DEPLOYED]
    if not live:
        environment = run.settings.environment
        message = f"{service} is not deployed in {environment}: deploy it first (site.yml)."
        raise error(Code.INVALID_INPUT, message, service=service)
    return run.storage.read(service, live[-1].revision)


def image_of_own(stored: StoredRelease) -> str:
    """The image of a release of the chart ``service``. Raises invalid_input for other charts."""
    image = stored.config.get("image")
    if stored.chart_name == _CHART and isinstance(image, str):
        return image
    raise error(
        Code.INVALID_INPUT,
        f"{stored.name} is of the chart {stored.chart_name!r}: only that chart knows what its containers need, so this "
        "is only for services of the chart 'service'. Use what the chart offers, or kubectl exec.",
        service=stored.name,
    )


def _of(failure: Failure, service: str, command: Sequence[str]) -> Failure:
    details: Mapping[str, Any] = {**failure.details, "service": service}
    return Failure(failure.code, f"{service}: {shlex.join(command)!r} failed: {failure.message}", details)
