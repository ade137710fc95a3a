# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verifies past back-offs: what ended before a moment dooms nothing, the next try does.

After failures the kubelet waits up to 5 minutes before it starts a container or pulls an image again, and a controller
up to 16 before it creates a pod again. A run that holds the lock has it tried at once: it makes a new pod of the same
revision, or touches the ReplicaSet. One that does not hold it waits.
Sources: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy, and client-go's
DefaultTypedControllerRateLimiter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..failure import Code, Failure
from ..kube.deadline import Deadline
from ..kube.errors import KubeError
from ..kube.resources import POD, REPLICA_SET
from ..labels import ASKED_AGAIN
from ..readiness.fields import condition, controller, metadata, timestamp
from ..readiness.pods import created, is_ready
from .run import LockedRun, Run
from .verification import Verification

PAUSE_SECONDS = 3.0
# Timestamps of the API are whole seconds.
_RESOLUTION_SECONDS = 1.0
# After what it needs has returned, a container that runs has so long to notice.
_NOTICE_SECONDS = 60.0
_ENDED = frozenset({Code.CRASH_LOOP, Code.OOM_KILLED, Code.PROBE_KILLED})
_UNREADY = frozenset({Code.NOT_READY, Code.PROBE_FAILING, Code.SIDECAR_NOT_READY, Code.DEPENDENCY_DOWN})


@dataclass(frozen=True)
class _Held:
    """What failed, a pod or a workload without one, and from when on it is tried again, on the server's clock."""

    key: str
    due: float
    pod: Mapping[str, Any] | None = None
    why: str = "waits in the kubelet's back-off"


class BackOff:
    """Verifications of one run."""

    def __init__(self, run: Run, pause: float = PAUSE_SECONDS) -> None:
        self._kube = run.kube
        self._namespace = run.settings.namespace
        self._progress = run.progress
        self._may_write = isinstance(run, LockedRun)
        self._pause = pause

    def verified(
        self, verify: Callable[[], Verification], since: float, deadline: Deadline, settle: float = 0.0
    ) -> Verification:
        """``verify()``, again until each failure is of a try after ``since``, or the deadline is over.

        ``since``: on the server's clock; ``settle``: after the return of what was needed, seconds within which a try
        says nothing yet. What runs since before has longer to notice the return.
        """
        handled: set[str] = set()
        while True:
            found = verify()
            held = [each for f in found.failures.values() if (each := self._held(f, since, settle))]
            if len(held) < len(found.failures) or not held or deadline.remaining < self._pause:
                return found
            for each in held:
                if each.key not in handled and self._kube.server_now() >= each.due:
                    handled.add(each.key)
                    self._try_again(each)
            time.sleep(self._pause)

    def _held(self, failure: Failure, since: float, settle: float) -> _Held | None:
        """What failed, if that says nothing: its last try was before ``since``, or not yet ``settle`` later."""
        limit = since - _RESOLUTION_SECONDS
        if failure.code is Code.FAILED_CREATE:
            workload, tried = str(failure.details.get("workload")), _last_creation(failure)
            due = since if tried <= since + _RESOLUTION_SECONDS else since + settle
            return _Held(workload, due) if tried < limit + settle else None
        pod = self._pod(failure)
        if pod is None:
            return None
        key = str(metadata(pod).get("uid"))
        if failure.code is Code.IMAGE_PULL:
            return _Held(key, since, pod) if created(pod) < limit else None
        tried = _last_start(pod, str(failure.details.get("container") or ""))
        if tried >= limit + settle:
            return None
        if failure.code in _ENDED:
            return _Held(key, since if tried <= since + _RESOLUTION_SECONDS else since + settle, pod)
        return (
            _Held(key, since + _NOTICE_SECONDS, pod, "is not ready yet")
            if failure.code in _UNREADY and settle
            else None
        )

    def _pod(self, failure: Failure) -> Mapping[str, Any] | None:
        name = str(failure.details.get("pod") or "")
        try:
            return self._kube.find(POD, self._namespace, name) if name else None
        except KubeError:
            return None

    def _try_again(self, held: _Held) -> None:
        """Has it tried again at once, where this run may do that; says which."""
        try:
            done = self._may_write and (self._replaced(held.pod) if held.pod else self._touched(held.key))
        except KubeError:  # these rights are needed by nothing else
            done = False
        if held.pod is None:
            self._progress(f"{held.key}: its pods {'are' if done else 'will be'} created again after a back-off")
            return
        end = "it is replaced" if done else "its next start is waited for"
        self._progress(f"pod {metadata(held.pod)['name']} {held.why}: {end}")

    def _replaced(self, pod: Mapping[str, Any]) -> bool:
        """Deletes a pod that is not ready, and that a controller makes again."""
        if is_ready(pod) or not controller(pod):
            return False
        meta = metadata(pod)
        return self._kube.delete(POD, self._namespace, str(meta["name"]), uid=str(meta["uid"]))

    def _touched(self, workload: str) -> bool:
        """Changes an annotation of the ReplicaSet that lacks pods: its controller looks at it at once."""
        done = False
        for each in self._kube.list_(REPLICA_SET, self._namespace)[0]:
            lacks = condition(each, "ReplicaFailure").get("status") == "True"
            if lacks and controller(each).get("name") == workload:
                note = {"metadata": {"annotations": {ASKED_AGAIN: f"{self._kube.server_now():.0f}"}}}
                self._kube.patch(REPLICA_SET, self._namespace, str(metadata(each)["name"]), note)
                done = True
        return done


def _last_start(pod: Mapping[str, Any], container: str) -> float:
    """When the pod was made, or its container was last started."""
    status = pod.get("status") or {}
    reports = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    ours = [each for each in reports if not container or each.get("name") == container]
    states = [state for each in ours for key in ("state", "lastState") for state in (each.get(key) or {}).values()]
    return max([created(pod), *(timestamp(state.get("startedAt")) or 0.0 for state in states)])


def _last_creation(failure: Failure) -> float:
    """When its controller last tried to create a pod: 0 if not since the wait began, endless where nobody may know."""
    if any("events" in str(each) for each in failure.details.get("could_not_read") or ()):
        return float("inf")
    events = [e for e in failure.details.get("events") or () if e.get("reason") == "FailedCreate"]
    return max((timestamp(event.get("last_seen")) or 0.0 for event in events), default=0.0)
