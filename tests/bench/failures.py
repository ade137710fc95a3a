"""Eight ways in which a rollout fails, each with the sign by which the API first shows it.

The signs are written down here for themselves, not taken from the product: they say when a person who looks at the
right object could know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.integration.support import BUSYBOX

Object = Mapping[str, Any]
Sign = Callable[[Object], bool]


@dataclass(frozen=True)
class Case:
    """One failure.

    Attributes:
        pod: spec of the pod.
        code: what the verdict has to say.
        grace: seconds that the product waits on purpose before it calls this final, by its documented default or by
            the option that this run gives it.
        kind: of the object that shows it.
        shows: whether an object of that kind shows it.
        quota: pods that the namespace allows; None: as many as there are.
    """

    pod: Mapping[str, Any]
    code: str
    grace: float
    shows: Sign
    kind: str = "Pod"
    quota: int | None = None


# The default is 60 s, for autoscalers: as long as the whole run may take.
UNSCHEDULABLE_GRACE_SECONDS = 15.0


def waits(*reasons: str, where: str = "containerStatuses") -> Sign:
    """Some container waits for one of these reasons."""
    return lambda pod: any(
        ((status.get("state") or {}).get("waiting") or {}).get("reason") in reasons
        for status in _containers(pod, where)
    )


def ends_again(where: str = "containerStatuses") -> Sign:
    """Some container is over after it was restarted, or waits to be restarted once more."""

    def shows(pod: Object) -> bool:
        for status in _containers(pod, where):
            state = status.get("state") or {}
            again = status.get("restartCount", 0) > 0 and "terminated" in state
            if again or (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff":
                return True
        return False

    return shows


def condition(kind: str, value: str, reason: str = "") -> Sign:
    """The object has this condition."""
    return lambda obj: any(
        found.get("type") == kind and found.get("status") == value and reason in ("", found.get("reason"))
        for found in (obj.get("status") or {}).get("conditions") or ()
    )


def _containers(pod: Object, where: str) -> list[Any]:
    return list((pod.get("status") or {}).get(where) or ())


def _pod(*command: str, **fields: Any) -> dict[str, Any]:
    more: dict[str, Any] = {key: fields.pop(key) for key in ("nodeSelector", "initContainers") if key in fields}
    container = {"name": "app", "image": BUSYBOX, "command": list(command), **fields}
    return {"terminationGracePeriodSeconds": 1, "containers": [container], **more}


_SLEEP = ("sleep", "86400")
_WRONG = {"tcpSocket": {"port": 9999}, "periodSeconds": 1, "failureThreshold": 3}
_MIGRATE = {"name": "migrate", "image": BUSYBOX, "command": ["sh", "-c", "echo no such table; exit 2"]}
_SECRET = {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "word"}}}

CASES: dict[str, Case] = {
    "crash-loop": Case(_pod("sh", "-c", "echo no database url; exit 3"), "crash_loop", 0.0, ends_again()),
    "init-crash": Case(
        _pod(*_SLEEP, initContainers=[_MIGRATE]), "crash_loop", 0.0, ends_again("initContainerStatuses")
    ),
    "out-of-memory": Case(
        _pod("sh", "-c", "tail /dev/zero", resources={"limits": {"memory": "16Mi"}}), "oom_killed", 0.0, ends_again()
    ),
    "wrong-port": Case(
        _pod("httpd", "-f", "-p", "8080", "-h", "/", livenessProbe=_WRONG, readinessProbe=_WRONG),
        "probe_killed", 0.0, ends_again(),
    ),
    "image-not-found": Case(
        _pod(*_SLEEP, image="docker.io/library/busybox:no-such-tag"),
        "image_pull", 15.0, waits("ErrImagePull", "ImagePullBackOff"),
    ),
    "missing-secret": Case(
        _pod(*_SLEEP, env=[_SECRET]), "config_missing", 10.0, waits("CreateContainerConfigError")
    ),
    "quota": Case(
        _pod(*_SLEEP), "quota_exceeded", 20.0, condition("ReplicaFailure", "True"), kind="Deployment", quota=0
    ),
    "unschedulable": Case(
        _pod(*_SLEEP, nodeSelector={"bench": "nowhere"}), "unschedulable", UNSCHEDULABLE_GRACE_SECONDS,
        condition("PodScheduled", "False", "Unschedulable"),
    ),
}  # fmt: skip
