# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Symptoms: what is wrong with a pod or a controller, from the objects alone.

A symptom names its class of grace period; after that period (graces.py) it fails the rollout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..failure import Code, one_or_many
from .daprd import lacks_sidecar
from .fields import Object, condition, is_true, name, spec, status, terminating, timestamp, uid
from .pods import Container, Role, containers, created, is_ready, seconds_to_kill, was_disrupted

# Errors of registries that retries do not change (error codes of the distribution spec and their usual wordings).
_PULL_FINAL = re.compile(
    r"not found|notfound|manifest unknown|name unknown|does not exist|denied|unauthori[sz]ed|forbidden"
    r"|authentication required|no basic auth|insufficient_scope|no match(?:ing manifest)? for|no image found in"
    r"|not known to registry|no such image|unsupported media type|did not resolve to an alias|\b40[134]\b",
    re.IGNORECASE,
)
# Names of images, hosts and addresses in such an error: a tag may be 404, a repository denied-parties.
_NAMES = re.compile(r'"[^"\s]*"|\breading manifest \S+ in|\[manifests [^\]]*\]|(?<!\S)(?!i/o\b)\S+[/:]\S+')
# Kubelet caches of Secrets and ConfigMaps that have not been filled yet: passes by itself (krane's exception).
_CACHE_SYNC = re.compile(r"failed to sync .* cache", re.IGNORECASE)
# The kubelet's messages about a missing Secret, ConfigMap or key, in a container's state or a mount's event.
MISSING_CONFIG = re.compile(
    r"(secret|configmap)s?\b.*not found|couldn't find key|non-existent (secret|config) key", re.IGNORECASE
)
_PULL_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "RegistryUnavailable",
        "ImageInspectError",
        "SignatureValidationFailed",
    }
)
_START_REASONS = frozenset(
    {"CreateContainerError", "RunContainerError", "ContainerCannotRun", "PostStartHookError", "PreStartHookError"}
)
# What a runtime that is too busy says, of a container that it is still making, too: the kubelet tries again.
_BUSY_RUNTIME = re.compile(
    r"deadline exceeded|is reserved for|name .{0,300} is already (?:reserved|in use)", re.IGNORECASE
)
_BUSY_SECONDS = 110.0
SIGNAL_BASE = 128
_REPEATED = 3  # Failed pods of one revision
UNREADY = "Unready"
CREATING = "ContainerCreating"
NOT_STARTED = "NotStarted"
# Runs again, not started yet: the kubelet killed the run before, as its startup probe had had all its attempts.
KILLED_AT_START = "StartupProbeKilled"
HOOK_FAILED = "PostStartHookError"  # the kubelet's word
SIDECAR_RUNS = "SidecarRuns"


@dataclass(frozen=True)
class Symptom:
    """One thing that is wrong.

    ``grace``: class of grace period; ``since``: since when, in seconds since the epoch on the server, where known;
    ``patience``: seconds that the object itself allows on top of the grace period.
    """

    code: Code
    grace: str
    reason: str
    message: str = ""
    pod: str = ""
    pod_uid: str = ""
    container: str = ""
    role: Role | None = None
    exit_code: int | None = None
    restarts: int = 0
    since: float | None = None
    patience: float = 0.0

    @property
    def key(self) -> tuple[str, str, Code]:
        """Identity of the symptom between two looks."""
        return (self.pod_uid or self.pod, self.container, self.code)

    @property
    def may_wait(self) -> bool:
        """Whether its container ended, maybe as something that it needs was not there."""
        return self.code is Code.CRASH_LOOP or (self.code, self.reason) == (Code.PROBE_KILLED, KILLED_AT_START)

    @property
    def signal(self) -> int | None:
        """Number of the signal that killed the container, if any."""
        code = self.exit_code
        return code - SIGNAL_BASE if code is not None and SIGNAL_BASE < code < SIGNAL_BASE + 65 else None


def pod_symptoms(pod: Object, *, of_job: bool = False, replaced: bool = False) -> Iterator[Symptom]:
    """Everything that is wrong with a pod now. ``of_job``: terminated containers are left to the Job controller;
    ``replaced``: a failed pod is left to :func:`failed_pods`.
    """
    if terminating(pod) or was_disrupted(pod) or status(pod).get("phase") == "Succeeded":
        return
    if status(pod).get("phase") == "Failed":
        if not (of_job or replaced):
            yield _failed_pod(pod)
        return
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        if scheduled.get("reason") == "Unschedulable":
            yield _of_pod(pod, Code.UNSCHEDULABLE, "unschedulable", "Unschedulable", scheduled)
        elif gates := [str(gate.get("name")) for gate in spec(pod).get("schedulingGates") or ()]:
            text = f"nobody has removed {one_or_many(gates, 'its scheduling gate {}', 'its scheduling gates {}')} yet"
            yield Symptom(Code.UNSCHEDULABLE, "not_ready", "SchedulingGated", text, name(pod), uid(pod))
        return
    views = list(containers(pod))
    found = [symptom for view in views for symptom in _container_symptoms(pod, view, of_job)]
    yield from found
    if not found:
        yield from _not_yet_running(pod, views)
    if of_job:
        yield from _kept_by_sidecar(pod, views)
    if not is_ready(pod) and not of_job:
        if lacks_sidecar(pod):
            yield _sidecar_missing(pod)
        yield from _not_ready(pod, views, {symptom.container for symptom in found})
        if views and all(view.ready for view in views if view.role is not Role.INIT):
            yield from _gates(pod) if spec(pod).get("readinessGates") else [_node_is_lost(pod)]


def _kept_by_sidecar(pod: Object, views: list[Container]) -> Iterator[Symptom]:
    """A Job's pod whose containers have ended while an injected sidecar, an ordinary container, runs on."""
    apps = [view for view in views if view.role is Role.APP]
    sidecar = next((view for view in views if view.role is Role.SIDECAR and view.running is not None), None)
    native = sidecar is not None and sidecar.definition.get("restartPolicy") == "Always"
    ended = [view for view in apps if view.terminated and not _is_restarted(pod, view)]
    if sidecar is None or native or not apps or len(ended) < len(apps):
        return
    worst = max(ended, key=lambda view: view.terminated.get("exitCode") or 0)
    end = worst.terminated
    text = f"sidecar {sidecar.name} runs on and keeps the pod, so the Job does not complete"
    yield _of(pod, worst, Code.JOB_FAILED, "first_crash", SIDECAR_RUNS, text, exit_code=end.get("exitCode"),
              since=timestamp(end.get("finishedAt")))  # fmt: skip


def _container_symptoms(pod: Object, view: Container, of_job: bool) -> Iterator[Symptom]:
    reason, message = str(view.waiting.get("reason") or ""), str(view.waiting.get("message") or "")
    if reason == "InvalidImageName":
        yield _of(pod, view, Code.IMAGE_INVALID, "image_invalid", reason, message)
    elif reason in _PULL_REASONS:
        final = reason == "ErrImageNeverPull" or bool(_PULL_FINAL.search(without_names(message)))
        yield _of(pod, view, Code.IMAGE_PULL, "image_pull_final" if final else "image_pull", reason, message)
    elif reason == "CreateContainerConfigError":
        if MISSING_CONFIG.search(message):
            yield _of(pod, view, Code.CONFIG_MISSING, "config_missing", reason, message)
        elif not _CACHE_SYNC.search(message):
            yield _of(pod, view, Code.CONTAINER_START, "container_start", reason, message)
    elif reason in _START_REASONS:
        found = _of(pod, view, Code.CONTAINER_START, "container_start", reason, message)
        yield replace(found, patience=_BUSY_SECONDS if _BUSY_RUNTIME.search(message) else 0.0)
    elif not of_job:
        yield from _terminations(pod, view, reason)


def without_names(message: str) -> str:
    """The error of a pull, without what it is about."""
    return _NAMES.sub(" ", message)


def _terminations(pod: Object, view: Container, reason: str) -> Iterator[Symptom]:
    """Containers that terminate and are restarted: in back-off, or terminated (for minutes, by kubelets since 1.36)."""
    end = view.last_end
    over = bool(view.terminated) and _is_restarted(pod, view)
    if reason != "CrashLoopBackOff" and not over:
        return
    # The first termination is followed by a restart at once; a container that recovers is not in a crash loop.
    grace = "crash_loop" if view.restarts or reason == "CrashLoopBackOff" else "first_crash"
    since = timestamp(end.get("finishedAt")) if grace == "first_crash" else None
    yield _of(pod, view, _termination_code(view), grace, reason or str(end.get("reason") or "Terminated"),
              str(end.get("message") or ""), exit_code=end.get("exitCode"), since=since)  # fmt: skip


def _is_restarted(pod: Object, view: Container) -> bool:
    """True if the kubelet will restart a terminated container (an init container only after an error)."""
    failed = view.terminated.get("exitCode") != 0
    if view.role is Role.INIT:
        return failed and spec(pod).get("restartPolicy", "Always") != "Never"
    if view.role is Role.SIDECAR and view.definition.get("restartPolicy") == "Always":
        return True
    policy = spec(pod).get("restartPolicy", "Always")
    return policy == "Always" or (policy == "OnFailure" and failed)


def _termination_code(view: Container) -> Code:
    """Why it terminated, from its exit alone: out of memory, killed for a failing probe, or by itself."""
    end = view.last_end
    if end.get("reason") == "OOMKilled":
        return Code.OOM_KILLED
    if end.get("reason") in ("StartError", "ContainerCannotRun"):
        return Code.CONTAINER_START
    # The kubelet kills a container by SIGTERM, later SIGKILL: 143, 137, or 0 when the program handles SIGTERM.
    lived = view.seconds_lived()
    if end.get("exitCode") in (0, 137, 143) and lived is not None:
        kill = seconds_to_kill(view)
        startup = view.definition.get("startupProbe")
        if kill is not None and lived >= kill - 2.0 and (end.get("exitCode") != 0 or not startup):
            return Code.PROBE_KILLED
        if startup and end.get("exitCode") != 0:
            return Code.PROBE_KILLED
    return Code.CRASH_LOOP


def _not_yet_running(pod: Object, views: list[Container]) -> Iterator[Symptom]:
    """What a pod waits for before its containers run. Only volumes and network have an end: only the kubelet's events
    have the reason. All else is named if it takes until the timeout.
    """
    scheduled, sandbox = condition(pod, "PodScheduled"), condition(pod, "PodReadyToStartContainers")
    nothing = all(not view.report.get("containerID") for view in views)
    since = timestamp(scheduled.get("lastTransitionTime"))
    if sandbox.get("status") == "False" and nothing and scheduled:
        text = "its volumes or its network are not set up"
        yield Symptom(Code.VOLUME_MOUNT, "volume_mount", CREATING, text, name(pod), uid(pod), since=since)
        return
    waiting = next((view for view in views if view.waiting.get("reason") in (CREATING, "PodInitializing")), None)
    init = next((view for view in views if view.role is Role.INIT and view.running is not None), None)
    held_back = any(view.running is not None and not view.started for view in views)  # by a native sidecar
    if init is not None:
        since = timestamp((init.running or {}).get("startedAt"))
        yield _of(pod, init, Code.NOT_READY, "not_ready", "InitContainerRuns", "", since=since)
    elif waiting is not None and not held_back:
        text = f"{waiting.role} {waiting.name} is being created"
        yield Symptom(Code.NOT_READY, "not_ready", CREATING, text, name(pod), uid(pod), since=since)
    elif status(pod).get("phase") == "Pending" and not any(view.report for view in views):
        reason, text = _whose_turn(pod)
        yield Symptom(
            Code.NOT_READY, "not_ready", reason, text, name(pod), uid(pod), since=since or created(pod) or None
        )


def _whose_turn(pod: Object) -> tuple[str, str]:
    """Who has not begun with a pod; a scheduler also says nothing while a volume is made for it."""
    if node := spec(pod).get("nodeName"):
        return "NodeIsSilent", f"node {node} has not begun to start it"
    claimed = " (or its volumes are being made)" if claims_of(pod) else ""
    scheduler = spec(pod).get("schedulerName") or "default-scheduler"
    return "NotScheduled", f"scheduler {scheduler} has said nothing about it{claimed}"


def claims_of(pod: Object) -> list[str]:
    """Names of the claims that a pod mounts."""
    volumes = [volume.get("persistentVolumeClaim") or {} for volume in spec(pod).get("volumes") or ()]
    return [str(claim["claimName"]) for claim in volumes if claim.get("claimName")]


def _gates(pod: Object) -> Iterator[Symptom]:
    """Readiness gates that keep a pod from being ready, though its containers are. A load balancer's controller, say,
    sets them when it gets to it.
    """
    for gate in spec(pod).get("readinessGates") or ():
        kind = str(gate.get("conditionType"))
        if not is_true(pod, kind):
            entry = condition(pod, kind)
            why = " ".join(f"{entry.get('reason') or ''} {entry.get('message') or ''}".split())
            said = why or ("it is not True" if entry else "nobody has set it")
            text = f"its containers are ready, but its readiness gate {kind} is not: {said}"
            since = timestamp(entry.get("lastTransitionTime"))
            yield Symptom(Code.NOT_READY, "not_ready", "ReadinessGate", text, name(pod), uid(pod), since=since)


def _node_is_lost(pod: Object) -> Symptom:
    """Its containers were ready when its node was last heard: Kubernetes no longer counts on that node."""
    entry, node = condition(pod, "Ready"), spec(pod).get("nodeName")
    why = " ".join(f"{entry.get('reason') or ''} {entry.get('message') or ''}".split()) or f"is node {node} down?"
    text = f"its containers are ready, the pod is not: {why}"
    since = timestamp(entry.get("lastTransitionTime"))
    return Symptom(Code.NOT_READY, "not_ready", "PodNotReady", text, name(pod), uid(pod), since=since)


def _sidecar_missing(pod: Object) -> Symptom:
    text = f"pod {name(pod)} was created without the Dapr sidecar that it asks for: Dapr's injector did not add it"
    return Symptom(Code.SIDECAR_MISSING, "sidecar_missing", "NotInjected", text, name(pod), uid(pod))


def _not_ready(pod: Object, views: list[Container], failing: set[str]) -> Iterator[Symptom]:
    """Containers that run and are not ready; a sidecar is the cause only if all app containers are ready, or if they
    wait for it: a native one that has not started.

    Dapr's sidecar waits for its app: while that does not run yet (a slow pull, an init container), it is not at fault.
    """
    unready = [view for view in views if view.running is not None and not view.ready and view.role is not Role.INIT]
    apps = [view for view in unready if view.role is Role.APP]
    waiting = any(view.role is Role.APP and view.running is None for view in views)
    for view in apps or unready:
        if view.name in failing:
            continue
        since = timestamp((view.running or {}).get("startedAt"))
        sidecar = view.role is Role.SIDECAR
        if sidecar and waiting and view.started:
            continue
        code = Code.SIDECAR_NOT_READY if sidecar else Code.NOT_READY
        reason = UNREADY if view.started else NOT_STARTED
        yield _of(pod, view, code, "sidecar_not_ready" if sidecar else "not_ready", reason, "", since=since)


def failed_pods(pods: Sequence[Object]) -> Iterator[Symptom]:
    """Failed pods of a controller that makes others in their place: the replacement decides.

    The kubelet refuses or loses pods (NodePorts, MatchNodeSelector, TaintToleration, ContainerStatusUnknown, ...). What
    counts is that nothing has taken the newest one's place, or that it happens again and again.
    """
    failed = [pod for pod in pods if status(pod).get("phase") == "Failed" and not was_disrupted(pod)]
    if not failed:
        return
    last = max(created(pod) for pod in failed)
    others = [pod for pod in pods if status(pod).get("phase") != "Failed" and created(pod) >= last]
    if _in_a_row(failed) >= _REPEATED and not any(is_ready(pod) for pod in others):
        yield _failed_pod(min(failed, key=created))  # always the same one, so that it stays the same symptom
    elif not others:
        yield replace(_failed_pod(max(failed, key=created)), grace="first_crash")


def _in_a_row(failed: Sequence[Object]) -> int:
    """How many of these were made after another one had failed: those that fail side by side count once."""
    count, over = 0, -1.0
    for pod in sorted(failed, key=created):
        if created(pod) > over:
            count, over = count + 1, _ended(pod)
    return count


def _ended(pod: Object) -> float:
    times = [
        condition(pod, "Ready").get("lastTransitionTime"),
        *(view.terminated.get("finishedAt") for view in containers(pod)),
    ]
    return max([created(pod), *(at for each in times if (at := timestamp(each)) is not None)])


def _failed_pod(pod: Object) -> Symptom:
    reason = str(status(pod).get("reason") or "Failed")
    bad = next((view for view in containers(pod) if view.terminated.get("exitCode")), None)
    if bad is None or status(pod).get("reason"):  # what the kubelet says of the pod has killed its containers
        return _of_pod(pod, Code.POD_FAILED, "pod_failed", reason, status(pod))
    code = Code.OOM_KILLED if bad.terminated.get("reason") == "OOMKilled" else Code.POD_FAILED
    return _of(pod, bad, code, "pod_failed", str(bad.terminated.get("reason") or reason),
               str(bad.terminated.get("message") or ""), exit_code=bad.terminated.get("exitCode"))  # fmt: skip


def creation_failure(text: str) -> Code:
    """Why a controller could not create a pod, from the API server's message."""
    if "exceeded quota" in text or "failed quota" in text:
        return Code.QUOTA_EXCEEDED
    if "serviceaccount" in text and "not found" in text:
        return Code.SERVICE_ACCOUNT_MISSING
    if "failed calling webhook" in text:
        return Code.FAILED_CREATE
    if "denied" in text or "violates PodSecurity" in text or "forbidden" in text:
        return Code.ADMISSION_DENIED
    return Code.FAILED_CREATE


def _of(
    pod: Object,
    view: Container,
    code: Code,
    grace: str,
    reason: str,
    message: str,
    exit_code: int | None = None,
    since: float | None = None,
) -> Symptom:
    return Symptom(code, grace, reason, " ".join(message.split()), name(pod), uid(pod), view.name, view.role,
                   exit_code, view.restarts, since)  # fmt: skip


def _of_pod(pod: Object, code: Code, grace: str, reason: str, source: Object) -> Symptom:
    return Symptom(code, grace, reason, " ".join(str(source.get("message") or "").split()), name(pod), uid(pod),
                   since=timestamp(source.get("lastTransitionTime")))  # fmt: skip
