# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks the sidecars and the control plane of an environment; restarts pods without their sidecar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..failure import Code, Failure, error
from ..kube.api import KubeClient
from ..kube.errors import Forbidden
from ..kube.resources import DAEMON_SET, DEPLOYMENT, POD, REPLICA_SET, STATEFUL_SET, Resource
from ..readiness.daprd import AppSidecars, enabled, image_version, judge_app, pods_of, problems, with_ready_sidecar
from ..readiness.fields import controller_uid, uid
from ..readiness.tree import newest_replica_set
from ..readiness.workloads import of_newest
from .components import AppComponents, components_of, namespace_components, not_loaded
from .trust import Trust, read_trust

INJECTOR = "dapr-sidecar-injector"
_SLICES = Resource("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
_WEBHOOKS = Resource(
    "admissionregistration.k8s.io/v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    namespaced=False,
)
_KINDS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)


@dataclass(frozen=True)
class ControlPlane:
    """Dapr's control plane: its version (empty: not readable) and whether its injector is ready."""

    version: str
    injector_ready: bool | None
    why: str = ""

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"version": self.version, "injector_ready": self.injector_ready, "why": self.why}


@dataclass(frozen=True)
class SidecarReport:
    """Sidecars and control plane at one moment."""

    apps: tuple[AppSidecars, ...]
    control_plane: ControlPlane
    trust: Trust | None = None
    failures: tuple[Failure, ...] = ()
    restarted: tuple[str, ...] = ()
    components: Mapping[str, AppComponents] = field(default_factory=dict)

    @property
    def lacking(self) -> list[str]:
        """Names of pods that should have a sidecar and have none."""
        return [pod for app in self.apps for pod in app.lacking]

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "apps": [
                {**app.as_result(), **self.components.get(app.app_id, AppComponents()).as_result()} for app in self.apps
            ],
            "control_plane": self.control_plane.as_result(),
            "trust": self.trust.as_result() if self.trust else {},
            "restarted": list(self.restarted),
        }


class SidecarCheck:
    """Sidecars of one namespace against the control plane in ``dapr_namespace``."""

    def __init__(self, kube: KubeClient, namespace: str, dapr_namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._dapr = dapr_namespace

    def look(self, app_ids: Iterable[str] = (), *, thorough: bool = False) -> SidecarReport:
        """The present state. ``app_ids``: apps that must exist (empty: those of the workloads).

        ``thorough``: read Dapr's certificates, and ask every sidecar which components it has loaded.
        """
        pods_by_app: dict[str, list[dict[str, Any]]] = {}
        judged = []
        for item, pods in self._with_newest_pods():
            if found := judge_app(item, pods):
                judged.append(found)
                pods_by_app.setdefault(found.app_id, []).extend(with_ready_sidecar(pods))
        wanted = set(app_ids)
        apps = tuple(sorted((a for a in judged if not wanted or a.app_id in wanted), key=lambda a: a.app_id))
        plane = self.control_plane()
        failures = [
            Failure(Code(code), f"{text}.", {"app_id": app.app_id, "workload": app.workload, "pods": list(app.lacking)})
            for code, app, text in problems(apps, plane.version)
        ]
        for missing in sorted(wanted - {app.app_id for app in apps}):
            text = f"{missing}: no workload in namespace {self._namespace} asks for a Dapr sidecar with this app id."
            failures.append(Failure(Code.SIDECAR_MISSING, text, {"app_id": missing, "workload": "", "pods": []}))
        if not thorough:
            return SidecarReport(apps, plane, None, tuple(failures))
        given = namespace_components(self._kube, self._namespace)
        components = {app.app_id: components_of(self._kube, app.app_id, pods_by_app[app.app_id], given) for app in apps}
        for app in apps:
            for name, text in not_loaded(app.app_id, components[app.app_id]):
                details = {"app_id": app.app_id, "workload": app.workload, "component": name}
                failures.append(Failure(Code.COMPONENT_NOT_LOADED, f"{text}.", details))
        trust = read_trust(self._kube, self._dapr)
        return SidecarReport(apps, plane, trust, tuple(failures), components=components)

    def control_plane(self) -> ControlPlane:
        """Version and state of the injector, as far as the credentials may read them."""
        try:
            injector = self._kube.find(DEPLOYMENT, self._dapr, INJECTOR)
        except Forbidden as exc:
            return ControlPlane("", None, str(exc))
        if injector is None:
            return ControlPlane("", False, f"there is no Deployment {INJECTOR} in namespace {self._dapr}")
        labels = injector["metadata"].get("labels") or {}
        image = injector["spec"]["template"]["spec"]["containers"][0].get("image", "")
        version = image_version(image) or str(labels.get("app.kubernetes.io/version", ""))
        ready = (injector.get("status") or {}).get("readyReplicas") or 0
        return ControlPlane(version, ready > 0, "" if ready else f"no pod of {INJECTOR} is ready")

    def verify_injector(self) -> None:
        """Raises injector_down unless the injector has ready endpoints and its webhook has a CA bundle."""
        try:
            slices = self._kube.list_(_SLICES, self._dapr, label_selector=f"kubernetes.io/service-name={INJECTOR}")[0]
            hook = self._kube.find(_WEBHOOKS, "", INJECTOR)
        except Forbidden as exc:
            raise error(Code.INJECTOR_DOWN, f"Whether Dapr's injector works cannot be read: {exc}") from exc
        ready = any((e.get("conditions") or {}).get("ready") for s in slices for e in s.get("endpoints") or ())
        if not ready:
            raise error(
                Code.INJECTOR_DOWN,
                f"Dapr's injector has no ready endpoint in namespace {self._dapr}: repair Dapr first.",
            )
        if not hook or not all((w.get("clientConfig") or {}).get("caBundle") for w in hook.get("webhooks") or ()):
            raise error(
                Code.INJECTOR_DOWN, f"The webhook {INJECTOR} has no CA bundle yet: wait for Dapr, then try again."
            )

    def restart_lacking(self, report: SidecarReport) -> list[str]:
        """Deletes the pods without their sidecar, after verifying the injector; their owners create new ones."""
        self.verify_injector()
        for pod in report.lacking:
            self._kube.delete(POD, self._namespace, pod)
        return report.lacking

    def _with_newest_pods(self) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Workloads that ask for sidecars, each with the pods of its newest revision."""
        workloads, pods = self._workloads(), self._kube.list_(POD, self._namespace)[0]
        sets = self._kube.list_(REPLICA_SET, self._namespace)[0] if workloads else []
        found = []
        for item in workloads:
            own = [replica_set for replica_set in sets if controller_uid(replica_set) == uid(item)]
            newest = newest_replica_set(item, own) if item["kind"] == "Deployment" else None
            old = {uid(replica_set) for replica_set in own if newest and uid(replica_set) != uid(newest)}
            mine = [pod for pod in pods_of(item, pods) if controller_uid(pod) not in old]
            found.append((item, mine if item["kind"] == "Deployment" else [p for p in mine if of_newest(item, p)]))
        return found

    def _workloads(self) -> list[dict[str, Any]]:
        found = []
        for kind in _KINDS:
            for item in self._kube.list_(kind, self._namespace)[0]:
                template = ((item["spec"].get("template") or {}).get("metadata") or {}).get("annotations")
                if enabled(template):
                    found.append({**item, "kind": kind.kind})
        return found
