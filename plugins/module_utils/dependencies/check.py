# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose fault is a failure: what the release needs is asked, each by one request that tells whether it is down.

| what | asked | counts as down |
|---|---|---|
| the pod's node | Node | it is not Ready |
| cluster DNS | EndpointSlices of Service kube-dns | none is ready |
| Dapr's control plane, for pods with a sidecar | EndpointSlices of its Services | none of one Service is ready |
| hosts in the log, brokers and stores of components | EndpointSlices of their Service | none is ready |
| hosts in the log outside of the cluster | a TCP connection from here | refused or silent, and known from before |
| an image's registry | the kubelet's message | refused, timed out, 429, 5xx; not "not found" or "denied" |

All by the run's own credentials. What may not be read counts as up: a failure is then the release's own. A Service that
is not there is no dependency that is down, but a name that is wrong; one that a release of this wave brings along fails
with that release.
"""

from __future__ import annotations

import base64
import binascii
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ..failure import Code, Failure
from ..kube.api import KubeReader
from ..kube.deadline import Deadline
from ..kube.errors import KubeError, Unreachable
from ..kube.resources import ENDPOINT_SLICE, NODE, POD, SECRET, SERVICE, WELL_KNOWN, Resource
from ..readiness.daprd import enabled
from .hosts import Address, addresses, unreached

_COMPONENT = WELL_KNOWN["dapr.io/v1alpha1", "Component"]
_DNS = ("kube-system", "kube-dns")
_DAPR = ("dapr-sidecar-injector", "dapr-sentry", "dapr-placement-server", "dapr-scheduler-server", "dapr-api")
_HOST_KEYS = frozenset({"brokers", "redisHost", "host", "hosts", "url", "natsURL", "endpoint", "connectionString"})
_REGISTRY = re.compile(
    r"connection refused|i/o timeout|no such host|tls handshake timeout|context deadline exceeded|unexpected eof"
    r"|toomanyrequests|too many requests|\b(?:429|500|502|503|504)\b|service unavailable|bad gateway"
    r"|server misbehaving",
    re.IGNORECASE,
)
_FINAL = re.compile(r"not found|denied|unauthorized|manifest unknown|forbidden", re.IGNORECASE)
_IMAGE = re.compile(r'image "([^"]+)"')
_CONNECT_SECONDS = 3.0
_ASK_SECONDS = 10.0
_SIDE_BY_SIDE = 8
# Failures that something else may be to blame for.
_SUSPECT = frozenset({
    Code.CRASH_LOOP, Code.PROBE_KILLED, Code.POD_FAILED, Code.JOB_FAILED, Code.NOT_READY, Code.PROBE_FAILING,
    Code.SIDECAR_NOT_READY, Code.SIDECAR_MISSING, Code.INJECTOR_DOWN, Code.PROGRESS_DEADLINE, Code.TIMEOUT,
    Code.IMAGE_PULL, Code.VOLUME_MOUNT, Code.DEPENDENCY_DOWN,
})  # fmt: skip

Connect = Callable[[str, int], bool]


@dataclass(frozen=True, order=True)
class Down:
    """Something that the old version needs as much as the new one. ``code``: dependency_down or platform_down."""

    what: str
    why: str
    code: Code = Code.DEPENDENCY_DOWN

    def __str__(self) -> str:
        return f"{self.what} is down: {self.why}"


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
        kube: KubeReader,
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
        """What is down, by release, for failures that it explains. Raises unreachable."""
        suspect = {name: failure for name, failure in failures.items() if failure.code in _SUSPECT}
        if not suspect:
            return {}
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            found = pool.map(lambda failure: sorted(set(self._down(failure))), suspect.values())
            return {name: downs for name, downs in zip(suspect, found, strict=True) if downs}

    def _down(self, failure: Failure) -> Iterator[Down]:
        if failure.code is Code.IMAGE_PULL:
            yield from _registry(failure)
            return
        pod = self._find(POD, self._namespace, str(failure.details.get("pod") or "")) or {}
        yield from self._node(pod)
        yield from self._service("cluster DNS", *_DNS, Code.PLATFORM_DOWN)
        sidecar = failure.code in (Code.SIDECAR_MISSING, Code.INJECTOR_DOWN, Code.SIDECAR_NOT_READY)
        if sidecar or enabled((pod.get("metadata") or {}).get("annotations")):
            for service in _DAPR:
                yield from self._service(f"Dapr's {service}", self._dapr, service, Code.PLATFORM_DOWN)
            app_id = ((pod.get("metadata") or {}).get("annotations") or {}).get("dapr.io/app-id", "")
            for address in self._of_components(str(app_id)):
                yield from self._host(address, outside=False)
        lines = [*(failure.details.get("previous_log_tail") or ()), *(failure.details.get("log_tail") or ())]
        for address in unreached(str(line) for line in lines):
            yield from self._host(address, outside=True)

    def _node(self, pod: Mapping[str, Any]) -> Iterator[Down]:
        name = str((pod.get("spec") or {}).get("nodeName") or "")
        node = self._find(NODE, "", name)
        for condition in ((node or {}).get("status") or {}).get("conditions") or ():
            if condition.get("type") == "Ready" and condition.get("status") != "True":
                yield Down(f"node {name}", str(condition.get("reason") or "not ready"), Code.PLATFORM_DOWN)

    def _host(self, address: Address, *, outside: bool) -> Iterator[Down]:
        place = self._place(address.host)
        if place:
            yield from self._service(f"{address} (Service {place[1]} in namespace {place[0]})", *place)
        elif outside and address.port and self._is_known(address) and not self._connect(address.host, address.port):
            yield Down(str(address), "no connection from this machine either")

    def _is_known(self, address: Address) -> bool:
        return address.host in self._known

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
            try:
                listed = self._kube.list_(SERVICE, namespace, deadline=Deadline.after(_ASK_SECONDS))[0]
            except Unreachable:
                raise
            except KubeError:
                continue
            for item in listed:
                if ip in ((item.get("spec") or {}).get("clusterIPs") or [(item.get("spec") or {}).get("clusterIP")]):
                    return str(item["metadata"].get("namespace") or self._namespace), str(item["metadata"]["name"])
        return None

    def _service(self, what: str, namespace: str, name: str, code: Code = Code.DEPENDENCY_DOWN) -> Iterator[Down]:
        service = self._find(SERVICE, namespace, name)
        if not ((service or {}).get("spec") or {}).get("selector"):  # its endpoints are somebody else's business
            return
        notes = ((service or {}).get("metadata") or {}).get("annotations") or {}
        if namespace == self._namespace and notes.get("meta.helm.sh/release-name") in self._wave:
            return
        try:
            selector = f"kubernetes.io/service-name={name}"
            deadline = Deadline.after(_ASK_SECONDS)
            slices = self._kube.list_(ENDPOINT_SLICE, namespace, label_selector=selector, deadline=deadline)[0]
        except Unreachable:
            raise
        except KubeError:
            return
        endpoints = [each for item in slices for each in item.get("endpoints") or ()]
        if not any((each.get("conditions") or {}).get("ready") is not False for each in endpoints):
            yield Down(what, f"none of its {len(endpoints)} pods is ready" if endpoints else "it has no pods", code)

    def _of_components(self, app_id: str) -> Iterator[Address]:
        """Brokers and stores of the Dapr components that an app loads."""
        try:
            items = self._kube.list_(_COMPONENT, self._namespace, deadline=Deadline.after(_ASK_SECONDS))[0]
        except Unreachable:
            raise
        except KubeError:
            return
        for item in items:
            if not item.get("scopes") or app_id in item["scopes"]:
                for entry in (item.get("spec") or {}).get("metadata") or ():
                    if entry.get("name") in _HOST_KEYS:
                        yield from addresses(self._value(entry))

    def _value(self, entry: Mapping[str, Any]) -> str:
        reference = entry.get("secretKeyRef") or {}
        if not reference:
            return str(entry.get("value") or "")
        secret = self._find(SECRET, self._namespace, str(reference.get("name") or "")) or {}
        try:
            return base64.b64decode((secret.get("data") or {}).get(reference.get("key"), "")).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""

    def _find(self, resource: Resource, namespace: str, name: str) -> Mapping[str, Any] | None:
        if not name:
            return None
        try:
            return self._kube.find(resource, namespace, name, deadline=Deadline.after(_ASK_SECONDS))
        except Unreachable:
            raise
        except KubeError:
            return None


def _registry(failure: Failure) -> Iterator[Down]:
    text = " ".join([str(failure.details.get("api_message") or ""), *_messages(failure.details.get("events") or ())])
    if _REGISTRY.search(text) and not _FINAL.search(text):
        found = _IMAGE.search(text)
        host = found[1].partition("/")[0] if found and "/" in found[1] else ""
        name = f"registry {host}" if "." in host or ":" in host else "the image's registry"
        yield Down(name, "the kubelet gets no answer that it can use")


def _messages(events: Iterable[Any]) -> Iterator[str]:
    for event in events:
        yield str(event.get("message") if isinstance(event, Mapping) else event)
