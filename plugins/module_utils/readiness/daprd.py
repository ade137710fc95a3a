# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judges Dapr sidecars; pure: pods in, findings out.

Dapr's injector is a webhook that by default lets pods pass while it is down. Such a pod runs without its sidecar, looks
healthy, and nothing says so. daprd is in ``containers`` or, as a native sidecar, in ``initContainers``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ENABLED, APP_ID = "dapr.io/enabled", "dapr.io/app-id"
CONTAINER = "daprd"
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

    @property
    def expected(self) -> int:
        """Every pod of the app needs one."""
        return self.pods

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
    """Whether this pod (or pod template) asks for a sidecar."""
    return str((annotations or {}).get(ENABLED, "")).lower() in ("true", "yes", "y", "on", "1")


def sidecar_of(pod: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """(form, container): ``native`` for an init container, otherwise ``container``; None without a sidecar."""
    spec = pod.get("spec") or {}
    for form, key in (("container", "containers"), ("native", "initContainers")):
        for container in spec.get(key) or ():
            if container.get("name") == CONTAINER:
                return form, container
    return None


def pods_of(workload: Mapping[str, Any], pods: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pods that match a workload's selector (equality only, which is what charts render)."""
    wanted = ((workload.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    return [p for p in pods if wanted and wanted.items() <= (p["metadata"].get("labels") or {}).items()]


def lacks_sidecar(pod: Mapping[str, Any]) -> bool:
    """Whether a running pod asks for a sidecar and has none."""
    return _living(pod) and enabled(pod["metadata"].get("annotations")) and sidecar_of(pod) is None


def image_version(image: str) -> str:
    """``1.14.0`` of ``ghcr.io/dapr/daprd:1.14.0``; empty when the reference has no version (a bare digest)."""
    found = _VERSION.search(image)
    return found[1] if found else ""


def with_ready_sidecar(pods: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Running pods whose sidecar is ready."""
    return [pod for pod in pods if _living(pod) and (side := sidecar_of(pod)) and _ready(pod, side[0])]


def judge_app(workload: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> AppSidecars | None:
    """Sidecars of one workload; None when its template asks for none."""
    template = workload["spec"].get("template") or {}
    annotations = (template.get("metadata") or {}).get("annotations")
    if not enabled(annotations):
        return None
    living = [pod for pod in pods if _living(pod)]
    found = [(pod, *side) for pod in living if (side := sidecar_of(pod))]
    first = found[0] if found else None
    return AppSidecars(
        app_id=str((annotations or {}).get(APP_ID) or workload["metadata"]["name"]),
        workload=f"{workload.get('kind', 'Deployment')}/{workload['metadata']['name']}",
        pods=len(living),
        injected=len(found),
        ready=sum(1 for each in found if _ready(each[0], each[1])),
        version=image_version(str(first[2].get("image", ""))) if first else "",
        form=first[1] if first else "",
        lacking=tuple(sorted(pod["metadata"]["name"] for pod in living if sidecar_of(pod) is None)),
    )


def same_minor(daprd: str, control_plane: str) -> bool:
    """Whether both have the same minor version, which Dapr requires; an unknown version is accepted."""
    return not daprd or not control_plane or daprd.split(".")[:2] == control_plane.split(".")[:2]


def problems(apps: Sequence[AppSidecars], control_plane: str) -> list[tuple[str, AppSidecars, str]]:
    """(code, app, message) for each problem."""
    found = []
    for app in apps:
        if app.lacking:
            names = ", ".join(app.lacking)
            found.append(("sidecar_missing", app, f"{app.app_id}: pod {names} runs without its Dapr sidecar"))
        elif app.ready < app.injected:
            count = f"{app.injected - app.ready} of {app.injected}"
            found.append(("sidecar_not_ready", app, f"{app.app_id}: {count} Dapr sidecars are not ready"))
        if not same_minor(app.version, control_plane):
            text = (
                f"{app.app_id}: its Dapr sidecar is {app.version}, the control plane {control_plane}: restart the app"
            )
            found.append(("sidecar_version", app, text))
    return found


def _living(pod: Mapping[str, Any]) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return not pod["metadata"].get("deletionTimestamp") and phase not in ("Succeeded", "Failed")


def _ready(pod: Mapping[str, Any], form: str) -> bool:
    key = "initContainerStatuses" if form == "native" else "containerStatuses"
    statuses = (pod.get("status") or {}).get(key) or ()
    return any(s.get("name") == CONTAINER and s.get("ready") for s in statuses)
