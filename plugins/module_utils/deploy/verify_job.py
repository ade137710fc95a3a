# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The job that must end well before a set counts as verified: a transaction such as a person's, against all services.

It runs after the last wave that changed something, with the image of one of the services, and may reach all of them
(charts/environment: networkPolicies.verifyJob).
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..failure import Code, Failure, TodoCloudError
from ..neutral import one_line, printable, shortened
from ..planning.snapshot import Snapshot
from ..planning.spec import ReleaseSpec
from ..preflight.problem import Problem
from .command import CommandJob, deployed, image_of_own
from .report import CUT_OFF
from .run import LockedRun

RELEASE = "verify-job"
_ACCESS = ("services",)  # charts/environment lets such pods reach the services, where verify_job is said
_TIMEOUT_SECONDS = 300
_LONGEST = 300  # letters of its last line
_TELLS = 5  # lines of its output, of one that ended well
_OWN = (Code.JOB_FAILED, Code.POD_FAILED, Code.TIMEOUT)  # it ran, and was not content


@dataclass(frozen=True)
class VerifyJob:
    """``service``: whose image, variables and Secrets it has. ``chart``: folder of the chart ``service``.
    ``timeout``: seconds.
    """

    service: str
    command: tuple[str, ...]
    chart: str
    image: str = ""  # instead of the service's
    timeout: int = _TIMEOUT_SECONDS

    @classmethod
    def parse(cls, raw: Mapping[str, Any] | None) -> VerifyJob | None:
        """From the module's option; None: none is wanted."""
        if not raw:
            return None
        service, command = str(raw["service"]).replace("_", "-"), tuple(map(str, raw["command"]))
        timeout = int(raw.get("timeout") or _TIMEOUT_SECONDS)
        return cls(service, command, str(raw["chart"]), raw.get("image") or "", timeout)

    def problems(self, specs: Sequence[ReleaseSpec], snapshot: Snapshot) -> Iterator[Problem]:
        """Why it could not run after these releases are deployed."""
        spec = next((each for each in specs if each.name == self.service), None)
        if not self.command:
            yield self._problem("has no command", "give it one, a list of words")
        if spec is None and not snapshot.history(self.service):
            what = f"needs {self.service}, which is neither deployed nor part of this run"
            yield self._problem(what, "name a service of the inventory, and deploy all services first")
        elif spec and not (self.image or isinstance(spec.values.get("image"), str)):
            what = f"needs a service of the chart `service`, and {self.service} is of another one"
            yield self._problem(what, "name another service in verify_job.service")

    def describe(self) -> str:
        """What it does, for people."""
        return f"verify_job: runs {shlex.join(self.command)!r} with what {self.service} has, after the last wave"

    def run(self, run: LockedRun) -> VerifyResult:
        """Runs it."""
        began, output = time.monotonic(), list[str]()
        run.progress(f"verify_job: {shlex.join(self.command)}")
        job = CommandJob(RELEASE, self.chart, self.command, self.timeout, self.image, _ACCESS)
        try:
            stored = deployed(run, self.service)
            image_of_own(stored)
            with run.timeline.span("job", f"verify_job: {shlex.join(self.command)}"[:80]) as span:
                failure = job.run(run, stored, output)
                span.ends(failure)
        except TodoCloudError as exc:
            if exc.failure.code in (Code.LOCK_LOST, *CUT_OFF):
                raise
            failure = exc.failure
        seconds = time.monotonic() - began
        if not failure:
            run.progress(f"verify_job: ended well after {seconds:.1f} s")
            return VerifyResult(None, seconds, output[-_TELLS:])
        return VerifyResult(self._of(failure, output), seconds, output)

    def _problem(self, what: str, remedy: str) -> Problem:
        return Problem("verify_job", Code.INVALID_INPUT, what, remedy)

    def _of(self, failure: Failure, output: Sequence[str]) -> Failure:
        """Its last line is the reason, if it had its say."""
        code = Code.VERIFY_JOB_FAILED if failure.code in _OWN else failure.code
        said = [line for line in output if line.strip()]
        told = said and failure.code is not Code.TIMEOUT and code is Code.VERIFY_JOB_FAILED
        why = shortened(one_line(printable(said[-1])), limit=_LONGEST) if told else failure.message
        tail = list(output) or failure.details.get("log_tail") or []  # the store's, where its pod is gone
        details = {**failure.details, "service": self.service, "cause": failure.code.value, "log_tail": tail}
        return Failure(code, f"verify_job: {shlex.join(self.command)!r} failed: {why}", details)


@dataclass(frozen=True)
class VerifyResult:
    """``failure``: None when it ended well. ``output``: its last lines."""

    failure: Failure | None
    seconds: float
    output: Sequence[str] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"ok": self.failure is None, "seconds": round(self.seconds, 1), "output": list(self.output)}
