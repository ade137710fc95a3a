# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workload -> newest revision -> pods. Only pods of the newest revision can fail a rollout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..failure import Code, one_or_many
from .fields import (
    Object,
    condition,
    controller_uid,
    labels,
    metadata,
    name,
    number,
    spec,
    status,
    terminating,
    timestamp,
    uid,
)
from .pods import created, is_ready, was_ready
from .rules import is_custom
from .symptoms import UNREADY, Symptom, creation_failure, failed_pods, pod_symptoms
from .workloads import PROGRESS_DEADLINE, of_newest, replicas

TEMPLATE_HASH = "pod-template-hash"
# For a controller that says nothing, on top of the grace period for one that says why.
_SILENT_SECONDS = 40.0


@dataclass(frozen=True)
class Tree:
    """One workload with what it owns. ``going``: pods that terminate, of any revision, the longest overdue first."""

    workload: Object
    newest: Object | None = None
    new_pods: tuple[Object, ...] = ()
    old_pods: tuple[Object, ...] = ()
    going: tuple[Object, ...] = ()

    @property
    def kind(self) -> str:
        """Kind of the workload; empty for a custom resource, whatever built-in's name it has."""
        return "" if is_custom(self.workload) else str(self.workload.get("kind", ""))

    @property
    def pods(self) -> tuple[Object, ...]:
        """All pods, newest revision first."""
        return self.new_pods + self.old_pods

    @property
    def objects(self) -> tuple[Object, ...]:
        """All its objects that events may be about."""
        return (self.workload, *([self.newest] if self.newest else []), *self.pods)


def tree_of(workload: Object, owned: Iterable[Object]) -> Tree:
    """Sort what a workload owns (directly or through ReplicaSets) by revision.

    ``owned``: ReplicaSets and pods; those of other owners are ignored.
    """
    own = list(owned)
    root = uid(workload)
    if is_custom(workload):
        return _custom_tree(workload, [obj for obj in own if obj.get("kind") == "Pod"])
    if workload.get("kind") == "Pod":
        return Tree(workload, None, () if terminating(workload) else (workload,))
    if workload.get("kind") == "Deployment":
        sets = [obj for obj in own if obj.get("kind") == "ReplicaSet" and controller_uid(obj) == root]
        newest = newest_replica_set(workload, sets)
        owners = {uid(replica_set) for replica_set in sets}
        pods = [obj for obj in own if obj.get("kind") == "Pod" and controller_uid(obj) in owners]
        is_new = {uid(pod) for pod in pods if newest is not None and controller_uid(pod) == uid(newest)}
    else:
        newest = None
        pods = [obj for obj in own if obj.get("kind") == "Pod" and controller_uid(obj) == root]
        by_revision = workload.get("kind") in ("StatefulSet", "DaemonSet")
        is_new = {uid(pod) for pod in pods if not by_revision or of_newest(workload, pod)}
    alive = sorted((pod for pod in pods if not terminating(pod)), key=created)
    new = tuple(pod for pod in alive if uid(pod) in is_new)
    old = tuple(pod for pod in alive if uid(pod) not in is_new)
    return Tree(workload, newest, new, old, _going(pods))


def _going(pods: Sequence[Object]) -> tuple[Object, ...]:
    return tuple(
        sorted(filter(terminating, pods), key=lambda pod: timestamp(metadata(pod)["deletionTimestamp"]) or 0.0)
    )


def _custom_tree(workload: Object, pods: Sequence[Object]) -> Tree:
    """Pods of a custom workload: of its newest revision where their labels say so, else made since it was last written.

    Labels as OpenKruise and Argo Rollouts set them; other operators replace pods one by one, or restart them in place.
    """
    counts, since = status(workload), written(workload) - 1.0
    alive = sorted((pod for pod in pods if not terminating(pod)), key=created)
    revisions = ((counts.get("updateRevision"), "controller-revision-hash"),
                 (counts.get("currentPodHash"), "rollouts-pod-template-hash"))  # fmt: skip
    wanted = next(((value, key) for value, key in revisions if value), None)

    def is_new(pod: Object) -> bool:
        have = labels(pod).get(wanted[1]) if wanted else None
        return str(wanted[0]).endswith(have) if wanted and have else created(pod) >= since

    new = tuple(pod for pod in alive if is_new(pod))
    old = tuple(pod for pod in alive if not is_new(pod))
    return Tree(workload, None, new, old, _going(pods))


def written(obj: Object) -> float:
    """When an object was last written by whoever deploys it (its status aside), in seconds since the epoch."""
    entries = [one for one in metadata(obj).get("managedFields") or () if not one.get("subresource")]
    ours = [one for one in entries if str(one.get("manager")).startswith(("helm", "kubectl"))] or entries
    return max((timestamp(one.get("time")) or 0.0 for one in ours), default=created(obj))


def newest_replica_set(deployment: Object, sets: Sequence[Object]) -> Object | None:
    """The ReplicaSet with the Deployment's template (the oldest of several), as the Deployment controller picks it."""
    wanted = _template(deployment)
    ours = [replica_set for replica_set in sets if _template(replica_set) == wanted]
    return min(ours, key=created, default=None)


def _template(obj: Object) -> Any:
    template = spec(obj).get("template") or {}
    meta = dict(metadata(template))
    meta["labels"] = {key: value for key, value in (meta.get("labels") or {}).items() if key != TEMPLATE_HASH}
    meta.pop("creationTimestamp", None)
    return {**template, "metadata": meta}


def symptoms_of(tree: Tree) -> Iterator[Symptom]:
    """Everything that is wrong with the newest revision, and with what blocks it."""
    if tree.kind == "StatefulSet" and _not_observed(tree.workload):
        return
    if is_custom(tree.workload):
        yield from _custom_symptoms(tree)
        return
    of_job, alone = tree.kind == "Job", tree.kind == "Pod"
    for pod in tree.new_pods:
        for symptom in pod_symptoms(pod, of_job=of_job, replaced=not alone):
            yield _unless_room_is_made(tree, symptom)
    if not (of_job or alone):
        yield from failed_pods(tree.new_pods)
    if tree.kind == "Deployment":
        yield from _deployment_symptoms(tree)
    elif tree.kind in ("ReplicaSet", "ReplicationController"):
        yield from _creation_symptoms(tree.workload)
    elif tree.kind in ("StatefulSet", "DaemonSet", "Job"):
        yield from _missing_pods(tree)
    if tree.kind == "StatefulSet":
        yield from _blocked(tree)
    yield from _held_by_going(tree)
    yield from _dependency_down(tree)


def _custom_symptoms(tree: Tree) -> Iterator[Symptom]:
    """Pods made since the write can fail it; older ones only explain why it is not ready."""
    for pod in tree.pods:
        for symptom in pod_symptoms(pod, of_job=spec(pod).get("restartPolicy", "Always") != "Always"):
            yield symptom if pod in tree.new_pods else replace(symptom, grace="", since=None)


def _not_observed(workload: Object) -> bool:
    """True until the controller has observed the newest generation.

    The controller says which revision is the newest. Until then it names the old one, whose broken pods would count as
    pods of a rollback.
    """
    return number(status(workload), "observedGeneration") < number(metadata(workload), "generation")


def _unless_room_is_made(tree: Tree, symptom: Symptom) -> Symptom:
    """What has no room yet gets it as old pods go: those that terminate, or wait until new ones are ready."""
    starting = any(spec(pod).get("nodeName") and not is_ready(pod) for pod in tree.new_pods)
    rolls = tree.kind == "Deployment" and (tree.going or (tree.old_pods and starting))
    if not rolls or symptom.code not in (Code.UNSCHEDULABLE, Code.QUOTA_EXCEEDED) or symptom.grace == "not_ready":
        return symptom
    return replace(
        symptom, code=Code.NOT_READY, grace="not_ready", message=f"no room until old pods are gone: {symptom.message}"
    )


def _deployment_symptoms(tree: Tree) -> Iterator[Symptom]:
    if tree.newest is not None:
        for symptom in _creation_symptoms(tree.newest):
            yield _unless_room_is_made(tree, symptom)
    progressing = condition(tree.workload, "Progressing")
    if tree.newest is None and progressing.get("reason") == "ReplicaSetCreateError":
        # Since when is not known: the condition may still be about the change before, until its controller tries.
        text = " ".join(str(progressing.get("message") or "").split())
        yield Symptom(creation_failure(text), "failed_create", "ReplicaSetCreateError", text)
    if progressing.get("reason") == PROGRESS_DEADLINE and tree.newest is not None:
        # The message names the ReplicaSet that exceeded the deadline; another one's is stale (kubernetes#49637).
        message = str(progressing.get("message") or "")
        if str(metadata(tree.newest).get("name")) in message:
            yield Symptom(Code.PROGRESS_DEADLINE, "progress_deadline", PROGRESS_DEADLINE, message)
    counts = status(tree.workload)
    pending = number(counts, "updatedReplicas") < replicas(tree.workload)
    if spec(tree.workload).get("paused") and pending:
        yield Symptom(Code.PAUSED, "paused", "DeploymentPaused", "it is paused and a change is pending")


def _creation_symptoms(replica_set: Object) -> Iterator[Symptom]:
    failure = condition(replica_set, "ReplicaFailure")
    if failure.get("status") == "True" and number(status(replica_set), "replicas") < replicas(replica_set):
        text = " ".join(str(failure.get("message") or "").split())
        yield Symptom(creation_failure(text), "failed_create", str(failure.get("reason") or "FailedCreate"), text,
                      since=timestamp(failure.get("lastTransitionTime")))  # fmt: skip


def _missing_pods(tree: Tree) -> Iterator[Symptom]:
    """Pods that should exist and do not: only events of these controllers have the reason, and come late from a busy
    one, which may also not have begun.
    """
    workload, counts = tree.workload, status(tree.workload)
    have = len(tree.pods) + len(tree.going)
    if tree.kind == "StatefulSet":
        missing = have < replicas(workload) and not _next_must_wait(tree)
    elif tree.kind == "DaemonSet":
        missing = have < number(counts, "desiredNumberScheduled")
    else:
        parallel = min(number(spec(workload), "parallelism", 1), number(spec(workload), "completions", 1))
        done = number(counts, "succeeded") + number(counts, "failed") > 0
        missing = have == 0 and parallel > 0 and not done and not spec(workload).get("suspend")
    if missing:
        text = "its controller does not create the pods"
        yield Symptom(Code.FAILED_CREATE, "failed_create", "FailedCreate", text, patience=_SILENT_SECONDS)


def _held_by_going(tree: Tree) -> Iterator[Symptom]:
    """A pod that has to be gone before the next one is made; it is named if that takes until the timeout."""
    one_by_one = tree.kind in ("StatefulSet", "DaemonSet")
    recreated = (spec(tree.workload).get("strategy") or {}).get("type") == "Recreate"
    wanted = (
        number(status(tree.workload), "desiredNumberScheduled") if tree.kind == "DaemonSet" else replicas(tree.workload)
    )
    if not tree.going or not (one_by_one or recreated) or len(tree.pods) >= wanted:
        return
    pod = tree.going[0]
    finalizers = [str(each) for each in metadata(pod).get("finalizers") or ()]
    held = one_or_many(finalizers, " (held by its finalizer {})", " (held by its finalizers {})") if finalizers else ""
    text = f"it still terminates{held}, and its successor waits for that"
    yield Symptom(Code.NOT_READY, "not_ready", "Terminating", text, name(pod), uid(pod),
                  since=timestamp(metadata(pod).get("deletionTimestamp")))  # fmt: skip


def _next_must_wait(tree: Tree) -> bool:
    """Whether an ordered StatefulSet's next pod waits for the others: until each was ready for minReadySeconds."""
    if spec(tree.workload).get("podManagementPolicy", "OrderedReady") != "OrderedReady":
        return False
    available = number(status(tree.workload), "availableReplicas", len(tree.pods))
    return any(not is_ready(pod) for pod in tree.pods) or available < len(tree.pods)


def _blocked(tree: Tree) -> Iterator[Symptom]:
    """OrderedReady waits for every pod before it replaces one: a broken old pod blocks the update that would fix it.

    After a rollback ``currentRevision`` and ``updateRevision`` are equal, so the pods decide.
    Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
    """
    if spec(tree.workload).get("podManagementPolicy", "OrderedReady") != "OrderedReady":
        return
    for pod in tree.old_pods:
        for symptom in pod_symptoms(pod):
            if symptom.code not in (Code.NOT_READY, Code.SIDECAR_NOT_READY):
                yield replace(symptom, code=Code.BLOCKED_BY_OLD_POD, grace="blocked_by_old_pod", since=None)
                return


def _dependency_down(tree: Tree) -> Iterator[Symptom]:
    """All pods, old and new, run and are unready in the same container: a dependency is down."""
    if not tree.new_pods or not tree.old_pods:
        return
    new, old = (_unready_containers(pods) for pods in (tree.new_pods, tree.old_pods))
    common = new & old
    if not common:
        return
    first = next((symptom for symptom in pod_symptoms(tree.new_pods[-1]) if symptom.container in common), None)
    if first is None:
        return
    # Old pods that were never ready may have been a bad release: then only the timeout decides.
    grace = "dependency_down" if _lost_readiness(tree.old_pods) else "not_ready"
    yield Symptom(Code.DEPENDENCY_DOWN, grace, first.reason, "the pods of the old revision are unready too",
                  first.pod, first.pod_uid, first.container, first.role, first.exit_code, first.restarts)  # fmt: skip


def unready_old_pods(tree: Tree) -> tuple[Object, ...]:
    """The old pods of a Deployment if none of them is ready any more: whatever the new ones fail of, a dependency is
    down, and going back would not help. Empty if one is ready, or if none ever was.
    """
    down = tree.kind == "Deployment" and _lost_readiness(tree.old_pods)
    return tree.old_pods if down else ()


def _lost_readiness(pods: Sequence[Object]) -> bool:
    return any(was_ready(pod) for pod in pods) and not any(is_ready(pod) for pod in pods)


def _unready_containers(pods: Sequence[Object]) -> set[str]:
    """Containers unready in every one of these pods; empty if a pod is ready or an app fails by itself."""
    names: set[str] | None = None
    for pod in pods:
        found = list(pod_symptoms(pod))
        common = {
            symptom.container
            for symptom in found
            if (symptom.code in (Code.NOT_READY, Code.SIDECAR_NOT_READY) and symptom.reason == UNREADY)
            or (symptom.code is Code.CRASH_LOOP and symptom.role == "sidecar")
        }
        if not found or len(common) < len({symptom.container for symptom in found}):
            return set()
        names = common if names is None else names & common
    return names or set()
