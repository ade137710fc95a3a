# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restarts the pods of one service, or changes how many there are, under the lock; verified as after a deployment.

A restart is an annotation that counts as no drift: the verified set stays as it is. Another number of pods is another
revision and another set, so it is no drift either, and the next plan says that the inventory wants another number.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..deploy.boundary import Contents
from ..deploy.command import deployed, image_of_own
from ..deploy.request import spec_of
from ..deploy.restore_check import RestoreCheck, Target
from ..deploy.run import LockedRun, Run, locked_run
from ..deploy.verification import Verifier
from ..environments.guard import Claims, guard
from ..failure import Code, Failure, TodoCloudError, error
from ..kube.api import MERGE
from ..kube.deadline import Deadline
from ..planning.snapshot import WORKLOADS, is_workload, targets_of
from ..planning.spec import ReleaseSpec
from ..records.record import Member, Record
from ..rollout.targets import Target as Workload
from ..settings import OnFailure
from .apply import Engine
from .run import named

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"  # as ``kubectl rollout restart`` writes it
_MOST = 100
_SCALED = ("Deployment", "StatefulSet")


@dataclass
class Adjusted:
    """What was done, as it becomes a module's result. ``replicas``: before and after; None for a restart."""

    service: str
    workloads: list[str] = field(default_factory=list)
    replicas: tuple[int, int] | None = None
    set: int = 0
    changed: bool = False
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        replicas = {"replicas": dict(zip(("before", "after"), self.replicas, strict=True))} if self.replicas else {}
        return {
            "changed": self.changed,
            "service": self.service,
            "workloads": self.workloads,
            "set": self.set,
            "notes": self.notes,
            **replicas,
        }


class Adjustment:
    """One restart, or one change of the number of pods. ``known``: releases of the inventory."""

    def __init__(self, run: Run, service: str, known: Sequence[str]) -> None:
        self._run = run
        self._settings = run.settings
        self._service = named(service, known)
        self._done = Adjusted(self._service)

    def restart(self) -> Adjusted:
        """Pods are replaced as in an update. Raises invalid_input, foreign_object, or a verdict's."""
        self._guard()
        stored = deployed(self._run, self._service)
        self._run.boundary().look_at([stored]).check()
        targets = [target for target in targets_of(stored) if is_workload(target)]
        if not targets:
            raise error(Code.INVALID_INPUT, f"{self._service} has no pods that stay: there is nothing to restart.")
        self._done.workloads = [target.label for target in targets]
        self._done.changed = True
        if not self._settings.check:
            with locked_run(self._run) as run:
                self._done.warnings += run.warnings
                self._restart(run, targets)
        return self._done

    def scale(self, replicas: int) -> Adjusted:
        """Deploys what was verified last, with this number of pods. Raises as restart() does."""
        self._guard()
        if not 0 <= replicas <= _MOST:
            raise error(Code.INVALID_INPUT, f"replicas is {replicas}, which is not a number from 0 to {_MOST}.")
        stored = deployed(self._run, self._service)
        image_of_own(stored)
        _check_scalable(self._service, stored.config)
        member, record = self._verified(stored.revision)
        before = int(member.values.get("replicas", 1))
        self._done.replicas, self._done.set = (before, replicas), record.id
        self._done.workloads = [target.label for target in member.targets if is_workload(target)]
        with tempfile.TemporaryDirectory(prefix="todo-cloud-chart-") as folder:
            spec = spec_of(member, record, self._settings.namespace, Path(folder))
            spec = spec.with_values({**member.values, "replicas": replicas})
            self._check_record(Target(member, record), spec)
            members = tuple(record.members)
            settings = replace(self._settings, on_failure=OnFailure.RELEASE, all_releases=members, prune=False)
            report = Engine(self._run.with_settings(settings), [[spec]]).apply()
        self._done.set, self._done.changed = report.set, report.changed
        self._done.warnings += report.warnings
        if replicas != before:
            self._done.notes.append(
                f"{self._service}: {replicas} pods until the next deployment of the inventory; to keep them, set "
                f"`scale: {replicas}` in its entry."
            )
        return self._done

    def _check_record(self, target: Target, spec: ReleaseSpec) -> None:
        """What is deployed anew from a record is held to the same as a rollback to it. Raises foreign_object."""
        if not target.record.signed:
            history = self._run.storage.history(self._service)
            Contents(problems=tuple(RestoreCheck(self._run).anew(target, spec, history, {}))).check()

    def _guard(self) -> None:
        settings = self._settings
        guard(self._run.kube, Claims(settings.environment, settings.namespace, settings.cluster_id))

    def _restart(self, run: LockedRun, targets: Sequence[Workload]) -> None:
        now = datetime.fromtimestamp(run.kube.server_now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}}
        for target in targets:
            run.progress(f"{self._service}: restarting the pods of {target.label}")
            resource = WORKLOADS[target.kind]
            run.kube.patch(resource, target.namespace, target.name, body, content_type=MERGE)
        newest = next(iter(self._run.records.readable()), None)
        member = newest.members.get(self._service) if newest else None
        self._done.set = newest.id if newest else 0
        apps = {self._service: member.app_id if member else ""}
        deadline = Deadline.after(self._settings.timeout)
        found = Verifier(run, repair_sidecars=True).verify([self._service], apps, deadline)
        self._done.warnings += found.warnings
        for failure in found.failures.values():
            message = f"After the restart: {failure.message}"
            raise TodoCloudError(Failure(failure.code, message, failure.details), self._done.as_result())

    def _verified(self, revision: int) -> tuple[Member, Record]:
        """The member that is deployed, so that nothing but the number of pods changes."""
        record = next(iter(self._run.records.readable()), None)
        member = record.members.get(self._service) if record else None
        history = self._run.storage.history(self._service)
        if record is None or member is None or not member.is_at(history[-1]):
            raise error(
                Code.NO_VERIFIED_SET,
                f"{self._service}: revision {revision} is deployed and was not verified, so it is not known what is "
                "to be scaled: run site.yml or rollback.yml first.",
                service=self._service,
            )
        return member, record


def _check_scalable(service: str, values: Mapping[str, Any]) -> None:
    kind = values.get("kind", "Deployment")
    if kind not in _SCALED:
        raise error(Code.INVALID_INPUT, f"{service} is a {kind}: there is no number of pods to change.")
    autoscaling = values.get("autoscaling") or {}
    if autoscaling.get("enabled") or autoscaling.get("external"):
        raise error(
            Code.INVALID_INPUT,
            f"{service} is scaled by an autoscaler, which would undo it: change `scale` in its entry, and deploy that.",
        )
