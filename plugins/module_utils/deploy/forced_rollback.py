# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verifies a restore whose StatefulSets may wait for a pod of the version that they leave.

An ordered StatefulSet replaces no pod while another one is not ready: a version that never gets ready blocks its own
rollback until somebody deletes that pod. It is made again from the restored template, with its claims.
Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..failure import Code
from ..kube.deadline import Deadline
from ..kube.errors import KubeError
from ..kube.resources import POD, STATEFUL_SET
from ..labels import OWNER_NAMESPACE, OWNER_RELEASE
from ..readiness.fields import controller_uid, labels, metadata, name, number, spec, status, terminating, uid
from ..readiness.pods import is_ready, never_served
from .run import LockedRun
from .verification import Verification

# So long the controller may take to say which revision it wants now.
_OBSERVED_SECONDS = 10.0
_PAUSE_SECONDS = 0.5

Object = Mapping[str, Any]


class ForcedRollback:
    """Verifications of one restore of the releases ``names``."""

    def __init__(self, run: LockedRun, names: Collection[str]) -> None:
        self._kube = run.kube
        self._namespace = run.settings.namespace
        self._progress = run.progress
        self._names = frozenset(names)
        self._done: set[tuple[str, str]] = set()  # pod and revision: none is deleted twice

    def verified(self, verify: Callable[[], Verification], deadline: Deadline) -> Verification:
        """``verify()``, after the pods that block are replaced; again as long as it finds another one."""
        self._replace(deadline)
        found = verify()
        while _blocked(found) and not deadline.expired and self._replace(deadline):
            found = verify()
        return found

    def _replace(self, deadline: Deadline) -> bool:
        """Deletes at most one pod of each StatefulSet; False if none."""
        try:
            sets = self._ordered(deadline.earlier(_OBSERVED_SECONDS))
            pods = self._kube.list_(POD, self._namespace, deadline=deadline)[0] if sets else []
        except KubeError:
            return False  # the verification meets it too, and says so
        blocking = [pod for each in sets if (pod := blocking_pod(each, pods, self._done))]
        return sum(self._delete(pod) for pod in blocking) > 0

    def _ordered(self, until: Deadline) -> list[Object]:
        """StatefulSets of the releases that replace their pods in order, once their controller knows the template."""
        while True:
            items = self._kube.list_(STATEFUL_SET, self._namespace, deadline=until)[0]
            ours = [item for item in items if self._is_ours(item) and _replaces_in_order(item)]
            known = [item for item in ours if _is_observed(item)]
            if len(known) == len(ours) or until.expired:
                return list(known)
            time.sleep(_PAUSE_SECONDS)

    def _is_ours(self, item: Object) -> bool:
        notes = metadata(item).get("annotations") or {}
        return (
            notes.get(OWNER_RELEASE) in self._names and notes.get(OWNER_NAMESPACE, self._namespace) == self._namespace
        )

    def _delete(self, pod: Object) -> bool:
        version = str(metadata(pod).get("resourceVersion") or "")
        self._progress(f"pod {name(pod)} was never ready in the version that is left, and blocks: it is replaced")
        try:
            done = self._kube.delete(POD, self._namespace, name(pod), uid=uid(pod), resource_version=version)
        except KubeError as exc:  # not allowed, or it has changed meanwhile
            self._progress(f"pod {name(pod)} is not replaced: {exc.failure.message}")
            return False
        self._done.add((name(pod), _revision(pod)))
        return done


def blocking_pod(stateful_set: Object, pods: Sequence[Object], done: Collection[tuple[str, str]] = ()) -> Object | None:
    """The pod that an ordered StatefulSet waits for, if no waiting helps: it is of another revision than the wanted
    one, and never was ready. None while one of its pods is being deleted.

    ``done``: name and revision of pods that are left alone. ``currentRevision`` decides nothing: after a rollback it is
    the wanted one, and where a bad version was ready for a moment it is that version.
    """
    own = [pod for pod in pods if controller_uid(pod) == uid(stateful_set)]
    wanted = status(stateful_set).get("updateRevision")
    first = min((pod for pod in own if not is_ready(pod)), key=_ordinal, default=None)
    if first is None or not wanted or any(terminating(pod) for pod in own):
        return None
    left = _revision(first) not in ("", wanted) and (name(first), _revision(first)) not in done
    return first if left and never_served(first) else None


def _replaces_in_order(item: Object) -> bool:
    """Whether its controller means to replace the pod, but waits. With OnDelete or a partition, people decide."""
    strategy = spec(item).get("updateStrategy") or {}
    rolling = strategy.get("type", "RollingUpdate") == "RollingUpdate"
    held = number(strategy.get("rollingUpdate") or {}, "partition")
    return rolling and not held and spec(item).get("podManagementPolicy", "OrderedReady") == "OrderedReady"


def _is_observed(item: Object) -> bool:
    return number(status(item), "observedGeneration") >= number(metadata(item), "generation")


def _revision(pod: Object) -> str:
    return str(labels(pod).get("controller-revision-hash") or "")


def _ordinal(pod: Object) -> int:
    last = name(pod).rpartition("-")[2]
    return int(last) if last.isdigit() else 0


def _blocked(found: Verification) -> bool:
    return any(failure.code is Code.BLOCKED_BY_OLD_POD for failure in found.failures.values())
