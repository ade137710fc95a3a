# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One command with what a deployed service has: a Job of its chart, as a release that is removed afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..failure import Code, Failure, error
from ..helm.stored import ReleaseStatus, StoredRelease
from ..kube.deadline import Deadline
from ..planning.migrations import job_values
from ..planning.spec import ReleaseSpec
from .job_output import last_lines
from .run import LockedRun, Run
from .verification import Verifier
from .writer import ReleaseWriter

_CHART = "service"  # whose values say what a Job of the same image needs
_LINES = 400
_SPARE_SECONDS = 60  # after which Kubernetes stops a Job that a killed run left
_STARTED = "todo.cloud/started"  # of the pod: no two Jobs are the same


@dataclass(frozen=True)
class CommandJob:
    """``release``: its name while it runs. ``chart``: folder of the chart ``service``. ``access``: what it
    reaches besides what the service does (networkPolicy.access). ``timeout``: seconds.
    """

    release: str
    chart: str
    command: Sequence[str]
    timeout: int
    image: str = ""  # instead of the service's
    access: Sequence[str] = ()

    def run(self, run: LockedRun, stored: StoredRelease, output: list[str]) -> Failure | None:
        """What it failed of; None when it ended well. ``output`` gets its last lines."""
        writer = ReleaseWriter(run)
        if run.storage.history(self.release):
            run.progress(f"{self.release}: removed first, an earlier run was killed")
            writer.uninstall(self.release)
        deadline = Deadline.after(self.timeout)
        values = job_values(stored.config, self.command, self.timeout + _SPARE_SECONDS)
        values["podAnnotations"] = {**(values.get("podAnnotations") or {}), _STARTED: str(run.kube.server_now())}
        if self.access:
            policy = values["networkPolicy"]
            policy["access"] = sorted({*policy["access"], *self.access})
        if self.image:
            values["image"] = self.image
        spec = ReleaseSpec.parse({
            "name": self.release, "namespace": run.settings.namespace, "chart": self.chart, "values": values,
        })  # fmt: skip
        try:
            writer.apply(spec, {}, deadline)
            failures = Verifier(run, repair_sidecars=False).verify([self.release], {}, deadline).failures
            output += last_lines(run.kube, run.settings.namespace, self.release, _LINES)
        finally:
            writer.uninstall(self.release)
        return next(iter(failures.values()), None)


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
