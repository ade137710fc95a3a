# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judges workloads and generic objects over time: Current, in progress, or failed for good.

No I/O and no clock: the caller passes the time, of its monotonic clock and of the server's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..failure import Code
from .evidence import event_time, refined
from .expressions import Expressions
from .fields import Object, condition, metadata, number, spec, status, uid
from .graces import WAITS, grace_of
from .kinds import autoscaler_trouble, status_of
from .pods import containers, is_ready, seconds_to_settle
from .rule import NOT_JUDGED
from .rules import DEFAULT_RULES, Rules
from .starting import restart_announced, with_failing_probes
from .status import State, Status
from .symptoms import Symptom
from .tree import Tree, symptoms_of
from .unreported import seconds_to_trust, unreported
from .workloads import replicas

# A controller's own counts: while they change, it is not stuck.
_PROGRESS = ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas", "currentNumberScheduled",
             "updatedNumberScheduled", "numberAvailable", "succeeded", "failed", "active")  # fmt: skip

# Events of the Job controller about the end of a Job.
_COMPLETED = "Completed"
_JOB_ENDS = frozenset({_COMPLETED, "BackoffLimitExceeded", "DeadlineExceeded", "PodFailurePolicy", "FailedIndexes",
                       "MaxFailedIndexesExceeded"})  # fmt: skip
# A failure that is older belongs to an earlier run of a Job of this name.
_RECENT_SECONDS = 120.0

# Until a controller that could not create a pod tries again once there is room; schedulers do so within seconds.
_BACK_OFF_SECONDS = 60.0

# Symptoms that every pod shows for a while when it starts.
_STARTING = (Code.NOT_READY, Code.SIDECAR_NOT_READY, Code.PROBE_FAILING)


@dataclass(frozen=True)
class Clock:
    """The time of one look: monotonic seconds here, seconds since the epoch on the server."""

    here: float
    server: float


@dataclass(frozen=True)
class Judgement:
    """Result of one look. ``terminal``: symptoms past their grace period; ``waiting``: the others, and for how long."""

    status: Status
    terminal: tuple[Symptom, ...] = ()
    waiting: tuple[tuple[Symptom, float], ...] = ()
    warnings: tuple[str, ...] = ()
    next_look: float = float("inf")


@dataclass
class Judge:
    """Judges one target over time: remembers when each symptom was first seen, and the initial number of replicas.

    ``rules`` and ``reports`` are those of :func:`kinds.status_of`; an ``advisory`` target is only commented on, and a
    ``passing`` one is a Job that is removed after its end. ``busy``: see :func:`unreported.unreported`.
    """

    graces: Mapping[str, float]
    stability: float = 0.0
    expressions: Expressions | None = None
    rules: Rules = DEFAULT_RULES
    reports: bool = True
    advisory: bool = False
    passing: bool = False
    busy: float = 0.0
    _first_seen: dict[tuple[str, str, Code], tuple[float, str]] = field(default_factory=dict)
    _settling: dict[tuple[str, str, tuple[int, ...]], float] = field(default_factory=dict)
    _uid: str = ""
    _wanted: int | None = None
    _progress: tuple[int, ...] = ()
    _missing_since: float | None = None
    _excused: set[tuple[str, str]] = field(default_factory=set)
    _waits: dict[tuple[str, str], float] = field(default_factory=dict)  # (pod, container): since when, on the server

    def set_waits(self, symptom: Symptom, waits: bool, clock: Clock) -> bool:
        """Says of a container that ended whether it waits for a dependency; returns whether that is news."""
        key = (symptom.pod_uid, symptom.container)
        if (symptom.grace == WAITS) is waits:
            return False
        self._first_seen.pop(symptom.key, None)
        if waits:
            self._waits.setdefault(key, clock.server)
        else:
            self._waits.pop(key, None)
        return True

    def _counted_anew(self, symptom: Symptom) -> Symptom:
        """A lack of room that was excused so far, as old pods were going, counts from now on."""
        key = (symptom.pod_uid, symptom.reason)
        if symptom.code in (Code.UNSCHEDULABLE, Code.QUOTA_EXCEEDED) and key in self._excused:
            patience = symptom.patience if symptom.pod else _BACK_OFF_SECONDS
            return replace(symptom, since=None, patience=patience)
        if symptom.code is Code.NOT_READY:
            self._excused.add(key)
        return symptom

    def _with_patience(self, symptom: Symptom) -> Symptom:
        since = self._waits.get((symptom.pod_uid, symptom.container))
        if since is None or not symptom.may_wait:
            return symptom
        return replace(symptom, grace=WAITS, since=since)

    def look(
        self,
        tree: Tree | None,
        clock: Clock,
        idle_nodes: frozenset[str] = frozenset(),
        events: Sequence[Object] = (),
    ) -> Judgement:
        """Judge the present state; None: the object does not exist. ``events`` make vague symptoms precise, and tell
        how a Job ended that is gone.
        """
        if tree is None:
            gone = self._gone(events, clock) if self.passing else None
            return gone or self._absent(clock)
        warnings = self._track_identity(tree.workload)
        if self.expressions is not None:
            found = self.expressions.status_of(tree.workload)
            failed = (_failed(tree, found),) if found.state is State.FAILED else ()
            return Judgement(found, failed, warnings=warnings)
        pods = (*tree.pods, *tree.going)
        found = status_of(
            tree.workload, pods, wanted=self._wanted, idle_nodes=idle_nodes, rules=self.rules, reports=self.reports
        )
        if self.advisory:
            return _advice(found, warnings)
        found, until_unreported = unreported(
            tree.workload, found, clock.server, grace_of("no_status", self.graces), self.busy
        )
        if not found.judged and found is not NOT_JUDGED:
            warnings = (*warnings, found.message)
        symptoms = [refined(symptom, events, uid(tree.newest or tree.workload)) for symptom in symptoms_of(tree)]
        symptoms = with_failing_probes(tree, symptoms, events, clock.server)
        symptoms = [self._with_patience(self._counted_anew(symptom)) for symptom in symptoms]
        if found.state is State.FAILED and found.grace:
            symptoms.append(_failed(tree, found))
        self._drop_resolved(symptoms, tree.workload)
        terminal, waiting, soonest = self._graces(symptoms, clock)
        terminal = self._without_surplus(tree, terminal)
        if found.done:
            if self._missing_ready_pods(tree) > 0:
                # The owner's status arrived before its pods did: pods that are not visible yet cannot be judged.
                ahead = Status(State.IN_PROGRESS, f"{found.message}, its pods are not visible yet")
                return Judgement(ahead, (), tuple(waiting), warnings, 1.0)
            if any(restart_announced(pod, events) for pod in tree.new_pods):
                ending = Status(State.IN_PROGRESS, f"{found.message}, a container is about to be restarted")
                return Judgement(ending, (), tuple(waiting), warnings, 1.0)
            # Also of pods that are not ready: a custom resource's status may lag behind them.
            unsettled = max((self._seconds_to_settle(pod, clock) for pod in tree.new_pods), default=0.0)
            if not tree.kind and found.judged:
                unsettled = max(unsettled, seconds_to_trust(tree.workload, clock.server, self.stability))
            if tree.kind != "Job" and unsettled > 0:
                checking = Status(State.IN_PROGRESS, f"{found.message}, checking that it stays so")
                return Judgement(checking, (), tuple(waiting), warnings, unsettled)
            # The replicas wanted when the wait began are ready: problems of pods added later are only warnings.
            lasting = (one for one in symptoms if one.code not in _STARTING and one.grace)
            extra = tuple(
                f"{symptom.pod or 'a pod'}: {symptom.reason} {symptom.message}".strip() for symptom in lasting
            )
            halted = (found.message,) if found.state is State.SUSPENDED else ()
            return Judgement(found, warnings=warnings + extra + halted)
        if found.state is State.FAILED and not terminal and not found.grace:
            return Judgement(found, (_failed(tree, found),), (), warnings)
        if terminal:
            return Judgement(Status(State.FAILED, found.message), tuple(terminal), tuple(waiting), warnings)
        return Judgement(found, (), tuple(waiting), warnings, min(soonest, until_unreported))

    def _gone(self, events: Sequence[Object], clock: Clock) -> Judgement | None:
        """A Job that its TTL removed: how it ended is in the events; None while it may still be told."""
        ends = [event for event in events if event.get("reason") in _JOB_ENDS]
        last = max(ends, key=event_time, default=None)
        if last is not None and last.get("reason") == _COMPLETED:
            return Judgement(Status(State.CURRENT, "complete, and removed as its ttlSecondsAfterFinished asks"))
        self._missing_since = clock.here if self._missing_since is None else self._missing_since
        if grace_of("not_found", self.graces) > clock.here - self._missing_since:
            return None
        if last is not None and clock.server - event_time(last) < _RECENT_SECONDS:
            failed = Status(State.FAILED, f"{last['reason']}: {' '.join(str(last.get('message') or '').split())}")
            return Judgement(failed, (Symptom(Code.JOB_FAILED, "", str(last["reason"]), failed.message),))
        text = "removed as its ttlSecondsAfterFinished asks; how it ended is not known any more"
        return Judgement(Status(State.CURRENT, text, judged=False), warnings=(text,))

    def _absent(self, clock: Clock) -> Judgement:
        """It does not exist: it may be created, or created again, within the grace period."""
        if self._missing_since is None:
            self._missing_since = clock.here
        left = grace_of("not_found", self.graces) - (clock.here - self._missing_since)
        if self._uid:
            lost = Symptom(Code.DELETED, "not_found", "Deleted", "it was deleted during the wait")
        else:
            lost = Symptom(Code.NOT_FOUND, "not_found", "NotFound", "it does not exist")
        if left > 0:
            return Judgement(Status(State.NOT_FOUND, "not found"), (), ((lost, left),), (), left)
        return Judgement(Status(State.NOT_FOUND, "not found"), (lost,))

    def _track_identity(self, workload: Object) -> tuple[str, ...]:
        """Track the object's identity; one that was deleted and created again starts anew."""
        self._missing_since = None
        if self._uid == uid(workload):
            return ()
        again = bool(self._uid)
        self._uid, self._first_seen, self._progress = uid(workload), {}, ()
        self._wanted = replicas(workload) if "replicas" in spec(workload) else None
        kind, name = workload.get("kind"), metadata(workload).get("name")
        return (f"{kind} {name} was deleted and created again during the wait",) if again else ()

    def _drop_resolved(self, symptoms: list[Symptom], workload: Object) -> None:
        """Drop symptoms that are over; while a controller's counts change, its own symptoms start anew."""
        progress = tuple(number(status(workload), key) for key in _PROGRESS)
        moved = progress != self._progress
        self._progress = progress
        present = {symptom.key for symptom in symptoms if symptom.pod or not moved}
        self._first_seen = {key: seen for key, seen in self._first_seen.items() if key in present}

    def _graces(
        self, symptoms: list[Symptom], clock: Clock
    ) -> tuple[list[Symptom], list[tuple[Symptom, float]], float]:
        """Split symptoms into terminal ones and others, and the seconds until the next grace period ends."""
        terminal: list[Symptom] = []
        waiting: list[tuple[Symptom, float]] = []
        for symptom in symptoms:
            since, grace = self._first_seen.get(symptom.key, (clock.here, symptom.grace))
            # Kubelets alternate between the registry's response and a bare "back-off": the shorter grace period stays.
            grace = min(grace, symptom.grace, key=lambda kind: grace_of(kind, self.graces))
            self._first_seen[symptom.key] = (since, grace)
            lasted = max(clock.here - since, clock.server - symptom.since if symptom.since is not None else 0.0)
            left = grace_of(grace, self.graces) + symptom.patience - lasted
            if left <= 0:
                terminal.append(symptom)
            else:
                waiting.append((symptom, lasted))
        soonest = min((self._left(symptom, lasted) for symptom, lasted in waiting), default=float("inf"))
        return terminal, waiting, soonest

    def _missing_ready_pods(self, tree: Tree) -> int:
        """How many ready pods the owner's status counts that are not visible yet."""
        if tree.kind == "DaemonSet":
            counted, pods = number(status(tree.workload), "numberAvailable"), tree.pods
        elif tree.kind in ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"):
            need = replicas(tree.workload)
            counted = need if self._wanted is None else min(need, self._wanted)
            pods = tree.new_pods if tree.kind == "Deployment" else tree.pods
        else:
            return 0
        return counted - sum(1 for pod in pods if is_ready(pod))

    def _seconds_to_settle(self, pod: Object, clock: Clock) -> float:
        """Seconds until a pod counts as stable, ready or not; by our clock if a node's is ahead of the server's."""
        runs = tuple(view.restarts for view in containers(pod))
        key = (uid(pod), str(condition(pod, "Ready").get("lastTransitionTime")), runs)
        unsettled = seconds_to_settle(pod, clock.server, self.stability)
        if key not in self._settling:
            self._settling[key] = clock.here + unsettled
        return max(0.0, min(unsettled, self._settling[key] - clock.here))

    def _without_surplus(self, tree: Tree, terminal: list[Symptom]) -> list[Symptom]:
        """Pods that an autoscaler added meanwhile fail nothing as long as enough others are healthy."""
        if self._wanted is None or replicas(tree.workload) <= self._wanted:
            return terminal
        failing = {symptom.pod_uid for symptom in terminal if symptom.pod}
        healthy = sum(1 for pod in tree.new_pods if uid(pod) not in failing)
        return [] if healthy >= self._wanted else terminal

    def _left(self, symptom: Symptom, lasted: float) -> float:
        return grace_of(self._first_seen[symptom.key][1], self.graces) + symptom.patience - lasted


def _failed(tree: Tree, found: Status) -> Symptom:
    code = {"Job": Code.JOB_FAILED, "Pod": Code.POD_FAILED}.get(tree.kind, Code.RESOURCE_FAILED)
    return Symptom(code, found.grace, str(found.message).partition(":")[0], found.message)


def _advice(found: Status, warnings: tuple[str, ...]) -> Judgement:
    """What an autoscaler says holds no rollout up: metrics may come a minute after the pods, or never."""
    trouble = autoscaler_trouble(found)
    return Judgement(Status(State.CURRENT, found.message), warnings=(*warnings, trouble) if trouble else warnings)
