# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must be there around rendered objects: Secrets and their keys, ConfigMaps, classes; node ports that are free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..failure import Code
from ..helm.manifest import key_of
from ..kube.api import KubeReader
from ..kube.errors import Forbidden
from ..kube.resources import (
    CONFIG_MAP,
    INGRESS,
    INGRESS_CLASS,
    PVC,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    STORAGE_CLASS,
    WELL_KNOWN,
    Resource,
)
from ..readiness.templates import Object, items, mapping
from .needs import CONFIGURATION, PRIORITY_CLASS, RUNTIME_CLASS, Need, Provided, label_of
from .problem import Problem

_RESOURCES = {
    **{resource.kind: resource for resource in (SECRET, CONFIG_MAP, PVC, SERVICE_ACCOUNT)},
    CONFIGURATION: WELL_KNOWN["dapr.io/v1alpha1", CONFIGURATION],
    PRIORITY_CLASS: Resource("scheduling.k8s.io/v1", PRIORITY_CLASS, "priorityclasses", namespaced=False),
    RUNTIME_CLASS: Resource("node.k8s.io/v1", RUNTIME_CLASS, "runtimeclasses", namespaced=False),
}
_CODES = {
    PVC.kind: Code.UNSCHEDULABLE, SERVICE_ACCOUNT.kind: Code.SERVICE_ACCOUNT_MISSING,
    PRIORITY_CLASS: Code.NOT_FOUND, RUNTIME_CLASS: Code.NOT_FOUND,
}  # fmt: skip
_WHERE = {
    SECRET.kind: "create it, or add it to environment_secrets",
    PRIORITY_CLASS: "install it, or name one of kubectl get priorityclasses",
    RUNTIME_CLASS: "install it, or name one of kubectl get runtimeclasses",
}


def missing(
    kube: KubeReader, release: str, needs: Iterable[Need], namespace: str, provided: Provided
) -> Iterator[Problem]:
    """Needs that neither the cluster nor the run itself meets."""
    wanted: dict[tuple[str, str], list[Need]] = {}
    for need in needs:
        if not provided.has(need, namespace):
            wanted.setdefault((need.kind, need.name), []).append(need)
    for (kind, name), each in wanted.items():
        try:
            resource = _RESOURCES[kind]
            live = kube.find(resource, namespace if resource.namespaced else "", name)
        except Forbidden:
            continue
        keys = {key for field in ("data", "binaryData") for key in mapping((live or {}).get(field))}
        for need in each:
            if live is not None and (not need.key or need.key in keys):
                continue
            certain = need.certain and not (provided.by_others and kind in (SECRET.kind, CONFIG_MAP.kind))
            whole = replace(need, key="")
            if live is None and provided.has(whole, namespace):
                problem = not_there(release, need, certain=certain)
                yield replace(problem, remedy="add it to what the release brings along, or correct its name")
            else:
                yield not_there(release, need if live is not None else whole, certain=certain)


def not_there(release: str, need: Need, *, certain: bool = True) -> Problem:
    """What pods need is missing."""
    code, remedy = _CODES.get(need.kind, Code.CONFIG_MISSING), _WHERE.get(need.kind, "create it")
    return Problem(release, code, f"{need.by} needs {need.label}, which is not there", remedy, certain)


def classes(kube: KubeReader, release: str, objects: Iterable[Object]) -> Iterator[Problem]:
    """Ingress and storage classes that are not there; something may serve the name all the same."""
    for item in objects:
        kind, spec = key_of(item)[0], mapping(item.get("spec"))
        named: list[tuple[Resource, object]] = []
        if kind == INGRESS.kind:
            named = [(INGRESS_CLASS, spec.get("ingressClassName"))]
        elif kind == PVC.kind:
            named = [(STORAGE_CLASS, spec.get("storageClassName"))]
        elif kind == "StatefulSet":
            claims = items(spec.get("volumeClaimTemplates"))
            named = [(STORAGE_CLASS, mapping(claim.get("spec")).get("storageClassName")) for claim in claims]
        for resource, name in named:
            if name and _is_missing(kube, resource, str(name)):
                message = f"{label_of(item)} names {resource.kind} {name!r}, which is not there"
                remedy = f"install it, or name one of kubectl get {resource.plural}"
                yield Problem(release, Code.NOT_FOUND, message, remedy, certain=False)


def _is_missing(kube: KubeReader, resource: Resource, name: str) -> bool:
    try:
        return kube.find(resource, "", name, metadata_only=True) is None
    except Forbidden:
        return False


def node_ports(kube: KubeReader, namespace: str, rendered: Mapping[str, Sequence[Object]]) -> Iterator[Problem]:
    """Ports of the nodes that another Service has: of the same run, or in the cluster as far as it may be read."""
    ours: dict[tuple[str, int], tuple[str, str, str]] = {}  # (protocol, port) -> release, namespace, name
    twins = []
    for release, listed in rendered.items():
        for item in listed:
            kind, own, name = key_of(item)
            for port in _node_ports(item) if kind == SERVICE.kind else ():
                first = ours.setdefault(port, (release, own or namespace, name))
                if first[1:] != (own or namespace, name):
                    twins.append((release, name, port, f"release {first[0]}"))
    if not ours:
        return
    try:
        live, _version = kube.list_(SERVICE)
    except Forbidden:
        live = []  # those of other namespaces are the API server's to refuse, in the dry run
    mine = {place[1:] for place in ours.values()}
    for item in live:
        place = str(mapping(item.get("metadata")).get("namespace") or ""), key_of(item)[2]
        for port in _node_ports(item) if place not in mine else ():
            if port in ours:
                twins.append((ours[port][0], ours[port][2], port, f"Service {place[1]} in namespace {place[0]}"))
    for release, name, (protocol, number), who in twins:
        message = f"Service {name} asks for node port {number} ({protocol}), which {who} has"
        yield Problem(release, Code.CONFLICT, message, "name another port, or none")


def _node_ports(item: Object) -> Iterator[tuple[str, int]]:
    spec = mapping(item.get("spec"))
    for port in items(spec.get("ports")):
        if isinstance(number := port.get("nodePort"), int) and number:
            yield str(port.get("protocol") or "TCP"), number
    if isinstance(number := spec.get("healthCheckNodePort"), int) and number:
        yield "TCP", number
