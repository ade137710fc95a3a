# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Behaviours of simulated pods, most of them faults. A behaviour changes the pod's status step by step, and yields the
seconds until its next step.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.integration.rollouts.pod_status import IMAGE, PodStatus

Steps = Iterator[float]
PULL = {
    "missing": f'failed to resolve reference "{IMAGE}": {IMAGE}: not found',
    "denied": f"failed to authorize: failed to fetch anonymous token: 403 Forbidden for {IMAGE}: denied",
    "down": 'failed to do request: Head "https://example.test/v2/app/manifests/1": dial tcp 10.0.0.9:443: i/o timeout',
}


@dataclass(frozen=True)
class Behaviour:
    """Behaviour of one pod. ``until``: seconds after which its fault disappears; None: never."""

    kind: str = "fine"
    container: str = "app"
    start: float = 0.1
    ready: float = 0.2
    until: float | None = None
    code: int = 1
    style: str = ""


def steps(pod: PodStatus, behaviour: Behaviour) -> Steps:
    """The steps of a behaviour."""
    yield behaviour.start
    pod.sandbox = behaviour.kind != "volume"
    yield from _BEHAVIOURS[behaviour.kind](pod, behaviour)


def _fine(pod: PodStatus, behaviour: Behaviour) -> Steps:
    yield from _all_but(pod, "")
    yield from _become_ready(pod, behaviour)


def _become_ready(pod: PodStatus, behaviour: Behaviour) -> Steps:
    """Its probes pass after a while; a pod without any is ready at once."""
    pod.settled = pod.all_ready
    yield behaviour.ready
    pod.ready(*pod.native, *pod.apps)
    pod.settled = True


def _all_but(pod: PodStatus, name: str) -> Steps:
    """Everything before and beside the container of this name: init containers have completed, the others run."""
    for init in pod.init:
        if init == name:
            return
        if "terminated" in pod.reports[init]["state"]:
            continue
        pod.run(init)
        yield 0.05
        pod.end(init, 0)
    for native in pod.native:
        if native != name:
            pod.run(native)
            pod.ready(native)
    others = [app for app in pod.apps if app != name and "running" not in pod.reports[app]["state"]]
    if name not in pod.native:
        pod.run(*others)
        pod.ready(*(other for other in others if name))


def _crash(pod: PodStatus, behaviour: Behaviour) -> Steps:
    """Terminates repeatedly; shown as waiting in back-off, or (kubelets since 1.36) as terminated for a while."""
    yield from _all_but(pod, behaviour.container)
    reason = "OOMKilled" if behaviour.style == "oom" else ""
    code = 137 if behaviour.style == "oom" else behaviour.code
    for run in itertools.count():
        pod.run(behaviour.container)
        if behaviour.container in pod.native:
            pod.run(*pod.apps)
        yield 0.3
        pod.end(behaviour.container, code, reason)
        if run:
            pod.broken = True
            yield 0.5
            if behaviour.style != "terminated":
                pod.hold(
                    behaviour.container,
                    "CrashLoopBackOff",
                    f"back-off 10s restarting failed container={behaviour.container}",
                )
            yield 1.5
        else:
            yield 0.05


def _restarted_once(pod: PodStatus, behaviour: Behaviour) -> Steps:
    yield from _all_but(pod, behaviour.container)
    pod.run(behaviour.container)
    yield 0.3
    if behaviour.style == "killed":
        _kill(pod, behaviour)
    else:
        pod.end(behaviour.container, behaviour.code)
    yield behaviour.until or 0.1
    pod.run(behaviour.container)
    if behaviour.container in pod.init:
        yield 0.1
        pod.end(behaviour.container, 0)
        pod.run(*pod.apps)
    elif behaviour.container in pod.native:
        pod.run(*pod.apps)
    yield from _become_ready(pod, behaviour)


def _killed(pod: PodStatus, behaviour: Behaviour) -> Steps:
    """Ready for a moment after each start, then killed by its liveness probe."""
    yield from _all_but(pod, behaviour.container)
    for run in itertools.count():
        pod.run(behaviour.container)
        pod.ready(behaviour.container)
        yield 2.6
        _kill(pod, behaviour)
        yield 0.05
        if run:
            pod.broken = True
            pod.hold(behaviour.container, "CrashLoopBackOff", "back-off 10s restarting failed container")
            yield 1.5


def _kill(pod: PodStatus, behaviour: Behaviour) -> None:
    """The kubelet kills a container because of its liveness probe."""
    pod.add_event("Unhealthy", "Liveness probe failed: command timed out", behaviour.container)
    pod.add_event(
        "Killing", f"Container {behaviour.container} failed liveness probe, will be restarted", behaviour.container
    )
    pod.end(behaviour.container, behaviour.code)


def _pull(pod: PodStatus, behaviour: Behaviour) -> Steps:
    """Alternates between the registry's error and the back-off, as kubelets do."""
    if behaviour.container not in pod.init:
        yield from _all_but(pod, behaviour.container)
    message, passed = PULL[behaviour.style], 0.0
    while behaviour.until is None or passed < behaviour.until:
        pod.hold(behaviour.container, "ErrImagePull", message)
        yield 0.3
        pod.broken = True
        pod.hold(behaviour.container, "ImagePullBackOff", f'Back-off pulling image "{IMAGE}": ErrImagePull: {message}')
        yield 0.7
        passed += 1.0
    yield from _fine(pod, behaviour)


def _waiting(reason: str, message: str) -> Callable[[PodStatus, Behaviour], Steps]:
    def behave(pod: PodStatus, behaviour: Behaviour) -> Steps:
        if behaviour.container not in pod.init:
            yield from _all_but(pod, behaviour.container)
        pod.hold(behaviour.container, reason, message)
        pod.broken = True
        if behaviour.until is None:
            return
        yield behaviour.until
        yield from _fine(pod, behaviour)

    return behave


def _start_error(pod: PodStatus, behaviour: Behaviour) -> Steps:
    yield from _all_but(pod, behaviour.container)
    message = 'failed to create containerd task: exec: "/no/such": stat /no/such: no such file or directory'
    while True:
        pod.hold(behaviour.container, "RunContainerError", message)
        yield 0.3
        pod.end(behaviour.container, 128, "StartError", message)
        pod.broken = True
        yield 1.0


def _unready(pod: PodStatus, behaviour: Behaviour) -> Steps:
    """Runs, and is not ready. ``style``: what the kubelet reports about its readiness probe."""
    yield from _all_but(pod, behaviour.container)
    pod.run(behaviour.container)
    pod.ready(behaviour.container, yes=False)
    pod.broken = "503" not in behaviour.style  # otherwise after the kubelet has reported a response
    passed = 0.0
    while behaviour.style and (behaviour.until is None or passed < behaviour.until):
        yield 1.0
        passed += 1.0
        pod.broken |= passed > 3
        refused = behaviour.style == "refused" or (behaviour.style == "refused, then 503" and passed < 3)
        words = "dial tcp 10.0.0.2:8080: connect: connection refused" if refused else "statuscode: 503"
        pod.add_event("Unhealthy", f'Readiness probe failed: Get "http://10.0.0.2:8080/": {words}', behaviour.container)
    if behaviour.until is not None:
        yield 0.0 if behaviour.style else behaviour.until
        pod.ready(behaviour.container)
        pod.settled = True


def _volume(pod: PodStatus, behaviour: Behaviour) -> Steps:
    if behaviour.style:
        pod.add_event("FailedMount", f'MountVolume.SetUp failed for volume "v" : {behaviour.style}')
    pod.broken = True
    if behaviour.until is None:
        return
    yield behaviour.until
    pod.sandbox = True
    yield from _fine(pod, behaviour)


def _evicted(pod: PodStatus, behaviour: Behaviour) -> Steps:
    """Before it was ready: after that, Current would be a right verdict."""
    yield from _all_but(pod, "")
    yield behaviour.ready
    for name in (*pod.native, *pod.apps):
        pod.end(name, 137, "ContainerStatusUnknown")
    pod.finish("Failed", "Evicted", "The node was low on resource: memory.")


def _falls_unready(pod: PodStatus, behaviour: Behaviour) -> Steps:
    """Ready, until its dependency goes down."""
    yield from _fine(pod, behaviour)
    yield behaviour.until or 0.5
    pod.settled = False
    pod.broken = True
    pod.ready(behaviour.container, yes=False)


def _done(pod: PodStatus, behaviour: Behaviour) -> Steps:
    """A Job's pod: exits with its code after ``ready`` seconds."""
    yield from _all_but(pod, "")
    yield behaviour.ready
    for app in pod.apps:
        pod.end(app, behaviour.code)
    pod.finish("Failed" if behaviour.code else "Succeeded")
    pod.settled = not behaviour.code


def _retried(pod: PodStatus, behaviour: Behaviour) -> Steps:
    """A Job's pod with restartPolicy OnFailure that the kubelet restarts: forever, or until it succeeds."""
    yield from _all_but(pod, "")
    for run in itertools.count():
        yield 0.3
        if behaviour.until is not None and run >= behaviour.until:
            break
        pod.end("app", behaviour.code)
        yield 0.2
        pod.hold("app", "CrashLoopBackOff", "back-off 10s restarting failed container=app")
        yield 0.5
        pod.run("app")
    for app in pod.apps:
        pod.end(app, 0)
    pod.finish("Succeeded")
    pod.settled = True


_BEHAVIOURS: dict[str, Callable[[PodStatus, Behaviour], Steps]] = {
    "fine": _fine,
    "crash": _crash,
    "restarted once": _restarted_once,
    "killed": _killed,
    "pull": _pull,
    "invalid image": _waiting(
        "InvalidImageName", 'Failed to apply default image tag "App::1": invalid reference format'
    ),
    "config": _waiting("CreateContainerConfigError", 'secret "absent" not found'),
    "cache": _waiting("CreateContainerConfigError", "failed to sync secret cache: timed out waiting for the condition"),
    "create error": _waiting("CreateContainerError", 'failed to reserve container name "app": name is reserved'),
    "start error": _start_error,
    "unready": _unready,
    "volume": _volume,
    "evicted": _evicted,
    "falls unready": _falls_unready,
    "done": _done,
    "retried": _retried,
}
