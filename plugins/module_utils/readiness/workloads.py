# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Status of workloads. Counts are the controller's own; messages say what is missing, as kubectl does.

Source of the rules: the controllers' status fields (k8s.io/api/apps/v1, batch/v1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .fields import Object, condition, is_false, is_true, labels, metadata, number, spec, status, terminating, timestamp
from .status import State, Status

CURRENT, IN_PROGRESS, FAILED = State.CURRENT, State.IN_PROGRESS, State.FAILED
PROGRESS_DEADLINE = "ProgressDeadlineExceeded"


@dataclass(frozen=True)
class Context:
    """Other inputs of a status.

    ``pods``: those that belong to the object (or use it). ``wanted``: replicas that were wanted when the rollout began;
    they count when fewer than ``spec.replicas``. ``idle_nodes``: cordoned or not ready.
    """

    pods: Sequence[Object] = ()
    wanted: int | None = None
    idle_nodes: frozenset[str] = frozenset()

    def need(self, obj: Object) -> int:
        """Replicas that the object is judged against."""
        return replicas(obj) if self.wanted is None else min(self.wanted, replicas(obj))


NOTHING = Context()


def replicas(obj: Object) -> int:
    """``spec.replicas`` (absent = 1)."""
    return number(spec(obj), "replicas", 1)


def of_newest(obj: Object, pod: Object) -> bool:
    """True if a StatefulSet's or DaemonSet's pod is of the newest template (labels that their controllers set)."""
    if obj.get("kind") == "DaemonSet":
        wanted = (metadata(obj).get("annotations") or {}).get("deprecated.daemonset.template.generation")
        return wanted is None or labels(pod).get("pod-template-generation") == wanted
    newest = status(obj).get("updateRevision")
    return newest is None or labels(pod).get("controller-revision-hash") == newest


def deployment(obj: Object, context: Context = NOTHING) -> Status:
    """Current when all replicas are of the newest template and available, and no old pod is left."""
    need = context.need(obj)
    counts = status(obj)
    updated, available = number(counts, "updatedReplicas"), number(counts, "availableReplicas")
    old = number(counts, "replicas") - updated
    if spec(obj).get("paused") and (updated < need or old > 0):
        return Status(IN_PROGRESS, "paused with a change pending")
    if updated < need:
        return Status(IN_PROGRESS, f"{updated}/{need} updated")
    if old > 0:
        return Status(IN_PROGRESS, f"{updated}/{need} updated, {_pods(old)} of the old revision left")
    grown = replicas(obj) > need  # by an autoscaler: the condition counts its pods too
    if available < need or (is_false(obj, "Available") and not grown):
        return Status(IN_PROGRESS, f"{available}/{need} available")
    progressing = condition(obj, "Progressing")
    if progressing.get("status") == "False" and progressing.get("reason") != PROGRESS_DEADLINE:  # that may be stale
        return Status(IN_PROGRESS, f"{available}/{need} available, {progressing.get('reason')}")
    return Status(CURRENT, f"{available}/{need} available")


def replica_set(obj: Object, context: Context = NOTHING) -> Status:
    """Current when exactly the wanted replicas exist and are available."""
    need = context.need(obj)
    counts = status(obj)
    have, available = number(counts, "replicas"), number(counts, "availableReplicas")
    available = min(available, number(counts, "readyReplicas", available))
    failure = condition(obj, "ReplicaFailure")
    if failure.get("status") == "True":
        return Status(IN_PROGRESS, f"{have}/{need} created: {failure.get('reason', '')}")
    if have > replicas(obj):
        return Status(IN_PROGRESS, f"{have} pods, {replicas(obj)} wanted")
    if available < need:
        return Status(IN_PROGRESS, f"{available}/{need} available")
    return Status(CURRENT, f"{available}/{need} available")


def stateful_set(obj: Object, context: Context = NOTHING) -> Status:
    """Current when all pods from the partition on are of the update revision and all replicas are available.

    OnDelete: Current as soon as the running pods are available; the message counts pods to be deleted manually.
    """
    need = context.need(obj)
    counts = status(obj)
    strategy = spec(obj).get("updateStrategy") or {}
    # availableReplicas respects minReadySeconds; servers before 1.22 have only readyReplicas.
    available = number(counts, "availableReplicas", number(counts, "readyReplicas"))
    have, updated = number(counts, "replicas"), number(counts, "updatedReplicas")
    same = counts.get("currentRevision") == counts.get("updateRevision")
    if have > replicas(obj):
        return Status(IN_PROGRESS, f"{have} pods, {replicas(obj)} wanted")
    if strategy.get("type") == "OnDelete":
        if available < need:
            return Status(IN_PROGRESS, f"{available}/{need} available")
        old = 0 if same else _old_pods(obj, context.pods, have - updated)
        note = f", {_pods(old)} of the old revision until they are deleted (OnDelete)" if old else ""
        return Status(CURRENT, f"{available}/{need} available{note}")
    partition = min(number(strategy.get("rollingUpdate") or {}, "partition"), need)
    to_update = need - partition
    if updated < to_update:
        return Status(IN_PROGRESS, f"{updated}/{to_update} updated")
    if available < need:
        return Status(IN_PROGRESS, f"{available}/{need} available")
    if partition == 0 and need and not same:
        return Status(IN_PROGRESS, f"{updated}/{need} updated, currentRevision is not updated yet")
    held = f", {_pods(partition)} held back by partition {partition}" if partition and not same else ""
    return Status(CURRENT, f"{available}/{need} available{held}")


def daemon_set(obj: Object, context: Context = NOTHING) -> Status:
    """Current when every node that should run the pod runs the newest one, available.

    Cordoned or unready nodes (``idle_nodes``) do not count where their pod is old or unready.
    """
    counts = status(obj)
    desired = number(counts, "desiredNumberScheduled")
    excused = len({
        node
        for pod in context.pods
        if (node := spec(pod).get("nodeName")) in context.idle_nodes and not _runs_newest(obj, pod)
    })  # fmt: skip
    need = max(0, desired - excused)
    if "desiredNumberScheduled" not in counts:
        return Status(IN_PROGRESS, "not yet observed by its controller")
    scheduled, updated = number(counts, "currentNumberScheduled"), number(counts, "updatedNumberScheduled")
    available = number(counts, "numberAvailable")
    available = min(available, number(counts, "numberReady", available))
    if scheduled < need:
        return Status(IN_PROGRESS, f"{scheduled}/{need} scheduled")
    if (spec(obj).get("updateStrategy") or {}).get("type") == "OnDelete":
        old = max(0, desired - updated)
        note = f", {_pods(old)} of the old revision until they are deleted (OnDelete)" if old else ""
        return Status(CURRENT if available >= need else IN_PROGRESS, f"{available}/{need} available{note}")
    if updated < need:
        return Status(IN_PROGRESS, f"{updated}/{need} updated")
    if available < need:
        return Status(IN_PROGRESS, f"{available}/{need} available")
    note = f", {excused} on cordoned or unready nodes ignored" if excused else ""
    return Status(CURRENT, f"{available}/{need} available{note}")


def _runs_newest(obj: Object, pod: Object) -> bool:
    return is_true(pod, "Ready") and of_newest(obj, pod) and not terminating(pod)


def job(obj: Object, context: Context = NOTHING) -> Status:
    """Current when Complete, Failed when Failed (back-off limit, active deadline, pod failure policy)."""
    failed = condition(obj, "Failed")
    if failed.get("status") == "True":
        return Status(FAILED, f"{failed.get('reason', 'Failed')}: {failed.get('message', '')}".rstrip(": "))
    if is_true(obj, "Complete"):
        return Status(CURRENT, "complete")
    if spec(obj).get("suspend"):
        return Status(CURRENT, "suspended")
    counts = status(obj)
    failures = f", {number(counts, 'failed')} failed" if number(counts, "failed") else ""
    need = number(spec(obj), "completions", 1)
    return Status(IN_PROGRESS, f"{number(counts, 'succeeded')}/{need} succeeded{failures}")


def cron_job(obj: Object, context: Context = NOTHING) -> Status:
    """Current, since its Jobs run on schedule; Failed if its last run has ended without success."""
    if spec(obj).get("suspend"):
        return Status(CURRENT, "suspended")
    last, done = (timestamp(status(obj).get(key)) for key in ("lastScheduleTime", "lastSuccessfulTime"))
    if last is not None and done is not None and done < last and not status(obj).get("active"):
        return Status(FAILED, "its last run did not succeed")
    return Status(CURRENT, "scheduled")


def _old_pods(obj: Object, pods: Sequence[Object], by_count: int) -> int:
    """Pods of another revision than the update revision, from the pods if known, else from the counts."""
    if not pods:
        return max(0, by_count)
    return sum(1 for pod in pods if not terminating(pod) and not of_newest(obj, pod))


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"
