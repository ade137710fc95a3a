# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Puts the services of an environment to sleep, without a pod, and wakes them, as one verified set.

A service that sleeps is deployed from what was verified last, with other values: no replicas and no autoscaler, or a
suspended CronJob. What they were is an annotation of its pods, so it is in the set, and waking brings exactly the
values from before. A service that was deployed meanwhile has no such annotation: it is awake.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..deploy.boundary import Contents
from ..deploy.request import spec_of
from ..deploy.restore_check import RestoreCheck, Target
from ..deploy.run import Run
from ..environments.guard import Claims, guard
from ..failure import Code, error
from ..labels import ASLEEP
from ..parsing import read_json
from ..planning.spec import ReleaseSpec
from ..records.record import Member, Record
from ..settings import OnFailure
from .apply import Engine

_CHART = "service"
_SCALED = ("Deployment", "StatefulSet")
_CHANGED = ("replicas", "autoscaling", "cronJob")
_ANNOTATIONS = "podAnnotations"

Values = Mapping[str, Any]


@dataclass
class Slept:
    """What was done, as it becomes a module's result. ``left``: a line for each release that goes on as it is."""

    services: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    set: int = 0
    changed: bool = False
    warnings: list[str] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"changed": self.changed, "services": self.services, "left": self.left, "set": self.set}


class Sleep:
    """One change of an environment. Raises invalid_input, no_verified_set, foreign_object, or a verdict's."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._settings = run.settings
        self._done = Slept()

    def sleep(self) -> Slept:
        """What others call comes first at the deployment, and ends last here."""
        return self._change(asleep, backwards=True)

    def wake(self) -> Slept:
        """In the order of the deployment."""
        return self._change(awake, backwards=False)

    def _change(self, change: Callable[[Values], Values], backwards: bool) -> Slept:
        settings = self._settings
        guard(self._run.kube, Claims(settings.environment, settings.namespace, settings.cluster_id))
        record = next(iter(self._run.records.readable()), None)
        if record is None:
            raise error(
                Code.NO_VERIFIED_SET, f"{settings.environment} has no verified set: deploy it first (site.yml)."
            )
        wanted = self._wanted(record, change)
        self._done.set, self._done.services = record.id, sorted(wanted)
        self._done.changed = bool(wanted)
        if wanted and not settings.check:
            self._deploy(record, wanted, backwards)
        return self._done

    def _wanted(self, record: Record, change: Callable[[Values], Values]) -> dict[str, Values]:
        """Services whose values are others, with these."""
        wanted: dict[str, Values] = {}
        for name, member in sorted(record.members.items()):
            if member.migration:
                continue
            history = self._run.storage.history(name)
            if not history or not member.is_at(history[-1]):
                raise error(
                    Code.NO_VERIFIED_SET,
                    f"{name}: what is deployed was not verified, so it is not known what is to come back: run site.yml "
                    "or rollback.yml first.",
                    service=name,
                )
            why = _stays(self._run.storage.read(name, history[-1].revision).chart_name, member.values)
            if why:
                self._done.left.append(f"{name} {why}")
                continue
            values = change(member.values)
            if values != member.values:
                wanted[name] = values
        return wanted

    def _deploy(self, record: Record, wanted: Mapping[str, Values], backwards: bool) -> None:
        with tempfile.TemporaryDirectory(prefix="todo-cloud-chart-") as folder:
            specs = [self._spec(record.members[name], record, values, folder) for name, values in wanted.items()]
            numbers = sorted({spec.wave for spec in specs}, reverse=backwards)
            waves: Sequence[Sequence[ReleaseSpec]] = [[s for s in specs if s.wave == number] for number in numbers]
            settings = replace(
                self._settings, on_failure=OnFailure.SET, all_releases=tuple(record.members), prune=False
            )
            report = Engine(self._run.with_settings(settings), waves).apply()
        self._done.set, self._done.changed = report.set, report.changed
        self._done.warnings += report.warnings

    def _spec(self, member: Member, record: Record, values: Values, folder: str) -> ReleaseSpec:
        """What is deployed anew from a record is held to the same as a rollback to it."""
        spec = spec_of(member, record, self._settings.namespace, Path(folder)).with_values(values)
        if not record.signed:
            history = self._run.storage.history(member.name)
            target = Target(member, record)
            Contents(problems=tuple(RestoreCheck(self._run).anew(target, spec, history, {}))).check()
        return spec


def asleep(values: Values) -> Values:
    """The values of a service without pods. Those of one that sleeps stay."""
    if _before(values) is not None:
        return values
    before = {key: values[key] for key in _CHANGED if key in values}
    autoscaling = dict(values.get("autoscaling") or {})
    found = {**values, _ANNOTATIONS: {**(values.get(_ANNOTATIONS) or {}), ASLEEP: json.dumps(before, sort_keys=True)}}
    if values.get("kind") == "CronJob":
        return {**found, "cronJob": {**(values.get("cronJob") or {}), "suspend": True}}
    if autoscaling.get("enabled"):
        found["autoscaling"] = {**autoscaling, "enabled": False}
    return {**found, "replicas": 0}


def awake(values: Values) -> Values:
    """The values from before, of a service that sleeps; others stay."""
    before = _before(values)
    if before is None:
        return values
    notes = {key: value for key, value in values[_ANNOTATIONS].items() if key != ASLEEP}
    found = {key: value for key, value in values.items() if key not in (*_CHANGED, _ANNOTATIONS)}
    return {**found, **({_ANNOTATIONS: notes} if notes else {}), **before}


def _before(values: Values) -> Values | None:
    """What the annotation says; None: it does not sleep."""
    text = (values.get(_ANNOTATIONS) or {}).get(ASLEEP)
    if text is None:
        return None
    try:
        found = read_json(str(text))
    except ValueError:
        found = None
    if not isinstance(found, dict) or set(found) - set(_CHANGED):
        raise error(
            Code.INVALID_INPUT,
            f"The annotation {ASLEEP} does not say how many pods there were: deploy the inventory (site.yml).",
        )
    return found


def _stays(chart: str, values: Values) -> str:
    """Why a release goes on as it is; empty if it can sleep."""
    kind = str(values.get("kind", "Deployment"))
    if chart != _CHART or not isinstance(values.get("image"), str):
        return f"is of the chart {chart!r}, which has no number of pods that is known here"
    if (values.get("autoscaling") or {}).get("external"):
        return "is scaled by an autoscaler of its own"
    return "" if kind in (*_SCALED, "CronJob") else f"is a {kind}"
