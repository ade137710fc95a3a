# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Containers of a pod: one view over spec and status of app, init and sidecar containers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from .fields import Object, condition, is_true, metadata, number, spec, status, timestamp
from .status import State, Status

# Reasons of pods that were disrupted by the node or the cluster; their controller creates new ones.
# Sources: kubelet's eviction and shutdown managers, scheduler preemption, kubelet admission (OutOf..., NodeAffinity).
_DISRUPTION_REASONS = (
    "Evicted",
    "Preempting",
    "Preempted",
    "NodeLost",
    "Shutdown",
    "NodeShutdown",
    "Terminated",
    "NodeAffinity",
    "UnexpectedAdmissionError",
    "OutOf",
    "Outof",
    "TopologyAffinityError",
)


# Messages of an eviction for the pod's own limit, which its successor meets too. Source: kubelet, pkg/kubelet/eviction
# (emptyDir, pod and container ephemeral storage); "The node was low on resource" is the node's trouble.
_OWN_LIMIT = re.compile(r"exceed(?:s|ed) (?:the|its) (?:\w+ ){0,4}limit")


class Role(StrEnum):
    """What a container is in its pod."""

    APP = "container"
    INIT = "init container"
    SIDECAR = "sidecar"


# Names that sidecars have when they are injected as ordinary containers.
INJECTED_SIDECARS = frozenset({"daprd"})


@dataclass(frozen=True)
class Container:
    """One container: its definition and its status from the kubelet."""

    name: str
    role: Role
    definition: Object
    report: Object

    @property
    def waiting(self) -> Object:
        """``state.waiting``, empty when it is not waiting."""
        return (self.report.get("state") or {}).get("waiting") or {}

    @property
    def running(self) -> Object | None:
        """``state.running``, None when it is not running."""
        found: Object | None = (self.report.get("state") or {}).get("running")
        return found

    @property
    def terminated(self) -> Object:
        """``state.terminated``, empty when it has not terminated."""
        return (self.report.get("state") or {}).get("terminated") or {}

    @property
    def last_end(self) -> Object:
        """Its most recent termination: of this run, else of the previous run; empty when it never terminated."""
        return self.terminated or self.previous

    @property
    def previous(self) -> Object:
        """``lastState.terminated``, empty for the first run."""
        return (self.report.get("lastState") or {}).get("terminated") or {}

    @property
    def restarts(self) -> int:
        """``restartCount``."""
        return number(self.report, "restartCount")

    @property
    def ready(self) -> bool:
        """``ready``; a container without a readiness probe is ready while it runs."""
        return bool(self.report.get("ready"))

    @property
    def started(self) -> bool:
        """False while its startup probe has not passed."""
        return self.report.get("started") is not False

    def seconds_lived(self) -> float | None:
        """How long its last finished run took."""
        began, ended = timestamp(self.last_end.get("startedAt")), timestamp(self.last_end.get("finishedAt"))
        return None if began is None or ended is None else max(0.0, ended - began)


def containers(pod: Object) -> Iterator[Container]:
    """All containers: init and native sidecars first, then the others, each with its report (empty when none yet)."""
    reports = {
        str(entry.get("name")): entry
        for key in ("initContainerStatuses", "containerStatuses")
        for entry in status(pod).get(key) or []
    }
    for definition in spec(pod).get("initContainers") or []:
        role = Role.SIDECAR if definition.get("restartPolicy") == "Always" else Role.INIT
        yield Container(definition["name"], role, definition, reports.get(definition["name"], {}))
    for definition in spec(pod).get("containers") or []:
        role = Role.SIDECAR if definition["name"] in INJECTED_SIDECARS else Role.APP
        yield Container(definition["name"], role, definition, reports.get(definition["name"], {}))


def is_ready(pod: Object) -> bool:
    """The pod's Ready condition."""
    return is_true(pod, "Ready")


def was_ready(pod: Object) -> bool:
    """True if a pod that is not ready now was ready before: its condition changed after its containers had started."""
    changed = timestamp(condition(pod, "Ready").get("lastTransitionTime"))
    views = [view for view in containers(pod) if view.role is not Role.INIT]
    starts = [start for view in views if (start := timestamp((view.running or {}).get("startedAt"))) is not None]
    return changed is not None and changed > max(starts, default=changed) + 1.0


_SERVED_SECONDS = 60.0
_SAME_MOMENT_SECONDS = 2.0


def never_served(pod: Object) -> bool:
    """True if a pod is not ready and never was, or only between a start and a crash within a minute: without a
    readiness probe a container is ready while it runs. False where its status does not tell, and for a pod that ended.
    """
    if is_ready(pod) or status(pod).get("phase") not in ("Pending", "Running"):
        return False
    views = [view for view in containers(pod) if view.role is not Role.INIT]
    runs = [run for view in views for run in (view.running, view.terminated, view.previous) if run]
    if not runs and not any(view.restarts for view in views):
        return True
    changed = timestamp(condition(pod, "Ready").get("lastTransitionTime"))
    began = timestamp(status(pod).get("startTime"))
    if changed is None or began is None:
        return False
    return changed <= began + _SAME_MOMENT_SECONDS or any(_crashed_at(run, changed) for run in runs)


def _crashed_at(run: Object, moment: float) -> bool:
    """Whether a short run ended then."""
    start, end = timestamp(run.get("startedAt")), timestamp(run.get("finishedAt"))
    if start is None or end is None:
        return False
    return abs(end - moment) <= _SAME_MOMENT_SECONDS and end - start < _SERVED_SECONDS


def was_disrupted(pod: Object) -> bool:
    """True for a pod that was evicted, preempted or lost with its node; not for one that exceeded its own limits."""
    reason = str(status(pod).get("reason") or "")
    if reason == "Evicted" and _OWN_LIMIT.search(str(status(pod).get("message"))):
        return False
    return is_true(pod, "DisruptionTarget") or reason.startswith(_DISRUPTION_REASONS)


def pod_status(pod: Object) -> Status:
    """Status of a pod by itself: Succeeded is Current, Failed is Failed, running is Current once it is Ready."""
    phase = status(pod).get("phase")
    if phase == "Succeeded":
        return Status(State.CURRENT, "succeeded")
    if phase == "Failed":
        return Status(State.FAILED, str(status(pod).get("reason") or "its containers failed"))
    if is_ready(pod):
        return Status(State.CURRENT, "running")
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return Status(State.IN_PROGRESS, str(scheduled.get("reason") or "not scheduled"))
    return Status(State.IN_PROGRESS, _unready(pod))


def _unready(pod: Object) -> str:
    for container in containers(pod):
        if container.waiting.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
            return f"{container.role} {container.name}: {container.waiting['reason']}"
        if container.terminated and container.role is not Role.INIT:
            return f"{container.role} {container.name}: {container.terminated.get('reason', 'terminated')}"
        if container.running is not None and container.role is Role.INIT:
            return f"init container {container.name} is running"
        if container.running is not None and not container.ready:
            return f"{container.role} {container.name} is not ready"
    return "containers are being created"


def seconds_to_settle(pod: Object, now: float, stability: float) -> float:
    """Seconds that a ready pod must still stay ready before it counts; 0 when it counts. ``now``: the server's clock.

    Four rules, the longest applies. The pod was ready for ``stability`` seconds. A container without a readiness probe,
    which is ready as soon as it has started, has run three times as long. One with a quick liveness probe has run
    longer than that probe takes to kill it (probes slower than :data:`SETTLE_LIMIT` are not waited for). One that was
    restarted has run longer than its last run (at most 60 s).
    """
    left = [_left(condition(pod, "Ready").get("lastTransitionTime"), now, stability)]
    for container in containers(pod):
        if container.running is None or container.role is Role.INIT:
            continue
        began = container.running.get("startedAt")
        if "readinessProbe" not in container.definition:
            left.append(_left(began, now, 3 * stability))
        kill = seconds_to_kill(container)
        if kill is not None and kill <= SETTLE_LIMIT:
            left.append(_left(began, now, kill + stability))
        lived = container.seconds_lived() if container.restarts else None
        if lived is not None:
            left.append(_left(began, now, min(60.0, lived) + stability))
    return max(left)


SETTLE_LIMIT = 10.0
_TRUNCATED_SECONDS = 0.5  # the kubelet writes whole seconds: on average it was half a second later


def seconds_to_kill(container: Container) -> float | None:
    """Seconds from its start until a failing liveness probe kills the container at the earliest; None without one."""
    probe = container.definition.get("livenessProbe")
    if not probe:
        return None
    attempts = number(probe, "failureThreshold", 3)
    return number(probe, "initialDelaySeconds") + attempts * number(probe, "periodSeconds", 10) + 1.0


def _left(since: object, now: float, needed: float) -> float:
    began = timestamp(since)
    return needed if began is None else min(needed, max(0.0, needed - (now - began - _TRUNCATED_SECONDS)))


def created(pod: Object) -> float:
    """``metadata.creationTimestamp`` in seconds since the epoch (0 when absent)."""
    return timestamp(metadata(pod).get("creationTimestamp")) or 0.0
