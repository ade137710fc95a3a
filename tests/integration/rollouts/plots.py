# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may happen to a pod. A plot changes the body and yields the seconds until it goes on."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.integration.rollouts.body import IMAGE, Body

Steps = Iterator[float]
PULL = {
    "missing": f'failed to resolve reference "{IMAGE}": {IMAGE}: not found',
    "denied": f"failed to authorize: failed to fetch anonymous token: 403 Forbidden for {IMAGE}: denied",
    "down": 'failed to do request: Head "https://example.test/v2/app/manifests/1": dial tcp 10.0.0.9:443: i/o timeout',
}


@dataclass(frozen=True)
class Part:
    """One pod's part. ``until``: seconds after which its trouble passes; None: never."""

    plot: str = "fine"
    container: str = "app"
    start: float = 0.1
    ready: float = 0.2
    until: float | None = None
    code: int = 1
    style: str = ""


def steps(body: Body, part: Part) -> Steps:
    """The plot of this name."""
    yield part.start
    body.sandbox = part.plot != "volume"
    yield from _PLOTS[part.plot](body, part)


def _fine(body: Body, part: Part) -> Steps:
    yield from _all_but(body, "")
    yield part.ready
    body.ready(*body.native, *body.apps)
    body.settled = True


def _all_but(body: Body, name: str) -> Steps:
    """Everything before and beside the container of this name: init containers are over, the others run."""
    for init in body.init:
        if init == name:
            return
        if "terminated" in body.reports[init]["state"]:
            continue
        body.run(init)
        yield 0.05
        body.end(init, 0)
    for native in body.native:
        if native != name:
            body.run(native)
            body.ready(native)
    others = [app for app in body.apps if app != name and "running" not in body.reports[app]["state"]]
    if name not in body.native:
        body.run(*others)
        body.ready(*(other for other in others if name))


def _crash(body: Body, part: Part) -> Steps:
    """Ends again and again; shown as waiting in back-off, or (kubelets since 1.36) as terminated for a while."""
    yield from _all_but(body, part.container)
    reason = "OOMKilled" if part.style == "oom" else ""
    code = 137 if part.style == "oom" else part.code
    for run in itertools.count():
        body.run(part.container)
        if part.container in body.native:
            body.run(*body.apps)
        yield 0.3
        body.end(part.container, code, reason)
        if run:
            body.broken = True
            yield 0.5
            if part.style != "terminated":
                body.hold(
                    part.container, "CrashLoopBackOff", f"back-off 10s restarting failed container={part.container}"
                )
            yield 1.5
        else:
            yield 0.05


def _restarted_once(body: Body, part: Part) -> Steps:
    yield from _all_but(body, part.container)
    body.run(part.container)
    yield 0.3
    if part.style == "killed":
        _kill(body, part)
    else:
        body.end(part.container, part.code)
    yield part.until or 0.1
    body.run(part.container)
    if part.container in body.init:
        yield 0.1
        body.end(part.container, 0)
        body.run(*body.apps)
    elif part.container in body.native:
        body.run(*body.apps)
    yield part.ready
    body.ready(*body.native, *body.apps)
    body.settled = True


def _killed(body: Body, part: Part) -> Steps:
    """Ready for a moment after each start, then killed by its liveness probe."""
    yield from _all_but(body, part.container)
    for run in itertools.count():
        body.run(part.container)
        body.ready(part.container)
        yield 2.6
        _kill(body, part)
        yield 0.05
        if run:
            body.broken = True
            body.hold(part.container, "CrashLoopBackOff", "back-off 10s restarting failed container")
            yield 1.5


def _kill(body: Body, part: Part) -> None:
    """The kubelet ends a container because of its liveness probe."""
    body.say("Unhealthy", "Liveness probe failed: command timed out", part.container)
    body.say("Killing", f"Container {part.container} failed liveness probe, will be restarted", part.container)
    body.end(part.container, part.code)


def _pull(body: Body, part: Part) -> Steps:
    """Alternates between the registry's answer and the back-off, as kubelets do."""
    if part.container not in body.init:
        yield from _all_but(body, part.container)
    message, passed = PULL[part.style], 0.0
    while part.until is None or passed < part.until:
        body.hold(part.container, "ErrImagePull", message)
        yield 0.3
        body.broken = True
        body.hold(part.container, "ImagePullBackOff", f'Back-off pulling image "{IMAGE}": ErrImagePull: {message}')
        yield 0.7
        passed += 1.0
    yield from _fine(body, part)


def _waiting(reason: str, message: str) -> Callable[[Body, Part], Steps]:
    def plot(body: Body, part: Part) -> Steps:
        if part.container not in body.init:
            yield from _all_but(body, part.container)
        body.hold(part.container, reason, message)
        body.broken = True
        if part.until is None:
            return
        yield part.until
        yield from _fine(body, part)

    return plot


def _start_error(body: Body, part: Part) -> Steps:
    yield from _all_but(body, part.container)
    message = 'failed to create containerd task: exec: "/no/such": stat /no/such: no such file or directory'
    while True:
        body.hold(part.container, "RunContainerError", message)
        yield 0.3
        body.end(part.container, 128, "StartError", message)
        body.broken = True
        yield 1.0


def _unready(body: Body, part: Part) -> Steps:
    """Runs, and is not ready. Style: what the kubelet says of its readiness probe."""
    yield from _all_but(body, part.container)
    body.run(part.container)
    body.ready(part.container, yes=False)
    body.broken = "503" not in part.style  # else once the kubelet has told of an answer
    passed = 0.0
    while part.style and (part.until is None or passed < part.until):
        yield 1.0
        passed += 1.0
        body.broken |= passed > 3
        refused = part.style == "refused" or (part.style == "refused, then 503" and passed < 3)
        words = "dial tcp 10.0.0.2:8080: connect: connection refused" if refused else "statuscode: 503"
        body.say("Unhealthy", f'Readiness probe failed: Get "http://10.0.0.2:8080/": {words}', part.container)
    if part.until is not None:
        yield 0.0 if part.style else part.until
        body.ready(part.container)
        body.settled = True


def _volume(body: Body, part: Part) -> Steps:
    if part.style:
        body.say("FailedMount", f'MountVolume.SetUp failed for volume "v" : {part.style}')
    body.broken = True
    if part.until is None:
        return
    yield part.until
    body.sandbox = True
    yield from _fine(body, part)


def _evicted(body: Body, part: Part) -> Steps:
    """Before it was ready: what was ready for long enough may rightly be called so."""
    yield from _all_but(body, "")
    yield part.ready
    for name in (*body.native, *body.apps):
        body.end(name, 137, "ContainerStatusUnknown")
    body.finish("Failed", "Evicted", "The node was low on resource: memory.")


def _falls_unready(body: Body, part: Part) -> Steps:
    """Well, until what it needs goes down."""
    yield from _fine(body, part)
    yield part.until or 0.5
    body.settled = False
    body.broken = True
    body.ready(part.container, yes=False)


def _done(body: Body, part: Part) -> Steps:
    """A Job's pod: ends with its code after ``ready`` seconds."""
    yield from _all_but(body, "")
    yield part.ready
    for app in body.apps:
        body.end(app, part.code)
    body.finish("Failed" if part.code else "Succeeded")
    body.settled = not part.code


def _retried(body: Body, part: Part) -> Steps:
    """A Job's pod with restartPolicy OnFailure that the kubelet restarts: for ever, or until it ends well."""
    yield from _all_but(body, "")
    for run in itertools.count():
        yield 0.3
        if part.until is not None and run >= part.until:
            break
        body.end("app", part.code)
        yield 0.2
        body.hold("app", "CrashLoopBackOff", "back-off 10s restarting failed container=app")
        yield 0.5
        body.run("app")
    for app in body.apps:
        body.end(app, 0)
    body.finish("Succeeded")
    body.settled = True


_PLOTS: dict[str, Callable[[Body, Part], Steps]] = {
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
