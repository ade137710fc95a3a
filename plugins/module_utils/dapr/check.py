# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks the sidecars and the control plane of an environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..failure import Code, Failure, error
from ..kube.api import KubeObserver
from ..kube.errors import Forbidden, KubeError
from ..kube.resources import DEPLOYMENT, ENDPOINT_SLICE, NAMESPACE, Resource
from ..readiness.daprd import AppSidecars, describe_misread, image_version, judge_app, problems, with_ready_sidecar
from ..readiness.fields import labels
from ..readiness.selectors import matches
from .components import AppComponents, components_of, namespace_components, not_loaded
from .owners import Key, Owner, owners_of
from .trust import Trust, read_trust

INJECTOR = "dapr-sidecar-injector"
NONE_ASKED = "no pod asks for a Dapr sidecar"
_WEBHOOKS = Resource(
    "admissionregistration.k8s.io/v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    namespaced=False,
)


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
    owners: tuple[Owner, ...] = ()
    notes: tuple[str, ...] = ()  # nothing that fails, but it should be known

    @property
    def lacking(self) -> list[str]:
        """Names of pods that should have a sidecar and have none."""
        return [pod for app in self.apps for pod in app.lacking]

    def summary(self) -> str:
        """What of it was found, for people: no more than what was looked at."""
        wanted = sum(app.expected for app in self.apps)
        if not wanted:
            return NONE_ASKED
        pods = "pod has its" if wanted == 1 else "pods have their"
        version = self.control_plane.version
        compared = "" if version else f"; versions were not compared: {self.control_plane.why}"
        found = f"{sum(app.ready for app in self.apps)} of {wanted} {pods} Dapr sidecar ready{compared}"
        return "; ".join([found, *(self.trust.sentences() if self.trust else ())])

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "apps": [
                {**app.as_result(), **self.components.get(app.app_id, AppComponents()).as_result()} for app in self.apps
            ],
            "control_plane": self.control_plane.as_result(),
            "trust": self.trust.as_result() if self.trust else {},
            "restarted": list(self.restarted),
            "notes": list(self.notes),
            "summary": self.summary(),
        }


class SidecarCheck:
    """Sidecars of one namespace against the control plane in ``dapr_namespace``."""

    def __init__(self, kube: KubeObserver, namespace: str, dapr_namespace: str) -> None:
        self._kube = kube
        self.namespace = namespace
        self._dapr = dapr_namespace

    def look(
        self,
        app_ids: Iterable[str] = (),
        *,
        releases: Mapping[Key, str] | None = None,
        thorough: bool = False,
    ) -> SidecarReport:
        """The present state.

        ``app_ids``: apps that must exist. ``releases``: the rendered objects of some releases, whose sidecars are
        looked at; None: those of ``app_ids``, or without any of the whole namespace.
        ``thorough``: read Dapr's certificates, and ask every sidecar which components it has loaded.
        """
        wanted = set(app_ids)
        judged: list[tuple[AppSidecars, Owner]] = []
        for owner in owners_of(self._kube, self.namespace):
            found = judge_app(owner.workload, owner.pods)
            if found and _is_meant(found, owner, wanted, releases):
                judged.append((found, owner))
        judged.sort(key=lambda each: (each[0].app_id, each[0].workload))
        apps = tuple(app for app, _owner in judged)
        plane = self.control_plane()
        failures, notes = self._failures(judged, wanted, plane, releases or {})
        owners = tuple(owner for _app, owner in judged)
        if not thorough:
            return SidecarReport(apps, plane, None, tuple(failures), owners=owners, notes=tuple(notes))
        given = namespace_components(self._kube, self.namespace)
        pods: dict[str, list[dict[str, Any]]] = {}
        for app, owner in judged:
            pods.setdefault(app.app_id, []).extend(with_ready_sidecar(owner.pods))
        components = {app_id: components_of(self._kube, app_id, own, given) for app_id, own in pods.items()}
        for app in apps:
            for component, text in not_loaded(app.app_id, components[app.app_id]):
                details = {"app_id": app.app_id, "workload": app.workload, "component": component}
                failures.append(Failure(Code.COMPONENT_NOT_LOADED, f"{text}.", details))
        trust = read_trust(self._kube, self._dapr)
        return SidecarReport(
            apps, plane, trust, tuple(failures), components=components, owners=owners, notes=tuple(notes)
        )

    def _failures(
        self,
        judged: Sequence[tuple[AppSidecars, Owner]],
        wanted: set[str],
        plane: ControlPlane,
        releases: Mapping[Key, str],
    ) -> tuple[list[Failure], list[str]]:
        """Failures, and notes on what Dapr does not understand where nobody said that it must."""
        failures, notes = [], []
        for app, owner in judged:
            details = {"app_id": app.app_id, "workload": app.workload, "pods": list(app.lacking)}
            details |= {"release": release} if (release := _release(owner, releases)) else {}
            if app.misread and not app.injected:
                text = describe_misread(app)
                if app.app_id in wanted:
                    failures.append(Failure(Code.SIDECAR_MISSING, f"{text}.", details))
                else:
                    notes.append(f"{text}.")
            for code, _app, text in problems([app], plane.version):
                why = self._why_lacking(owner, plane) if code == Code.SIDECAR_MISSING else ""
                failures.append(Failure(Code(code), f"{text}{why}.", details))
        for missing in sorted(wanted - {app.app_id for app, _owner in judged}):
            text = f"{missing}: no workload in namespace {self.namespace} asks for a Dapr sidecar with this app id."
            failures.append(Failure(Code.SIDECAR_MISSING, text, {"app_id": missing, "workload": "", "pods": []}))
        return failures, notes

    def _why_lacking(self, owner: Owner, plane: ControlPlane) -> str:
        """Why its pods get none; empty when that is not known."""
        if reason := self.unselected(owner) or (plane.why if plane.injector_ready is False else ""):
            return f": {reason}"
        return "" if owner.restarts else f"; pods of a {owner.tops[-1][0]} are not restarted here"

    def unselected(self, owner: Owner) -> str:
        """Why the injector's webhook does not select an owner's pods; empty if it does, or when that can't be read."""
        try:
            hook = self._kube.find(_WEBHOOKS, "", INJECTOR) or {}
            namespace = self._kube.find(NAMESPACE, "", self.namespace, metadata_only=True) or {}
        except KubeError:
            return ""
        there = {"kubernetes.io/metadata.name": self.namespace, **labels(namespace)}
        for each in hook.get("webhooks") or ():
            if not matches(each.get("namespaceSelector") or {}, there):
                return f"the injector's webhook does not select namespace {self.namespace} (its namespaceSelector)"
            if any(not matches(each.get("objectSelector") or {}, labels(pod)) for pod in owner.pods):
                return "the injector's webhook does not select these pods (its objectSelector)"
        return ""

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
            slices = self._kube.list_(
                ENDPOINT_SLICE, self._dapr, label_selector=f"kubernetes.io/service-name={INJECTOR}"
            )[0]
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


def _is_meant(app: AppSidecars, owner: Owner, wanted: set[str], releases: Mapping[Key, str] | None) -> bool:
    if releases is not None:
        return bool(_release(owner, releases))
    if owner.tops[-1][0] == "Pod":  # nobody's: a copy that somebody made to debug
        return False
    return not wanted or app.app_id in wanted


def _release(owner: Owner, releases: Mapping[Key, str]) -> str:
    return next((releases[key] for key in owner.tops if key in releases), "")
