# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that two Ingresses, or two routes of a Gateway, claim: one of them would get no requests.

Different paths (headers, methods) of one host are no clash, and neither are different classes or listeners.
Source for what a route leaves out: https://gateway-api.sigs.k8s.io/reference/spec/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..digest import canonical
from ..failure import Code
from ..helm.manifest import key_of
from ..kube.api import KubeReader
from ..kube.errors import Forbidden, NotFound
from ..kube.resources import INGRESS
from ..readiness.rules import group_of
from ..readiness.templates import Object, items, mapping
from .problem import Problem

_CANARY = "canary"  # ingress controllers let such an annotation share a host
_ENTRY_POINTS = "traefik.ingress.kubernetes.io/router.entrypoints"  # a release's redirect is an Ingress for HTTP alone
_GATEWAY_GROUP = "gateway.networking.k8s.io"


@dataclass(frozen=True)
class _Claim:
    """A match on a host. ``path``: for people; ``match``: all of it; ``parent``: an ingress class, or a listener."""

    kind: str
    host: str
    path: str
    match: object
    parent: object
    namespace: str
    name: str
    release: str = ""
    entry_points: str = ""

    @property
    def route(self) -> tuple[object, ...]:
        """Two claims of the same route are in each other's way."""
        return self.kind, self.host, self.match, self.parent

    @property
    def identity(self) -> tuple[str, str, str]:
        """Kind, namespace and name of the object."""
        return self.kind, self.namespace, self.name


def hosts(kube: KubeReader, namespace: str, rendered: Mapping[str, Sequence[Object]]) -> Iterator[Problem]:
    """Hosts that another object claims: of the same run, or in the cluster as far as it may be read."""
    ours: list[_Claim] = []
    kinds: dict[str, str] = {}
    for release, objects in rendered.items():
        for item in objects:
            if claims := list(_claims(item, namespace, release)):
                ours += claims
                kinds[claims[0].kind] = str(item.get("apiVersion"))
    mine = {claim.identity for claim in ours}
    live = [item for kind, version in kinds.items() for item in _live(kube, version, kind, namespace)]
    others = [claim for item in live for claim in _claims(item, "") if claim.identity not in mine]
    remedy = "change one of the two hosts"
    for number, claim in enumerate(ours):
        before = [c for c in ours[:number] if c.route == claim.route and c.identity != claim.identity]
        twins = [c for c in before if c.release != claim.release or c.entry_points == claim.entry_points]
        foreign = [c for c in others if c.route == claim.route]
        for twin in [*twins, *foreign]:
            other = f"{twin.kind} {twin.name} in namespace {twin.namespace}"
            who = f"release {twin.release}" if twin.release else other
            message = f"{claim.kind} {claim.name} claims {claim.host}{claim.path}, which {who} claims too"
            # Within the namespace it may be one that this deployment removes.
            certain = bool(twin.release) or twin.namespace != claim.namespace
            yield Problem(claim.release, Code.CONFLICT, message, remedy, certain)


def _live(kube: KubeReader, api_version: str, kind: str, namespace: str) -> Iterator[Object]:
    """Of the whole cluster, of the namespace, or none: what may be listed."""
    for where in ("", namespace):
        try:
            listed, _version = kube.list_(kube.resource(api_version, kind), where)
        except NotFound:  # no such kind: the dry run says so
            return
        except Forbidden:
            continue
        yield from ({**item, "apiVersion": api_version, "kind": kind} for item in listed)
        return


def _claims(item: Object, namespace: str, release: str = "") -> Iterator[_Claim]:
    kind, own, name = key_of(item)
    where, spec = own or namespace, mapping(item.get("spec"))
    if kind == INGRESS.kind:
        annotations = mapping(mapping(item.get("metadata")).get("annotations"))
        if any(_CANARY in str(key) for key in annotations):
            return
        ingress_class = str(spec.get("ingressClassName") or annotations.get("kubernetes.io/ingress.class") or "")
        entry_points = str(annotations.get(_ENTRY_POINTS) or "")
        for host, path, match in _ingress_paths(spec):
            yield _Claim(kind, host, path, match, ingress_class, where, name, release, entry_points)
    elif kind in _MATCHES and group_of(item) == _GATEWAY_GROUP:
        matches = list(_MATCHES[kind](spec))
        hosts_of = [str(host).lower() for host in _listed(spec.get("hostnames"))]
        for parent in [_parent(each, where) for each in items(spec.get("parentRefs"))]:
            for host in hosts_of:
                for path, match in matches:
                    yield _Claim(kind, host, path, match, parent, where, name, release)


def _ingress_paths(spec: Object) -> Iterator[tuple[str, str, object]]:
    """Host, path and match. An exact path wins over a prefix: both may be there."""
    for rule in items(spec.get("rules")):
        for each in items(mapping(rule.get("http")).get("paths")):
            path = str(each.get("path") or "/")
            if rule.get("host"):
                yield str(rule["host"]).lower(), path, (path, each.get("pathType") == "Exact")


def _parent(reference: Object, namespace: str) -> object:
    """Which listener of which Gateway."""
    defaults = {"group": _GATEWAY_GROUP, "kind": "Gateway", "namespace": namespace}
    return canonical({**defaults, **reference})


def _http_matches(spec: Object) -> Iterator[tuple[str, object]]:
    for rule in list(items(spec.get("rules"))) or [{}]:
        for match in list(items(rule.get("matches"))) or [{}]:
            path = {"type": "PathPrefix", "value": "/", **mapping(match.get("path"))}
            headers, params = _headers(match), _by_name(match.get("queryParams"))
            yield str(path["value"]), canonical({**match, "path": path, "headers": headers, "queryParams": params})


def _grpc_matches(spec: Object) -> Iterator[tuple[str, object]]:
    for rule in list(items(spec.get("rules"))) or [{}]:
        for match in list(items(rule.get("matches"))) or [{}]:
            method = {"type": "Exact", **mapping(match.get("method"))}
            path = f"/{method.get('service') or '*'}/{method.get('method') or '*'}"
            yield path, canonical({**match, "method": method, "headers": _headers(match)})


def _tls_matches(spec: Object) -> Iterator[tuple[str, object]]:
    """A connection has nothing but its host."""
    yield "", None


_MATCHES: dict[str, Callable[[Object], Iterator[tuple[str, object]]]] = {
    "HTTPRoute": _http_matches,
    "GRPCRoute": _grpc_matches,
    "TLSRoute": _tls_matches,
}


def _headers(match: Object) -> list[Object]:
    return _by_name([{**each, "name": str(each.get("name")).lower()} for each in items(match.get("headers"))])


def _by_name(conditions: object) -> list[Object]:
    """Their order says nothing."""
    return sorted(({"type": "Exact", **each} for each in items(conditions)), key=canonical)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
