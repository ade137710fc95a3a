# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that two Ingresses, or two routes of a Gateway, claim: one of them would get no requests.

Different paths (headers, methods) of one host are no clash, and neither are different classes or listeners. What may be
in the way of another is told: a route on one listener and one on all, a route and an Ingress of whatever controller,
and an HTTPRoute and a GRPCRoute, of which a listener takes one for a host, whatever their matches.
Source for that and for what a route leaves out: https://gateway-api.sigs.k8s.io/reference/spec/
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
from ..kube.resources import INGRESS, INGRESS_CLASS
from ..readiness.rules import group_of
from ..readiness.templates import Object, items, mapping
from .problem import Problem

_CANARY = "canary"  # ingress controllers let such an annotation share a host
_ENTRY_POINTS = "traefik.ingress.kubernetes.io/router.entrypoints"  # a release's redirect is an Ingress for HTTP alone
_GATEWAY_GROUP = "gateway.networking.k8s.io"
_DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
_HTTP, _GRPC = "HTTPRoute", "GRPCRoute"
_BESIDE = {INGRESS.kind: [_HTTP], _HTTP: [INGRESS.kind, _GRPC], _GRPC: [_HTTP]}
_VERSIONS = {INGRESS.kind: INGRESS.api_version, _HTTP: f"{_GATEWAY_GROUP}/v1", _GRPC: f"{_GATEWAY_GROUP}/v1"}


@dataclass(frozen=True)
class _Claim:
    """A match on a host.

    ``host``: empty for every host that no other names; ``path``: for people; ``match``: all of it; ``plain``: the path
    and whether it is exact, if nothing else counts; ``parent``: an ingress class, or a Gateway; ``listener``: name and
    port of one of its listeners, empty for any.
    """

    kind: str
    host: str
    path: str
    match: object
    plain: object
    parent: object
    namespace: str
    name: str
    release: str = ""
    entry_points: str = ""
    listener: tuple[object, object] = ("", "")

    @property
    def identity(self) -> tuple[str, str, str]:
        """Kind, namespace and name of the object."""
        return self.kind, self.namespace, self.name


def hosts(kube: KubeReader, namespace: str, rendered: Mapping[str, Sequence[Object]]) -> Iterator[Problem]:
    """Hosts that another object claims: of the same run, or in the cluster as far as it may be read."""
    ours: list[_Claim] = []
    kinds: dict[str, str] = {}
    usual = _default_class(kube, [item for objects in rendered.values() for item in objects])
    for release, objects in rendered.items():
        for item in objects:
            if claims := list(_claims(item, namespace, usual, release)):
                ours += claims
                kinds[claims[0].kind] = str(item.get("apiVersion"))
    mine = {claim.identity for claim in ours}
    versions = {other: _VERSIONS[other] for kind in kinds for other in _BESIDE.get(kind, ())} | kinds
    live = [item for kind, version in versions.items() for item in _live(kube, version, kind, namespace)]
    others = [claim for item in live for claim in _claims(item, "", usual) if claim.identity not in mine]
    found: dict[Problem, None] = {}
    for number, claim in enumerate(ours):
        for twin in [*ours[:number], *others]:
            if (same := _clash(claim, twin)) is not None:
                # Within the namespace it may be one that this deployment removes.
                certain = same and bool(claim.host) and (bool(twin.release) or twin.namespace != claim.namespace)
                found[_problem(claim, twin, certain)] = None
    yield from found


def _clash(one: _Claim, other: _Claim) -> bool | None:
    """Whether one is in the other's way for certain; None: it is not."""
    if one.identity == other.identity or one.host != other.host:
        return None
    together = one.release == other.release and one.release != ""  # somebody wrote them side by side
    meet = all(a == b or "" in (a, b) for a, b in zip(one.listener, other.listener, strict=True))
    if one.kind == other.kind:
        if one.match != other.match or one.parent != other.parent or not meet:
            return None
        return None if together and one.entry_points != other.entry_points else one.listener == other.listener
    if together:
        return None
    if INGRESS.kind in (one.kind, other.kind):
        return None if one.plain is None or one.plain != other.plain else False
    return False if {one.kind, other.kind} == {_HTTP, _GRPC} and one.parent == other.parent and meet else None


def _problem(claim: _Claim, twin: _Claim, certain: bool) -> Problem:
    other = f"{twin.kind} {twin.name} in namespace {twin.namespace}"
    who = f"release {twin.release}" if twin.release else other
    what = f"{claim.host}{claim.path}" if claim.host else f"every host at {claim.path or 'all paths'}"
    message = f"{claim.kind} {claim.name} claims {what}, which {who} claims too"
    return Problem(claim.release, Code.CONFLICT, message, "change one of the two hosts", certain)


def _default_class(kube: KubeReader, objects: Sequence[Object]) -> str:
    """What the API server gives to an Ingress that names no class."""
    if not any(key_of(item)[0] == INGRESS.kind and not _class_of(item) for item in objects):
        return ""
    try:
        listed, _version = kube.list_(INGRESS_CLASS)
    except Forbidden:
        return ""
    notes = {key_of(item)[2]: mapping(mapping(item.get("metadata")).get("annotations")) for item in listed}
    return next((name for name, each in sorted(notes.items()) if each.get(_DEFAULT_CLASS) == "true"), "")


def _class_of(item: Object) -> str:
    annotations = mapping(mapping(item.get("metadata")).get("annotations"))
    named = mapping(item.get("spec")).get("ingressClassName") or annotations.get("kubernetes.io/ingress.class")
    return str(named or "")


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


def _claims(item: Object, namespace: str, usual: str, release: str = "") -> Iterator[_Claim]:
    """``usual``: the class of Ingresses that name none."""
    kind, own, name = key_of(item)
    where, spec = own or namespace, mapping(item.get("spec"))
    if kind == INGRESS.kind:
        annotations = mapping(mapping(item.get("metadata")).get("annotations"))
        if any(_CANARY in str(key) for key in annotations):
            return
        entry_points = str(annotations.get(_ENTRY_POINTS) or "")
        for host, path, match in _ingress_paths(spec):
            yield _Claim(kind, host, path, match, match, _class_of(item) or usual, where, name, release, entry_points)
    elif kind in _MATCHES and group_of(item) == _GATEWAY_GROUP:
        matches = list(_MATCHES[kind](spec))
        for parent, listener in [_parent(each, where) for each in items(spec.get("parentRefs"))]:
            for host in [str(host).lower() for host in _listed(spec.get("hostnames"))] or [""]:
                for path, match, plain in matches:
                    yield _Claim(kind, host, path, match, plain, parent, where, name, release, listener=listener)


def _ingress_paths(spec: Object) -> Iterator[tuple[str, str, object]]:
    """Host, path and match. An exact path wins over a prefix: both may be there."""
    for rule in items(spec.get("rules")):
        for each in items(mapping(rule.get("http")).get("paths")):
            path, exact = str(each.get("path") or "/"), each.get("pathType") == "Exact"
            shown = path if exact else _prefix(path)
            yield str(rule.get("host") or "").lower(), shown, (shown, exact)


def _prefix(path: str) -> str:
    """A slash at its end says nothing."""
    return path.rstrip("/") or "/"


def _parent(reference: Object, namespace: str) -> tuple[object, tuple[object, object]]:
    """Which Gateway, and which of its listeners."""
    named = {"group": _GATEWAY_GROUP, "kind": "Gateway", "namespace": namespace, **reference}
    listener = named.pop("sectionName", None) or "", named.pop("port", None) or ""
    return canonical(named), listener


def _http_matches(spec: Object) -> Iterator[tuple[str, object, object]]:
    for rule in list(items(spec.get("rules"))) or [{}]:
        for match in list(items(rule.get("matches"))) or [{}]:
            path: dict[str, Any] = {"type": "PathPrefix", "value": "/", **mapping(match.get("path"))}
            value, exact = str(path["value"]), path["type"] == "Exact"
            if path["type"] == "PathPrefix":
                path["value"] = value = _prefix(value)
            headers, params = _headers(match), _by_name(match.get("queryParams"))
            alone = not (headers or params or match.get("method") or path["type"] == "RegularExpression")
            whole = canonical({**match, "path": path, "headers": headers, "queryParams": params})
            yield value, whole, (value, exact) if alone else None


def _grpc_matches(spec: Object) -> Iterator[tuple[str, object, object]]:
    for rule in list(items(spec.get("rules"))) or [{}]:
        for match in list(items(rule.get("matches"))) or [{}]:
            method = {"type": "Exact", **mapping(match.get("method"))}
            path = f"/{method.get('service') or '*'}/{method.get('method') or '*'}"
            yield path, canonical({**match, "method": method, "headers": _headers(match)}), None


def _tls_matches(spec: Object) -> Iterator[tuple[str, object, object]]:
    """A connection has nothing but its host."""
    yield "", None, None


_MATCHES: dict[str, Callable[[Object], Iterator[tuple[str, object, object]]]] = {
    _HTTP: _http_matches,
    _GRPC: _grpc_matches,
    "TLSRoute": _tls_matches,
}


def _headers(match: Object) -> list[Object]:
    return _by_name([{**each, "name": str(each.get("name")).lower()} for each in items(match.get("headers"))])


def _by_name(conditions: object) -> list[Object]:
    """Their order says nothing."""
    return sorted(({"type": "Exact", **each} for each in items(conditions)), key=canonical)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
