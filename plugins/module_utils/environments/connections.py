# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which connections running pods need, as far as their definitions, Services and Ingresses tell; pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..readiness.fields import Object, labels, name, spec
from ..readiness.selectors import matches
from .findings import POLICIES, Finding
from .policies import EGRESS, INGRESS, Peer, Port, allows, isolates, outlets

# host:port, with or without a scheme. Letters, digits and dots only: nothing of a password is taken for a host.
_HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)"
_ADDRESS = re.compile(rf"(?:^|[/@\s=,;\"']){_HOST}:(?P<port>\d{{2,5}})(?![\d.])")
_URL = re.compile(rf"(?P<scheme>https?)://(?:[^/@\s]*@)?{_HOST}(?=[/\s\"',]|$)")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_DAPR = "dapr.io/app-id"
_LOCAL = re.compile(r"localhost(\.localdomain)?|127\.[\d.]+|0\.0\.0\.0|host\.docker\.internal")
# Keys and variables that hold no address, whatever else they hold.
_NO_ADDRESS = re.compile(
    r"(pass(word|wd|phrase)?|pwd|token|secret|salt|key|crt|cert|user(name)?|(^|[._-])id)$", re.IGNORECASE
)
_ADDRESS_WORD = re.compile(r"ur[il]|dsn|host|addr|endpoint|conn|server|broker", re.IGNORECASE)
_METRICS = re.compile(r"metrics|prometheus", re.IGNORECASE)
# What charts/environment opens for others than the app's clients.
_TECHNICAL = ("allow-monitoring", "allow-metrics-", "allow-dapr-health")


@dataclass(frozen=True)
class Surroundings:
    """The pods that run in a namespace, its Services, and the Services that Ingresses and routes lead to."""

    namespace: str
    pods: Sequence[Object]
    services: Sequence[Object]
    public: frozenset[str] = frozenset()
    hosts: Mapping[str, Container[str]] = field(default_factory=dict)  # of these, host name -> Services


def policy_findings(before: Sequence[Object], after: Sequence[Object], around: Surroundings) -> Iterator[Finding]:
    """Connections that get through now and would not with the policies ``after``."""
    yield from _served(before, after, around)
    for pod in around.pods:
        yield from _made(before, after, pod, around)
        sources = _secret_sources(pod)
        if sources and outlets(before, pod) and not outlets(after, pod):
            text = f"could reach nothing but DNS, and what it reads from {', '.join(sources)} may be addresses"
            yield Finding(POLICIES, name(pod), text)


def described(after: Sequence[Object], around: Surroundings) -> Iterator[str]:
    """One line per pod and port of a Service: whether policies would close it."""
    for pod in around.pods:
        ports = sorted({port.number for service in around.services for port in _targets(service, pod)})
        ways = [way for way in (INGRESS, EGRESS) if isolates(after, pod, way)]
        text = f"isolated for {' and '.join(ways).lower()}" if ways else "not isolated"
        yield f"{name(pod)}: {text}; ports of its Services: {', '.join(map(str, ports)) or 'none'}"


def _served(before: Sequence[Object], after: Sequence[Object], around: Surroundings) -> Iterator[Finding]:
    """Each Service: somebody must still reach its pods, and those outside where it is public."""
    clients = [policy for policy in after if not name(policy).startswith(_TECHNICAL)]
    for service in around.services:
        if _DAPR in (service["metadata"].get("annotations") or {}):
            continue  # of a sidecar, whose ports charts/environment opens, or which listen on the loopback interface
        for pod in around.pods:
            for port in _targets(service, pod):
                peers = _clients(service, around)
                if not any(allows(before, pod, INGRESS, peer, port, around.namespace) for peer in peers):
                    continue
                if not any(allows(clients, pod, INGRESS, peer, port, around.namespace) for peer in peers):
                    whom = "nobody outside the namespace" if _is_public(service, around) else "no client"
                    text = f"{whom} could reach port {port.number} any more, which Service {name(service)} leads to"
                    yield Finding(POLICIES, name(pod), text)


def _clients(service: Object, around: Surroundings) -> list[Peer]:
    if _is_public(service, around):
        return [Peer(outside=True), Peer()]
    return [*(Peer(pod=pod) for pod in around.pods), Peer(outside=True)]


def _is_public(service: Object, around: Surroundings) -> bool:
    return name(service) in around.public or spec(service).get("type") in ("LoadBalancer", "NodePort")


def _targets(service: Object, pod: Object) -> Iterator[Port]:
    """The ports of a pod that a Service leads to."""
    selector = spec(service).get("selector")
    if not selector or not matches({"matchLabels": selector}, labels(pod)):
        return
    named = {
        str(port.get("name")): int(port["containerPort"])
        for container in spec(pod).get("containers") or ()
        for port in container.get("ports") or ()
    }
    for port in spec(service).get("ports") or ():
        target = port.get("targetPort", port.get("port"))
        number = named.get(str(target)) if isinstance(target, str) and not target.isdigit() else int(target)
        if number is not None:
            called = next((key for key, value in named.items() if value == number), "")
            yield Port(number, called, str(port.get("protocol") or "TCP"))


def _made(before: Sequence[Object], after: Sequence[Object], pod: Object, around: Surroundings) -> Iterator[Finding]:
    """The connections that stand in a pod's definition."""
    for host, number in sorted(each for each in _addresses(pod) if _is_meant(each[0], pod, around)):
        service = _own_service(host, around)
        if service is None:
            if _reaches(before, pod, host, number, around) and not _reaches(after, pod, host, number, around):
                yield Finding(POLICIES, name(pod), f"could not connect to {host}:{number} any more")
            continue
        for other in around.pods:
            if other is pod:  # nothing keeps a pod from itself
                continue
            for port in _of_service(service, other, number):
                if _connects(before, pod, other, port, around) and not _connects(after, pod, other, port, around):
                    text = (
                        f"could not connect to Service {name(service)} (pod {name(other)}, port {port.number}) any more"
                    )
                    yield Finding(POLICIES, name(pod), text)


def _reaches(policies: Sequence[Object], pod: Object, host: str, number: int, around: Surroundings) -> bool:
    return any(allows(policies, pod, EGRESS, peer, Port(number), around.namespace) for peer in _others(host))


def _connects(policies: Sequence[Object], one: Object, other: Object, port: Port, around: Surroundings) -> bool:
    there = allows(policies, one, EGRESS, Peer(pod=other), port, around.namespace)
    return there and allows(policies, other, INGRESS, Peer(pod=one), port, around.namespace)


def _of_service(service: Object, pod: Object, number: int) -> list[Port]:
    """The pod's ports behind this port of a Service."""
    ports = [each for each in spec(service).get("ports") or () if each.get("port") == number]
    return list(_targets({**service, "spec": {**spec(service), "ports": ports}}, pod))


def _addresses(pod: Object) -> set[tuple[str, int]]:
    """Host and port of each address in environment variables and arguments."""
    found = set()
    for text in _texts(pod):
        found |= {(each["host"].lower(), int(each["port"])) for each in _ADDRESS.finditer(text)}
        found |= {(each["host"].lower(), _DEFAULT_PORTS[each["scheme"]]) for each in _URL.finditer(text)}
    return {(host, port) for host, port in found if not _LOCAL.fullmatch(host) and port <= 65535 and not host.isdigit()}


def _is_meant(host: str, pod: Object, around: Surroundings) -> bool:
    """Whether a text is a host that the pod connects to: a word without a dot is one only if there is such a Service,
    and a pod's own public URL stands in its definition for others.
    """
    if host in around.hosts:
        own = (each for each in around.services if name(each) in around.hosts[host])
        return not any(matches({"matchLabels": spec(each).get("selector") or {"": ""}}, labels(pod)) for each in own)
    return "." in host or _own_service(host, around) is not None


def _texts(pod: Object) -> Iterator[str]:
    for container in (*(spec(pod).get("initContainers") or ()), *(spec(pod).get("containers") or ())):
        if container.get("name") == "daprd":  # its addresses are Dapr's own, which the environment's values open
            continue
        yield from (str(each["value"]) for each in container.get("env") or () if each.get("value"))
        yield from (str(word) for key in ("command", "args") for word in container.get(key) or ())


def _secret_sources(pod: Object) -> list[str]:
    """Secrets that may hold addresses. One of which a pod takes the password only holds none, unless the rest of the
    connection may stand in a ConfigMap.
    """
    found = set()
    from_config = "configMap" in str(spec(pod))
    for container in spec(pod).get("containers") or ():
        for each in container.get("env") or ():
            source = (each.get("valueFrom") or {}).get("secretKeyRef") or {}
            words = (str(source.get("key")), str(each.get("name")))
            if from_config or not any(_is_no_address(word) for word in words):
                found.add(source.get("name"))
        for each in container.get("envFrom") or ():
            found.add((each.get("secretRef") or {}).get("name"))
    return [f"Secret {each}" for each in sorted(filter(None, found))]


def _is_no_address(name: str) -> bool:
    return bool(_NO_ADDRESS.search(name)) and not _ADDRESS_WORD.search(name)


def _own_service(host: str, around: Surroundings) -> Object | None:
    """The Service of this namespace that a host name means: by itself, or before it a pod of a StatefulSet."""
    parts = host.split(".")
    for position in (0, 1):
        rest = parts[position + 1 :]
        if rest[:1] in ([], [around.namespace]) and rest[1:2] in ([], ["svc"]) and len(parts) > position:
            found = next((each for each in around.services if name(each) == parts[position]), None)
            if found is not None:
                return found
    return None


def _others(host: str) -> list[Peer]:
    """Whom another host name may mean: somebody outside the cluster, or in another namespace."""
    parts = host.split(".")
    if len(parts) >= 3 and "svc" in parts[2:4]:
        return [Peer(namespace=parts[parts.index("svc", 2) - 1])]
    try:
        return [Peer(outside=True, address=str(ipaddress.ip_address(host)))]
    except ValueError:
        return [Peer(outside=True), *([Peer(namespace=parts[1])] if len(parts) == 2 else [])]


def public_services(routes: Iterable[Object]) -> frozenset[str]:
    """Names of the Services that Ingresses and routes of the Gateway API lead to."""
    return frozenset(service for route in routes for service in _backends(route))


def services_by_host(routes: Iterable[Object]) -> dict[str, set[str]]:
    """The same by host name; wildcards are left out."""
    found: dict[str, set[str]] = {}
    for route in routes:
        hosts = [*(rule.get("host") for rule in spec(route).get("rules") or ()), *(spec(route).get("hostnames") or ())]
        for host in (str(each).lower() for each in hosts if each and "*" not in each):
            found.setdefault(host, set()).update(_backends(route))
    return found


def _backends(route: Object) -> set[str]:
    found = set()
    backends = [spec(route).get("defaultBackend") or {}]
    for rule in spec(route).get("rules") or ():
        backends += [path.get("backend") or {} for path in (rule.get("http") or {}).get("paths") or ()]
        found |= {str(each.get("name")) for each in rule.get("backendRefs") or ()}
    found |= {str((each.get("service") or {}).get("name")) for each in backends}
    return found - {"None"}
