# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judges Dapr sidecars; pure: pods in, findings out.

Dapr's injector is a webhook that by default lets pods pass while it is down. Such a pod runs without its sidecar, looks
healthy, and nothing says so. daprd is in ``containers`` or, as a native sidecar, in ``initContainers``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..failure import one_or_many
from .fields import controller, terminating
from .selectors import matches

ENABLED, APP_ID, CONFIG = "dapr.io/enabled", "dapr.io/app-id", "dapr.io/config"
CONTAINER = "daprd"
_AWAITS = re.compile(r"waiting (?:for application to listen )?on port (\d+)")
_VERSION = re.compile(r":v?(\d+\.\d+\.\d+[-.\w]*?)(?:-mariner)?(?:@|$)")


@dataclass(frozen=True)
class AppSidecars:
    """Sidecars of one app: counts of pods. ``version`` and ``form`` are empty when no pod has a sidecar."""

    app_id: str
    workload: str
    pods: int
    injected: int
    ready: int
    version: str
    form: str
    lacking: tuple[str, ...] = ()
    misread: str = ""  # what its template says instead of true; see misread()

    @property
    def expected(self) -> int:
        """Every pod of the app needs one, unless Dapr does not understand that."""
        return self.injected if self.misread else self.pods

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "app_id": self.app_id,
            "workload": self.workload,
            "pods": self.pods,
            "expected": self.expected,
            "injected": self.injected,
            "ready": self.ready,
            "version": self.version,
            "form": self.form,
            "lacking": list(self.lacking),
        }


def enabled(annotations: Mapping[str, Any] | None) -> bool:
    """Whether this pod (or pod template) asks for a sidecar: ``true`` in any case, as Dapr's injector reads it.

    Source: podHasDaprEnabled in dapr/dapr, pkg/injector/service/handler.go (1.18).
    """
    return str((annotations or {}).get(ENABLED, "")).lower() == "true"


def misread(annotations: Mapping[str, Any] | None) -> str:
    """What stands in ``dapr.io/enabled`` where somebody means true and the injector does not; else empty."""
    value = str((annotations or {}).get(ENABLED, ""))
    meant = value.strip(" \t\n'\"").lower() in ("true", "t", "yes", "y", "on", "1")
    return value if meant and not enabled(annotations) else ""


def asks(item: Mapping[str, Any]) -> bool:
    """Whether a pod or template asks for a sidecar, in words that Dapr understands or not."""
    annotations = (item.get("metadata") or {}).get("annotations")
    return enabled(annotations) or bool(misread(annotations))


def sidecar_of(pod: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """(form, container): ``native`` for an init container, otherwise ``container``; None without a sidecar."""
    spec = pod.get("spec") or {}
    for form, key in (("container", "containers"), ("native", "initContainers")):
        for container in spec.get(key) or ():
            if container.get("name") == CONTAINER:
                return form, container
    return None


def pods_of(workload: Mapping[str, Any], pods: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pods that a workload's selector matches and that it owns, as far as that is known without its ReplicaSets.

    A Job's pod, or a copy that somebody made to debug, may have the same labels: neither belongs to the workload.
    """
    selector = (workload.get("spec") or {}).get("selector") or None
    return [p for p in pods if matches(selector, p["metadata"].get("labels") or {}) and _may_own(workload, p)]


def _may_own(workload: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    owner = controller(pod)
    if workload.get("kind") == "Deployment":
        return owner.get("kind") == "ReplicaSet"
    return bool(owner) and owner.get("uid") == workload["metadata"].get("uid")


def lacks_sidecar(pod: Mapping[str, Any]) -> bool:
    """Whether a running pod asks for a sidecar and has none."""
    return living(pod) and enabled(pod["metadata"].get("annotations")) and sidecar_of(pod) is None


def image_version(image: str) -> str:
    """``1.14.0`` of ``ghcr.io/dapr/daprd:1.14.0``; empty when the reference has no version (a bare digest)."""
    found = _VERSION.search(image)
    return found[1] if found else ""


def with_ready_sidecar(pods: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Running pods whose sidecar is ready."""
    return [pod for pod in pods if living(pod) and (side := sidecar_of(pod)) and _ready(pod, side[0])]


def judge_app(workload: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> AppSidecars | None:
    """Sidecars of one workload; None when its template asks for none."""
    template = workload["spec"].get("template") or {}
    annotations = (template.get("metadata") or {}).get("annotations")
    if not asks(template):
        return None
    alive = [pod for pod in pods if living(pod)]
    found = [(pod, *side) for pod in alive if (side := sidecar_of(pod))]
    first = found[0] if found else None
    return AppSidecars(
        app_id=str((annotations or {}).get(APP_ID) or workload["metadata"]["name"]),
        workload=f"{workload.get('kind', 'Deployment')}/{workload['metadata']['name']}",
        pods=len(alive),
        injected=len(found),
        ready=sum(1 for each in found if _ready(each[0], each[1])),
        version=image_version(str(first[2].get("image", ""))) if first else "",
        form=first[1] if first else "",
        lacking=tuple(sorted(pod["metadata"]["name"] for pod in alive if lacks_sidecar(pod))),
        misread=misread(annotations),
    )


def same_minor(daprd: str, control_plane: str) -> bool:
    """Whether both have the same minor version, which Dapr requires; an unknown version is accepted."""
    return not daprd or not control_plane or daprd.split(".")[:2] == control_plane.split(".")[:2]


def explained(cause: str, pod: Mapping[str, Any]) -> str:
    """A log line of a sidecar; where sentry could not find the app's Configuration, which one that is.

    Sentry's own words end in "no X509 SVID available", which is a consequence.
    """
    named = ((pod.get("metadata") or {}).get("annotations") or {}).get(CONFIG)
    if named and "failed to get configuration" in cause:
        return f"Dapr's Configuration {named} ({CONFIG}) is not there, or sentry may not read it"
    return cause


def awaited_port(log: str) -> str:
    """Port on which a sidecar waits for its app to listen; empty where it does not, or no longer.

    It does so last of all: it has its certificate, its configuration and its components by then. Source: dapr/dapr,
    pkg/runtime/runtime.go (1.18).
    """
    waits = list(_AWAITS.finditer(log))
    if not waits or "application discovered on port" in log[waits[-1].end() :]:
        return ""
    return waits[-1][1]


def describe_misread(app: AppSidecars) -> str:
    """Why an app has no sidecar although its template means to ask for one."""
    return (
        f"{app.app_id}: {app.workload} has dapr.io/enabled: {json.dumps(app.misread)}, which Dapr does not take for "
        'true, so its pods get no sidecar: write "true"'
    )


def problems(apps: Sequence[AppSidecars], control_plane: str) -> list[tuple[str, AppSidecars, str]]:
    """(code, app, message) for each problem."""
    found = []
    for app in apps:
        if app.lacking:
            pods = one_or_many(app.lacking, "pod {} runs without its", "pods {} run without their")
            found.append(("sidecar_missing", app, f"{app.app_id}: {pods} Dapr sidecar"))
        elif app.ready < app.injected:
            count = f"{app.injected - app.ready} of {app.injected}"
            found.append(("sidecar_not_ready", app, f"{app.app_id}: {count} Dapr sidecars are not ready"))
        if not same_minor(app.version, control_plane):
            text = (
                f"{app.app_id}: its Dapr sidecar is {app.version}, the control plane {control_plane}: restart the app"
            )
            found.append(("sidecar_version", app, text))
    return found


def living(pod: Mapping[str, Any]) -> bool:
    """Neither finished nor being deleted."""
    return not terminating(pod) and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def _ready(pod: Mapping[str, Any], form: str) -> bool:
    key = "initContainerStatuses" if form == "native" else "containerStatuses"
    statuses = (pod.get("status") or {}).get(key) or ()
    return any(s.get("name") == CONTAINER and s.get("ready") for s in statuses)
