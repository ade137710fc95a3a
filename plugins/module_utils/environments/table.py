# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The connections that rendered NetworkPolicies allow, as a table; pure.

A pod reaches another where its own policies let it out and the other's let it in. What a policy engine does beyond the
standard (host names, cluster-wide policies) is not seen. Source: see policies.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..readiness.daprd import enabled
from ..readiness.fields import Object, labels, name, spec
from ..readiness.selectors import matches
from ..readiness.templates import built_in, items, mapping
from .policies import EGRESS, INGRESS, Peer, is_peer, isolates, rules

ANYWHERE = "anywhere"
INTERNET = "internet"
_ANY_ADDRESS = "any address"
_LAST = 65535
_EVERY_PORT = frozenset((protocol, 1, _LAST) for protocol in ("TCP", "UDP", "SCTP"))
_INSTANCE = "app.kubernetes.io/instance"
_NAMESPACE = "kubernetes.io/metadata.name"
_INJECTED = {"dapr.io/sidecar-injected": "true"}  # Dapr's injector labels pods with it
_EVERYBODY = ("0.0.0.0/0", "::/0")
_PRIVATE = ("10.0.0.0/8", "fc00::/7")

Ports = frozenset[tuple[str, int, int]]  # protocol, first, last


@dataclass(frozen=True, order=True)
class Connection:
    """From one workload or place to another, where at least one is a workload of the namespace.

    :ivar ports: of the target, such as ``8080``, ``53/UDP`` or ``any port``
    """

    source: str
    target: str
    ports: str

    def __str__(self) -> str:
        return f"{self.source} -> {self.target} : {self.ports}"


def allowed(objects: Iterable[Object], namespace: str) -> list[Connection]:
    """All connections of the workloads among some objects, by the NetworkPolicies among them, sorted.

    :param objects: everything that is rendered for one namespace, the environment's policies included
    :param namespace: where objects go that name none
    """
    here = [item for item in objects if str(mapping(item.get("metadata")).get("namespace") or namespace) == namespace]
    policies = [item for item in here if item.get("kind") == "NetworkPolicy"]
    pods = list(pods_of(here))
    found: dict[tuple[str, str], Ports] = {}

    def add(source: str, target: str, ports: Ports) -> None:
        if ports:
            found[source, target] = found.get((source, target), frozenset()) | ports

    for pod in pods:
        for other in pods:
            out = towards(policies, pod, EGRESS, other, namespace)
            add(name(pod), name(other), both(out, towards(policies, other, INGRESS, pod, namespace)))
        for place, ports in places(policies, pod, EGRESS, pods, namespace):
            add(name(pod), place, ports)
        for place, ports in places(policies, pod, INGRESS, pods, namespace):
            add(place, name(pod), ports)
    return sorted(Connection(*ends, ports_text(ports)) for ends, ports in found.items())


def pods_of(objects: Iterable[Object]) -> Iterator[dict[str, Any]]:
    """A pod of each workload, named as the workload is."""
    for item in objects:
        template = built_in(item)
        if template is None:
            continue
        injected = _INJECTED if enabled(template.annotations) else {}
        made = template.pod(str(mapping(item.get("metadata")).get("name")))
        made["metadata"]["labels"] = {**template.labels, **injected}
        yield made


def towards(policies: Sequence[Object], pod: Object, direction: str, peer: Object, namespace: str) -> Ports:
    """The ports on which a pod's own policies let it connect to another pod (Egress), or be connected to by it."""
    named = pod if direction == INGRESS else peer
    own = isolates(policies, pod, direction)
    if not own:
        return _EVERY_PORT
    found: set[tuple[str, int, int]] = set()
    for rule in rules(own, direction):
        peers = _peers(rule, direction)
        if not peers or any(is_peer(each, Peer(pod=peer), namespace) for each in peers):
            found |= _ports(rule, named)
    return frozenset(found)


def places(
    policies: Sequence[Object], pod: Object, direction: str, pods: Sequence[Object], namespace: str
) -> Iterator[tuple[str, Ports]]:
    """Whom a pod may reach, or who may reach it, besides the workloads, with the ports."""
    own = isolates(policies, pod, direction)
    if not own:
        yield ANYWHERE, _EVERY_PORT
    for rule in rules(own, direction):
        peers = _peers(rule, direction)
        ports = _ports(rule, pod if direction == INGRESS else None)
        if not peers:
            yield ANYWHERE, ports
        for peer in peers:
            for place in _named(peer, pods, namespace):
                yield place, ports


def _peers(rule: Object, direction: str) -> Sequence[Object]:
    return list(items(rule.get("from" if direction == INGRESS else "to")))


def _named(peer: Object, pods: Sequence[Object], namespace: str) -> Iterator[str]:
    """The places that one peer of a rule stands for; none where it stands for workloads that are there."""
    if block := mapping(peer.get("ipBlock")):
        yield _block(block)
        return
    chosen, which = peer.get("namespaceSelector"), peer.get("podSelector")
    if chosen is None:
        for label, value in _each(mapping(which)):
            if not any(matches({"matchLabels": {label: value}}, labels(pod)) for pod in pods):
                yield f"{value} (not here)" if label == _INSTANCE else f"pods with {label}={value} (not here)"
        return
    suffix = f" (pods with {_selector(mapping(which))})" if which else ""
    names = [value for label, value in _each(mapping(chosen)) if label == _NAMESPACE]
    if names:
        yield from (f"namespace {each}{suffix}" for each in names if each != namespace)
    else:
        yield f"namespaces with {_selector(chosen)}{suffix}" if chosen else f"all namespaces{suffix}"


def _each(selector: Object) -> Iterator[tuple[str, str]]:
    """Each label and value that a selector asks for."""
    yield from ((str(key), str(value)) for key, value in mapping(selector.get("matchLabels")).items())
    for each in items(selector.get("matchExpressions")):
        if each.get("operator") == "In":
            yield from ((str(each.get("key")), str(value)) for value in each.get("values") or ())


def _selector(selector: Object) -> str:
    parts = [f"{key}={value}" for key, value in mapping(selector.get("matchLabels")).items()]
    for each in items(selector.get("matchExpressions")):
        values = ", ".join(map(str, each.get("values") or ()))
        parts.append(f"{each.get('key')} {each.get('operator')}" + (f" ({values})" if values else ""))
    return ", ".join(parts)


def _block(block: Mapping[str, Any]) -> str:
    cidr, without = str(block.get("cidr")), [str(each) for each in block.get("except") or ()]
    if cidr in _EVERYBODY:
        return INTERNET if set(_PRIVATE) & set(without) else _ANY_ADDRESS
    return f"{cidr} without {', '.join(without)}" if without else cidr


def _ports(rule: Object, named: Object | None) -> Ports:
    """The ports of a rule. A name is a port of the pod that is connected to; of one that is not known it is none."""
    given = list(items(rule.get("ports")))
    if not given:
        return _EVERY_PORT
    found = set()
    for each in given:
        protocol, port = str(each.get("protocol") or "TCP"), each.get("port")
        if port is None:
            found.add((protocol, 1, _LAST))
        elif isinstance(port, str) and not port.isdigit():
            found |= {(protocol, number, number) for number in _by_name(named, port, protocol)}
        else:
            found.add((protocol, int(port), int(each.get("endPort") or port)))
    return frozenset(found)


def _by_name(pod: Object | None, port: str, protocol: str) -> Iterator[int]:
    for container in items(spec(pod or {}).get("containers")):
        for each in items(container.get("ports")):
            if each.get("name") == port and str(each.get("protocol") or "TCP") == protocol:
                yield int(each["containerPort"])


def both(one: Ports, other: Ports) -> Ports:
    return frozenset(
        (protocol, max(first, start), min(last, end))
        for protocol, first, last in one
        for also, start, end in other
        if protocol == also and max(first, start) <= min(last, end)
    )


def without(ports: Ports, others: Ports) -> Ports:
    """What of some ports is not among others."""
    found = set()
    for protocol, first, last in ports:
        pieces = [(first, last)]
        for also, start, end in others:
            if also == protocol:
                cut = [
                    part for low, high in pieces for part in ((low, min(high, start - 1)), (max(low, end + 1), high))
                ]
                pieces = [(low, high) for low, high in cut if low <= high]
        found |= {(protocol, low, high) for low, high in pieces}
    return frozenset(found)


def holds(place: str, other: str) -> bool:
    """Whether one place of the table is the other, or has it within."""
    if place in (other, ANYWHERE):
        return True
    if other.startswith("namespace"):
        return other.startswith(f"{place} (pods ") or place == "all namespaces"
    if place == _ANY_ADDRESS:
        return other == INTERNET or "/" in other
    try:
        wide, narrow = _network(place), _network(other)
        return bool(wide.version == narrow.version and narrow.subnet_of(wide))
    except ValueError:
        return False


def ports_text(ports: Ports) -> str:
    """As the table shows them."""
    if ports >= _EVERY_PORT:
        return "any port"
    inside = {each for each in ports if not any(each != other and _is_in(each, other) for other in ports)}
    return ", ".join(_port(*each) for each in sorted(inside, key=lambda each: (each[1], each[2], each[0])))


def _network(place: str) -> Any:
    return ipaddress.ip_network(place.partition(" without ")[0], strict=False)


def _is_in(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    return one[0] == other[0] and other[1] <= one[1] and one[2] <= other[2]


def _port(protocol: str, first: int, last: int) -> str:
    text = "any port" if (first, last) == (1, _LAST) else str(first) if first == last else f"{first}-{last}"
    return text if protocol == "TCP" else f"{text}/{protocol}"
