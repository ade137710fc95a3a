# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose fault is a failure: what the release needs is asked, each by one request that tells whether it is down.

The table is in docs/failure-codes.md (Whose fault). All by the run's own credentials, from the machine that it runs on.
What may not be read counts as up: a failure is then the release's own. A Service that is not there is no dependency
that is down, but a name that is wrong; one that a release of this wave brings along fails with that release.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..environments.links import Cut, read_cuts
from ..failure import Code, Failure
from ..kube.api import KubeApi
from ..kube.errors import KubeError, Unreachable
from ..kube.resources import (
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    JOB,
    NODE,
    POD,
    SERVICE,
    STATEFUL_SET,
    Resource,
)
from ..labels import OWNER_RELEASE
from ..readiness.daprd import APP_ID, awaited_port, enabled
from ..readiness.pods import created
from ..readiness.selectors import matches
from .components import Backend, backends
from .down import Down
from .hosts import Address, unreached
from .nodes import ONLY_NOW, is_just_ready, just_back, unready
from .registries import silent_registry
from .webhooks import still_uncalled, uncalled

_DNS = (("kube-system", "kube-dns"), ("openshift-dns", "dns-default"))
_DAPR = ("dapr-sidecar-injector", "dapr-sentry", "dapr-placement-server", "dapr-scheduler-server", "dapr-api")
_WORKLOADS = {each.kind: each for each in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, JOB)}
_TAINT = re.compile(r"untolerated taint|node\.kubernetes\.io/(?:not-ready|unreachable)")
_CONNECT_SECONDS = 3.0
_SIDE_BY_SIDE = 8
# Failures that something else may be to blame for.
_SUSPECT = frozenset({
    Code.CRASH_LOOP, Code.PROBE_KILLED, Code.POD_FAILED, Code.JOB_FAILED, Code.NOT_READY, Code.PROBE_FAILING,
    Code.SIDECAR_NOT_READY, Code.SIDECAR_MISSING, Code.INJECTOR_DOWN, Code.PROGRESS_DEADLINE, Code.TIMEOUT,
    Code.IMAGE_PULL, Code.VOLUME_MOUNT, Code.DEPENDENCY_DOWN, Code.UNSCHEDULABLE, Code.FAILED_CREATE,
})  # fmt: skip
# Those in which what a pod connects to may have a part.
_RUNNING = _SUSPECT - {
    Code.IMAGE_PULL, Code.VOLUME_MOUNT, Code.UNSCHEDULABLE, Code.FAILED_CREATE, Code.SIDECAR_MISSING, Code.INJECTOR_DOWN
}  # fmt: skip

_UNREAD: list[dict[str, Any]] = []

Connect = Callable[[str, int], bool]


def reaches(host: str, port: int) -> bool:
    """Whether this machine gets a TCP connection. True as well when it does not know the name: that proves nothing."""
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_SECONDS):
            return True
    except socket.gaierror:
        return True
    except OSError:
        return False


class Dependencies:
    """Asks about what the releases of one namespace need.

    ``known``: texts, such as manifests that were verified, in which a host outside of the cluster must stand; otherwise
    the new version may just have it wrong. ``wave``: names of the releases that are deployed at this moment.
    """

    def __init__(
        self,
        kube: KubeApi,
        namespace: str,
        dapr_namespace: str,
        known: str = "",
        wave: Iterable[str] = (),
        connect: Connect = reaches,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._dapr = dapr_namespace
        self._known = known
        self._wave = frozenset(wave)
        self._connect = connect

    def blamed(self, failures: Mapping[str, Failure]) -> dict[str, list[Down]]:
        """What is down, by release, for failures that it explains; what takes the others along comes first. Raises
        unreachable.
        """
        suspect = {name: failure for name, failure in failures.items() if failure.code in _SUSPECT}
        if not suspect:
            return {}
        cut = self._cut() if any(one.code in _RUNNING for one in suspect.values()) else []
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            found = pool.map(lambda one: list(dict.fromkeys((*self._down(one), *_cut_off(one, cut)))), suspect.values())
            return {name: downs for name, downs in zip(suspect, found, strict=True) if downs}

    def _cut(self) -> list[Cut]:
        """Connections that a policy cuts; none where releases or policies may not be read."""
        try:
            return read_cuts(self._kube, self._namespace)
        except Unreachable:
            raise
        except KubeError:
            return []

    def _down(self, failure: Failure) -> Iterator[Down]:
        match failure.code:
            case Code.IMAGE_PULL:
                yield from silent_registry(failure)
            case Code.FAILED_CREATE:
                yield from self._webhook(failure)
            case Code.UNSCHEDULABLE:
                if _TAINT.search(str(failure.details.get("api_message"))):
                    yield from unready(self._list(NODE, ""))
            case _:
                yield from self._of_pods(failure)

    def _of_pods(self, failure: Failure) -> Iterator[Down]:
        """What pods need that run, or should."""
        pods = self._pods(failure)
        names = sorted({str((pod.get("spec") or {}).get("nodeName") or "") for pod in pods} - {""})
        nodes = [node for name in names if (node := self._find(NODE, "", name))]
        yield from unready(nodes)
        made = min(map(created, pods), default=0.0)
        yield from just_back(nodes, made, self._kube.server_now())
        started = bool(awaited_port(_said_by_sidecar(failure)))  # the sidecar, by DNS and with Dapr
        for place in _DNS:
            yield from self._service("cluster DNS", *place, Code.PLATFORM_DOWN, 0.0 if started else made)
        told: set[tuple[str, str] | None] = set()
        notes = next((n for pod in pods if enabled(n := (pod.get("metadata") or {}).get("annotations"))), None)
        if notes or failure.code in (Code.SIDECAR_MISSING, Code.INJECTOR_DOWN, Code.SIDECAR_NOT_READY):
            for service in () if started else _DAPR:
                yield from self._service(f"Dapr's {service}", self._dapr, service, Code.PLATFORM_DOWN, made)
            app_id = str((notes or {}).get(APP_ID, ""))
            for backend in backends(self._kube, self._namespace, app_id):
                yield from self._backend(backend)
                told |= {self._place(address.host) for address in backend.addresses}
        lines = [*(failure.details.get("previous_log_tail") or ()), *(failure.details.get("log_tail") or ())]
        for address in unreached(str(line) for line in lines):
            at = self._place(address.host)
            if at is None or not (at in told or at[0] == self._dapr):  # else named above, by what it is for
                yield from self._host(address, known=address.host in self._known)

    def _pods(self, failure: Failure) -> list[Mapping[str, Any]]:
        """The failed pod; where the failure names none, all pods of its workload."""
        details = failure.details
        if name := str(details.get("pod") or ""):
            pod = self._find(POD, self._namespace, name)
            return [pod] if pod else []
        resource = _WORKLOADS.get(str(details.get("kind") or ""))
        workload = self._find(resource, self._namespace, str(details.get("workload") or "")) if resource else None
        selector = ((workload or {}).get("spec") or {}).get("selector")
        if not selector:
            return []
        pods = self._list(POD, self._namespace)
        return [pod for pod in pods if matches(selector, pod["metadata"].get("labels") or {})]

    def _is_just_served(self, endpoints: Iterable[Mapping[str, Any]], made: float) -> bool:
        """Whether all pods behind a Service became ready a moment ago, after a pod that needed it was made."""
        now, names = self._kube.server_now(), (each.get("targetRef") or {} for each in endpoints)
        pods = (self._find(POD, str(each.get("namespace") or ""), str(each.get("name") or "")) for each in names)
        return made > 0 and all(pod is not None and is_just_ready(pod, made, now) for pod in pods)

    def _webhook(self, failure: Failure) -> Iterator[Down]:
        details = failure.details
        found = uncalled(str(details.get("api_message") or failure.message))
        if found is not None:
            workload = str(details.get("workload") or "")
            found = still_uncalled(self._kube, self._namespace, str(details.get("kind")), workload, found)
        if found is not None:
            where = f" (Service {found.service[1]} in namespace {found.service[0]})" if found.service else ""
            yield Down(f"admission webhook {found.name}{where}", found.why, Code.PLATFORM_DOWN)

    def _backend(self, backend: Backend) -> Iterator[Down]:
        """A component's brokers or store are down when none of their addresses answers."""
        found = [list(self._host(address, known=self._names(backend, address))) for address in backend.addresses]
        if all(found):
            yield Down(str(backend), found[0][0].why)

    def _names(self, backend: Backend, address: Address) -> bool:
        return backend.shared or address.host in self._known

    def _host(self, address: Address, *, known: bool) -> Iterator[Down]:
        """``known``: the old version has this address too; a new one outside of the cluster may just be wrong."""
        place = self._place(address.host)
        if place:
            yield from self._service(f"{address} (Service {place[1]} in namespace {place[0]})", *place)
        elif known and address.port and not self._connect(address.host, address.port):
            yield Down(str(address), "no connection from this machine either")

    def _place(self, host: str) -> tuple[str, str] | None:
        """Namespace and name of the Service that a host names, if it is there."""
        parts = host.removesuffix(".cluster.local").removesuffix(".svc").split(".")
        tried = [(self._namespace, parts[0])] if len(parts) == 1 else [(parts[1], parts[0])]
        if len(parts) == 2:  # pod.service, in the own namespace
            tried.append((self._namespace, parts[1]))
        if len(parts) == 3:  # pod.service.namespace
            tried.append((parts[2], parts[1]))
        if len(parts) == 4 and all(part.isdigit() for part in parts):
            return self._by_address(host)
        return next((place for place in tried if len(parts) < 4 and self._find(SERVICE, *place)), None)

    def _by_address(self, ip: str) -> tuple[str, str] | None:
        for namespace in ("", self._namespace):
            for item in self._list(SERVICE, namespace):
                if ip in ((item.get("spec") or {}).get("clusterIPs") or [(item.get("spec") or {}).get("clusterIP")]):
                    return str(item["metadata"].get("namespace") or self._namespace), str(item["metadata"]["name"])
        return None

    def _service(
        self, what: str, namespace: str, name: str, code: Code = Code.DEPENDENCY_DOWN, made: float = 0.0
    ) -> Iterator[Down]:
        """``made``: when the pod was made that may have missed it; 0: whatever came back counts as up."""
        service = self._find(SERVICE, namespace, name)
        if not ((service or {}).get("spec") or {}).get("selector"):  # its endpoints are somebody else's business
            return
        notes = ((service or {}).get("metadata") or {}).get("annotations") or {}
        if namespace == self._namespace and notes.get(OWNER_RELEASE) in self._wave:
            return
        slices = self._list(ENDPOINT_SLICE, namespace, f"kubernetes.io/service-name={name}")
        if slices is _UNREAD:
            return
        endpoints = [each for item in slices for each in item.get("endpoints") or ()]
        serving = [each for each in endpoints if _serves(each.get("conditions") or {})]
        if serving and self._is_just_served(serving, made):
            yield Down(what, ONLY_NOW, code)
        if not serving:
            why = {0: "it has no pods", 1: "its only pod is not ready"}
            yield Down(what, why.get(len(endpoints), f"none of its {len(endpoints)} pods is ready"), code)

    def _list(self, resource: Resource, namespace: str, labels: str = "") -> list[dict[str, Any]]:
        """All objects; ``_UNREAD`` where they may not be read."""
        try:
            return self._kube.list_(resource, namespace, label_selector=labels)[0]
        except Unreachable:
            raise
        except KubeError:
            return _UNREAD

    def _find(self, resource: Resource, namespace: str, name: str) -> Mapping[str, Any] | None:
        if not name:
            return None
        try:
            return self._kube.find(resource, namespace, name)
        except Unreachable:
            raise
        except KubeError:
            return None


def _cut_off(failure: Failure, cut: Iterable[Cut]) -> Iterator[Down]:
    """What pods that run cannot connect to, by the policies of the cluster."""
    if failure.code in _RUNNING:
        workload = str(failure.details.get("workload") or "")
        yield from (Down(f"the connection {each.link}", each.why) for each in cut if each.source == workload)


def _said_by_sidecar(failure: Failure) -> str:
    """The last lines of the sidecar of the pod that failed."""
    details = failure.details
    of = details if failure.code is Code.SIDECAR_NOT_READY else details.get("sidecar") or {}
    return "\n".join(map(str, of.get("log_tail") or ()))


def _serves(conditions: Mapping[str, Any]) -> bool:
    """Ready in fact: of a Service that publishes unready pods as well, ``ready`` says nothing, ``serving`` does."""
    return conditions.get("ready") is not False and conditions.get("serving") is not False
