# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From trees and generic objects, seen again and again, to a judgement: Current, still going, or doomed.

No I/O and no clock of its own: the caller says what time it is, on its monotonic clock and on the server's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..failure import Code
from .evidence import refined
from .expressions import Expressions
from .fields import Object, condition, metadata, number, status, uid
from .graces import grace_of
from .kinds import status_of
from .pods import containers, is_ready, unsettled
from .starting import restart_announced, without_excuse
from .status import State, Status
from .symptoms import Symptom
from .tree import Tree, symptoms_of
from .workloads import replicas

# A controller's own numbers: when they move, it is not stuck.
_PROGRESS = ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas", "currentNumberScheduled",
             "updatedNumberScheduled", "numberAvailable", "succeeded", "failed", "active")  # fmt: skip

# What every pod shows for a while when it starts.
_STARTING = (Code.NOT_READY, Code.SIDECAR_NOT_READY, Code.PROBE_FAILING)


@dataclass(frozen=True)
class Clock:
    """The time of one look: monotonic seconds here, seconds since the epoch on the server."""

    here: float
    server: float


@dataclass(frozen=True)
class Judgement:
    """What one look found. ``doom``: symptoms whose grace is over; ``waiting``: those within it, and for how long."""

    status: Status
    doom: tuple[Symptom, ...] = ()
    waiting: tuple[tuple[Symptom, float], ...] = ()
    warnings: tuple[str, ...] = ()
    next_look: float = float("inf")


@dataclass
class Judge:
    """Judges one target over time: remembers when each symptom was first seen and what was wanted at first."""

    graces: Mapping[str, float]
    stability: float = 0.0
    expressions: Expressions | None = None
    _first_seen: dict[tuple[str, str, Code], tuple[float, str]] = field(default_factory=dict)
    _settling: dict[tuple[str, str, tuple[int, ...]], float] = field(default_factory=dict)
    _uid: str = ""
    _wanted: int | None = None
    _progress: tuple[int, ...] = ()
    _missing_since: float | None = None

    def look(
        self,
        tree: Tree | None,
        clock: Clock,
        idle_nodes: frozenset[str] = frozenset(),
        events: Sequence[Object] = (),
    ) -> Judgement:
        """Judge what is there now; None: the object is not there. ``events`` make vague symptoms precise."""
        if tree is None:
            return self._absent(clock)
        warnings = self._recognise(tree.workload)
        if self.expressions is not None:
            found = self.expressions.status_of(tree.workload)
            doom = (_failed(tree, found),) if found.state is State.FAILED else ()
            return Judgement(found, doom, warnings=warnings)
        found = status_of(tree.workload, tree.pods, wanted=self._wanted, idle_nodes=idle_nodes)
        symptoms = [refined(symptom, events, uid(tree.newest or tree.workload)) for symptom in symptoms_of(tree)]
        symptoms = without_excuse(tree, symptoms, events, clock.server)
        self._forget(symptoms, tree.workload)
        doomed, waiting, soonest = self._graces(symptoms, clock)
        doomed = self._without_spare(tree, doomed)
        if found.state is State.CURRENT:
            if self._unseen(tree) > 0:
                # The owner's status came before its pods did: what is not seen can't be judged.
                ahead = Status(State.IN_PROGRESS, f"{found.message}, its pods are yet to be seen")
                return Judgement(ahead, (), tuple(waiting), warnings, 1.0)
            if any(restart_announced(pod, events) for pod in tree.new_pods):
                ending = Status(State.IN_PROGRESS, f"{found.message}, a container is about to be restarted")
                return Judgement(ending, (), tuple(waiting), warnings, 1.0)
            rest = max((self._rest(pod, clock) for pod in tree.new_pods), default=0.0)
            if tree.kind != "Job" and rest > 0:
                settling = Status(State.IN_PROGRESS, f"{found.message}, watching whether it stays so")
                return Judgement(settling, (), tuple(waiting), warnings, rest)
            # What was wanted when the wait began is there: pods that came later and do not fit are only a warning.
            lasting = (one for one in symptoms if one.code not in _STARTING)
            extra = tuple(
                f"{symptom.pod or 'a pod'}: {symptom.reason} {symptom.message}".strip() for symptom in lasting
            )
            return Judgement(found, warnings=warnings + extra)
        if found.state is State.FAILED and not doomed:
            return Judgement(found, (_failed(tree, found),), (), warnings)
        if doomed:
            return Judgement(Status(State.FAILED, found.message), tuple(doomed), tuple(waiting), warnings)
        return Judgement(found, (), tuple(waiting), warnings, soonest)

    def _absent(self, clock: Clock) -> Judgement:
        """Not there (yet, or any more): it may be made, or made again, within the grace."""
        if self._missing_since is None:
            self._missing_since = clock.here
        left = grace_of("not_found", self.graces) - (clock.here - self._missing_since)
        if self._uid:
            lost = Symptom(Code.DELETED, "not_found", "Deleted", "it was deleted while it was waited for")
        else:
            lost = Symptom(Code.NOT_FOUND, "not_found", "NotFound", "it does not exist")
        if left > 0:
            return Judgement(Status(State.NOT_FOUND, "is not there"), (), ((lost, left),), (), left)
        return Judgement(Status(State.NOT_FOUND, "is not there"), (lost,))

    def _recognise(self, workload: Object) -> tuple[str, ...]:
        """Note the object's identity; one that was deleted and made again starts anew."""
        self._missing_since = None
        if self._uid == uid(workload):
            return ()
        again = bool(self._uid)
        self._uid, self._first_seen, self._progress = uid(workload), {}, ()
        self._wanted = replicas(workload) if "replicas" in (workload.get("spec") or {}) else None
        kind, name = workload.get("kind"), metadata(workload).get("name")
        return (f"{kind} {name} was deleted and made again during the wait",) if again else ()

    def _forget(self, symptoms: list[Symptom], workload: Object) -> None:
        """Drop symptoms that are over; a controller whose numbers move starts its own symptoms' grace again."""
        progress = tuple(number(status(workload), key) for key in _PROGRESS)
        moved = progress != self._progress
        self._progress = progress
        present = {symptom.key for symptom in symptoms if symptom.pod or not moved}
        self._first_seen = {key: seen for key, seen in self._first_seen.items() if key in present}

    def _graces(
        self, symptoms: list[Symptom], clock: Clock
    ) -> tuple[list[Symptom], list[tuple[Symptom, float]], float]:
        """Sort into doomed and still within their grace, and say when the first of these is over."""
        doomed: list[Symptom] = []
        waiting: list[tuple[Symptom, float]] = []
        for symptom in symptoms:
            since, grace = self._first_seen.get(symptom.key, (clock.here, symptom.grace))
            # Kubelets alternate between the registry's answer and a bare "back-off": the clearer sighting stays.
            grace = min(grace, symptom.grace, key=lambda kind: grace_of(kind, self.graces))
            self._first_seen[symptom.key] = (since, grace)
            lasted = max(clock.here - since, clock.server - symptom.since if symptom.since is not None else 0.0)
            left = grace_of(grace, self.graces) + symptom.patience - lasted
            if left <= 0:
                doomed.append(symptom)
            else:
                waiting.append((symptom, lasted))
        soonest = min((self._left(symptom, lasted) for symptom, lasted in waiting), default=float("inf"))
        return doomed, waiting, soonest

    def _unseen(self, tree: Tree) -> int:
        """How many ready pods the owner's status tells of that are not among the pods seen."""
        if tree.kind == "DaemonSet":
            told, pods = number(status(tree.workload), "numberAvailable"), tree.pods
        elif tree.kind in ("Deployment", "ReplicaSet", "StatefulSet"):
            need = replicas(tree.workload)
            told = need if self._wanted is None else min(need, self._wanted)
            pods = tree.new_pods if tree.kind == "Deployment" else tree.pods
        else:
            return 0
        return told - sum(1 for pod in pods if is_ready(pod))

    def _rest(self, pod: Object, clock: Clock) -> float:
        """Seconds until a pod's being ready counts: by the server's clock, or by ours if a node's clock runs ahead."""
        runs = tuple(view.restarts for view in containers(pod))
        key = (uid(pod), str(condition(pod, "Ready").get("lastTransitionTime")), runs)
        rest = unsettled(pod, clock.server, self.stability)
        if key not in self._settling:
            self._settling[key] = clock.here + rest
        return max(0.0, min(rest, self._settling[key] - clock.here))

    def _without_spare(self, tree: Tree, doomed: list[Symptom]) -> list[Symptom]:
        """Pods that an autoscaler added meanwhile doom nothing as long as enough others are well."""
        if self._wanted is None or replicas(tree.workload) <= self._wanted:
            return doomed
        sick = {symptom.pod_uid for symptom in doomed if symptom.pod}
        healthy = sum(1 for pod in tree.new_pods if uid(pod) not in sick)
        return [] if healthy >= self._wanted else doomed

    def _left(self, symptom: Symptom, lasted: float) -> float:
        return grace_of(self._first_seen[symptom.key][1], self.graces) + symptom.patience - lasted


def _failed(tree: Tree, found: Status) -> Symptom:
    code = {"Job": Code.JOB_FAILED, "Pod": Code.POD_FAILED}.get(tree.kind, Code.RESOURCE_FAILED)
    return Symptom(code, "", str(found.message).partition(":")[0], found.message)
