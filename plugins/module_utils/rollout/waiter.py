# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits for rollouts in parallel, and fails early with evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..failure import Code, Failure
from ..kube.api import KubeObserver, Object
from ..kube.deadline import Deadline
from ..kube.errors import Unreachable
from ..kube.resources import EVENT, NODE, POD, REPLICA_SET, Resource
from ..kube.watch import Watcher
from ..readiness.expressions import Expressions
from ..readiness.fields import condition, controller_uid, is_true, name, spec, terminating, timestamp, uid
from ..readiness.graces import WAITS
from ..readiness.judge import Clock, Judge, Judgement
from ..readiness.pods import Role, containers, created
from ..readiness.rule import NO_STATUS, NOT_JUDGED
from ..readiness.status import State
from ..readiness.symptoms import KILLED_AT_START, Symptom
from ..readiness.tree import Tree, tree_of
from .diagnosis import Diagnosis
from .job_ends import JobEnds
from .last_words import LastWords
from .owners import Owners
from .probe_check import ProbeCheck
from .progress import ProgressReporter
from .targets import Target, feeds_for, resources_for, targets_of_manifest
from .verdict import DEFAULT_GRACES, PodTimes, Verdict, WaitOptions, WorkloadVerdict

# Changes come in bursts: look at most once per _BURST_SECONDS, and spend at most a third of the time on it (with many
# workloads a look takes long), but pause no longer than _LONGEST_REST_SECONDS.
_BURST_SECONDS = 0.05
_REST_PER_LOOK = 2
_LONGEST_REST_SECONDS = 0.5
# Minimum time of a wait, even if earlier steps have used up the deadline.
LOOK_SECONDS = 10.0
# Maximum age of the API server's data for a verdict.
_FRESH_SECONDS = 5.0


class RolloutWaiter:
    """Waits for targets. ``progress`` gets a line whenever something changes, and a reminder every 30 s.

    Raises errors that make a verdict impossible: ``unauthorized``, ``forbidden``, ``unreachable``.
    """

    def __init__(self, kube: KubeObserver, options: WaitOptions, progress: Callable[[str], None]) -> None:
        self._kube = kube
        self._options = options
        self._progress = progress

    def wait(self, targets: Sequence[Target], deadline: Deadline | None = None) -> Verdict:
        """Until all are Current, one failed (``fail_fast``) or the deadline (default: ``options.timeout``) is over."""
        began = time.monotonic()
        once = deadline is None and self._options.timeout == 0
        until = deadline or Deadline.after(self._kube.patience if once else self._options.timeout)
        # Earlier steps may have used up the deadline: the targets are judged nevertheless.
        until = max(until, Deadline.after(LOOK_SECONDS), key=lambda one: one.at) if deadline else until
        asked = list(dict.fromkeys(targets))
        resources = resources_for(self._kube, [one for one in asked if not self._is_silent(one, None)], until)
        wanted = [one for one in asked if not self._is_silent(one, resources.get((one.api_version, one.kind)))]
        silent = tuple(
            WorkloadVerdict(one, NOT_JUDGED.state, NOT_JUDGED.message, judged=False)
            for one in asked
            if one not in wanted
        )
        if not wanted:
            return Verdict(State.CURRENT, silent, api=self._kube.counts.as_result())
        with Watcher(self._kube, feeds_for(wanted, resources), until, follow=not once) as watcher:
            wait = _Wait(self._kube, self._options, self._progress, watcher, resources, wanted, until, began)
            found = wait.run()
        return replace(found, workloads=(*found.workloads, *silent))

    def _is_silent(self, target: Target, resource: Resource | None) -> bool:
        """Whether a target's kind says nothing, as far as that is known: it is not looked at."""
        reports = resource is None or resource.has_status
        if not target.custom or target.ready_when:
            return False
        return self._options.rules.is_silent(target.group, target.kind, reports=reports)


class _Wait:
    """One wait: judge the targets whenever the store changed, until there is a verdict."""

    def __init__(
        self,
        kube: KubeObserver,
        options: WaitOptions,
        progress: Callable[[str], None],
        watcher: Watcher,
        resources: dict[tuple[str, str], Resource],
        targets: Sequence[Target],
        deadline: Deadline,
        began: float,
    ) -> None:
        self._kube, self._options, self._watcher = kube, options, watcher
        self._resources, self._deadline, self._began = resources, deadline, began
        self._reporter = ProgressReporter(progress, deadline.at - began)
        self._judges = {
            target: Judge(
                options.patience(target.release).graces,
                options.patience(target.release).stability_seconds or 0.0,
                Expressions(target.ready_when, target.failed_when) if target.ready_when else None,
                options.rules,
                resources[target.api_version, target.kind].has_status,
                bool(target.release) and target.kind == "HorizontalPodAutoscaler" and not target.custom,
                target.passing,
            )
            for target in targets
        }
        self._probe_check = ProbeCheck(kube)
        self._last_words = LastWords(kube)
        self._job_ends = JobEnds(kube, options.log_lines)
        self._owners = Owners(kube, deadline)
        self._trees: dict[Target, Tree | None] = {}
        self._failed: dict[Target, Judgement] = {}
        self._warnings: dict[str, None] = {}

    def run(self) -> Verdict:
        judgements: dict[Target, Judgement] = {}
        pause, unsure = self._deadline.remaining, False
        while True:
            self._watcher.update(
                min(pause, self._deadline.remaining, self._reporter.seconds_to_reminder(self._elapsed))
            )
            began = time.monotonic()
            if self._watcher.complete:
                judgements = self._look()
                unsure = (
                    self._watcher.follow and self._is_news(judgements) and not self._watcher.confirmed(_FRESH_SECONDS)
                )
                if not unsure:
                    self._failed |= {target: one for target, one in judgements.items() if one.terminal}
                    self._reporter.look(judgements, self._elapsed)
                    if self._is_over(judgements):
                        return self._verdict(judgements, timed_out=not self._watcher.follow)
                open_ones = [one for target, one in judgements.items() if target not in self._failed]
                pause = min([self._check_probes(judgements), *(one.next_look for one in open_ones)]) + _BURST_SECONDS
            if self._watcher.fault:
                self._reporter.api_fault(self._watcher.fault, self._elapsed)
                pause = min(pause, 1.0)
            if self._deadline.expired:
                stale = self._watcher.fault_seconds > self._options.stale_seconds
                if self._watcher.fault and (stale or unsure or not judgements):
                    raise self._unreachable(judgements)
                return self._verdict(judgements, timed_out=True)
            rest = min(_REST_PER_LOOK * (time.monotonic() - began), _LONGEST_REST_SECONDS)
            time.sleep(min(max(rest, _BURST_SECONDS), self._deadline.remaining))

    def _is_news(self, judgements: dict[Target, Judgement]) -> bool:
        """Whether the store's present state leads to a verdict: a failure, or that all targets are Current."""
        current = all(one.status.done for one in judgements.values())
        return current or any(one.terminal for target, one in judgements.items() if target not in self._failed)

    def _is_over(self, judgements: dict[Target, Judgement]) -> bool:
        unfinished = [one for target, one in judgements.items() if target not in self._failed and not one.status.done]
        return not self._watcher.follow or not unfinished or (bool(self._failed) and self._options.fail_fast)

    def _unreachable(self, judgements: dict[Target, Judgement]) -> Unreachable:
        seen = [f"{target.label} {one.status.message}" for target, one in judgements.items()]
        last = f" Last known state: {'; '.join(seen[:3])}{' and more' if len(seen) > 3 else ''}." if seen else ""
        return Unreachable(
            f"The API server {self._kube.server} has given no usable response for {self._watcher.fault_seconds:.0f} s: "
            f"{self._watcher.fault}.{last}",
            cause=self._watcher.fault,
        )

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _look(self) -> dict[Target, Judgement]:
        """Judge every target by the store's present state; a failed target stays failed."""
        clock = Clock(time.monotonic(), self._kube.server_now())
        owned: dict[str, list[Object]] = {}
        for obj in [*self._watcher.objects(POD), *self._watcher.objects(REPLICA_SET)]:
            owned.setdefault(controller_uid(obj), []).append(obj)
        events: dict[str, list[Mapping[str, Any]]] = {}
        for event in [*self._watcher.objects(EVENT), *self._probe_check.events]:
            events.setdefault(str((event.get("involvedObject") or {}).get("uid")), []).append(event)
        for root, pods in self._pods_of_custom().items():
            owned[root] = pods
        idle = frozenset(name(node) for node in self._watcher.objects(NODE) if _is_idle(node))
        found: dict[Target, Judgement] = {}
        for target, judge in self._judges.items():
            if target in self._failed:
                found[target] = self._failed[target]
                continue
            tree = self._trees[target] = self._tree(target, owned)
            self._job_ends.note(target, tree)
            related = [event for obj in (tree.objects if tree else ()) for event in events.get(uid(obj), ())]
            if target.passing and tree is None:
                related = self._events_of_job(target)
            judgement = judge.look(tree, clock, idle, related)
            if self._watcher.follow and self._hear_last_words(target, judge, judgement, clock):
                judgement = judge.look(tree, clock, idle, related)
            found[target] = judgement
        busy = any(not one.status.done and one.status != NO_STATUS for one in found.values())
        for target, judgement in found.items():
            if busy:  # what starts may be the controller that is to write a status
                self._judges[target].busy = clock.server
            if judgement.status.judged or not busy:
                self._warnings |= dict.fromkeys(f"{target.label}: {text}" for text in judgement.warnings)
        return found

    def _events_of_job(self, target: Target) -> list[Mapping[str, Any]]:
        """Events about a Job by its name: it is gone."""
        found: list[Mapping[str, Any]] = []
        for event in self._watcher.objects(EVENT, target.namespace):
            about = event.get("involvedObject") or {}
            if (about.get("kind"), about.get("name")) == ("Job", target.name):
                found.append(event)
        return found

    def _pods_of_custom(self) -> dict[str, list[Object]]:
        """Pods by the uid of the custom resource that owns them, directly or not."""
        custom = {uid(obj): obj for target in self._judges if target.custom and (obj := self._find(target)) is not None}
        if not custom:
            return {}
        known = {uid(obj): obj for obj in self._watcher.objects(REPLICA_SET)}
        return self._owners.pods_of(set(custom), self._watcher.objects(POD), known)

    def _hear_last_words(self, target: Target, judge: Judge, judgement: Judgement, clock: Clock) -> bool:
        """Reads the last lines of containers that ended; returns whether that changes the judgement."""
        over = {symptom.key for symptom in judgement.terminal if symptom.grace == WAITS}
        waiting = [symptom for symptom, _lasted in judgement.waiting if symptom.grace == WAITS]
        ended = [one for one in (*judgement.terminal, *waiting) if one.may_wait and one.key not in over]
        news = [
            judge.set_waits(symptom, self._last_words.name_a_dependency(target.namespace, symptom), clock)
            for symptom in ended
        ]
        return any(news)

    def _check_probes(self, judgements: dict[Target, Judgement]) -> float:
        """Check containers whose probes the kubelet no longer reports; returns the seconds until the next check."""
        events = self._watcher.objects(EVENT)
        pauses = [float("inf")]
        for target, judgement in judgements.items():
            tree, waiting = self._trees.get(target), [entry[0] for entry in judgement.waiting]
            if tree is not None and target not in self._failed and self._watcher.follow:
                pauses.append(self._probe_check.check(tree, waiting, events))
        return min(pauses)

    def _find(self, target: Target) -> Object | None:
        resource = self._resources[target.api_version, target.kind]
        return self._watcher.find(resource, target.namespace if resource.namespaced else "", target.name)

    def _tree(self, target: Target, owned: dict[str, list[Object]]) -> Tree | None:
        namespace, obj = target.namespace, self._find(target)
        if obj is None:
            return None
        if target.kind == "PersistentVolumeClaim":
            users = tuple(pod for pod in self._watcher.objects(POD, namespace) if _uses_claim(pod, target.name))
            return Tree(obj, old_pods=users)
        own = owned.get(uid(obj), [])
        return tree_of(obj, [*own, *(pod for child in own for pod in owned.get(uid(child), []))])

    def _verdict(self, judgements: dict[Target, Judgement], *, timed_out: bool) -> Verdict:
        denied = [f"{error.failure.message}" for error in self._watcher.denied.values()]
        since = self._kube.server_now() - self._elapsed
        diagnosis = Diagnosis(
            self._kube, self._options.log_lines, since, store=self._options.log_store, logs=self._job_ends.logs
        )
        events = self._watcher.objects(EVENT)
        verdicts: list[WorkloadVerdict] = []
        for target in self._judges:
            judgement = judgements.get(target)
            failure: Failure | None = None
            cause = self._cause(target, judgement, timed_out)
            if cause is not None:
                suffix = f" (after {self._elapsed:.0f} s)" if timed_out and target not in self._failed else ""
                tree = self._job_ends.last(target, self._trees.get(target))
                failure = diagnosis.failure(target, tree, cause, events, denied, suffix)
            state = State.FAILED if target in self._failed else judgement.status.state if judgement else State.NOT_FOUND
            message = failure.message if failure else judgement.status.message if judgement else "not read yet"
            judged = judgement is None or judgement.status.judged
            verdicts.append(WorkloadVerdict(target, state, message, failure, judged))
        failures = tuple(verdict.failure for verdict in verdicts if verdict.failure)
        return Verdict(
            State.FAILED if failures else State.CURRENT,
            tuple(verdicts),
            failures,
            tuple(self._warnings),
            self._kube.counts.as_result(),
            self._elapsed,
            tuple(_times(target.release, pod) for target, tree in self._trees.items() if tree for pod in tree.new_pods),
        )

    def _cause(self, target: Target, judgement: Judgement | None, timed_out: bool) -> Symptom | None:
        """The cause of a target's failure; at the timeout, what it still waits for."""
        cause = self._vague_cause(target, judgement, timed_out)
        # That it did not start the next time either is known now.
        return replace(cause, code=Code.PROBE_KILLED) if cause and cause.reason == KILLED_AT_START else cause

    def _vague_cause(self, target: Target, judgement: Judgement | None, timed_out: bool) -> Symptom | None:
        if judgement is not None and judgement.terminal:
            return _clearest(judgement)
        if not timed_out or (judgement is not None and judgement.status.done):
            return None
        if judgement is not None and (cause := blamed(judgement.waiting)):
            return cause
        missing = judgement.status.message if judgement is not None else "the API server has not returned it yet"
        trouble = f"; the API server does not answer: {self._watcher.fault}" if self._watcher.fault else ""
        return Symptom(Code.TIMEOUT, "", "Timeout", f"{missing}{trouble}")


def blamed(waiting: Sequence[tuple[Symptom, float]]) -> Symptom | None:
    """What says most of the symptoms within their grace periods: a dependency that is down, then a specific one, not
    "not ready", then the longest.
    """
    vague = (Code.NOT_READY, Code.PROBE_FAILING)
    return min(
        waiting,
        key=lambda pair: (pair[0].code is not Code.DEPENDENCY_DOWN, pair[0].code in vague, -pair[1]),
        default=(None, 0.0),
    )[0]


def _clearest(judgement: Judgement) -> Symptom:
    """The most specific symptom: an exceeded deadline says less than what a pod still waits for."""
    specific = [symptom for symptom in judgement.terminal if symptom.code is not Code.PROGRESS_DEADLINE]
    waiting = sorted(judgement.waiting, key=lambda pair: -pair[1])
    return (specific or [symptom for symptom, lasted in waiting if symptom.pod] or list(judgement.terminal))[0]


def _is_idle(node: Object) -> bool:
    return bool(spec(node).get("unschedulable")) or not is_true(node, "Ready") or terminating(node)


def _times(release: str, pod: Mapping[str, Any]) -> PodTimes:
    ready = timestamp(condition(pod, "Ready").get("lastTransitionTime")) if is_true(pod, "Ready") else None
    started = [
        (view.name, timestamp(view.running.get("startedAt")))
        for view in containers(pod)
        if view.role is Role.SIDECAR and view.running
    ]
    sidecars = tuple((each, at) for each, at in started if at)
    return PodTimes(release, name(pod), created(pod), ready or 0.0, sidecars)


def _uses_claim(pod: Object, claim: str) -> bool:
    volumes = spec(pod).get("volumes") or []
    return any((volume.get("persistentVolumeClaim") or {}).get("claimName") == claim for volume in volumes)


__all__ = [
    "DEFAULT_GRACES", "RolloutWaiter", "Target", "Verdict", "WaitOptions", "WorkloadVerdict", "targets_of_manifest",
]  # fmt: skip
