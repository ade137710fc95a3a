# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What NetworkPolicies let through; pure.

Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..readiness.fields import Object, labels, spec
from ..readiness.selectors import matches

INGRESS, EGRESS = "Ingress", "Egress"


@dataclass(frozen=True)
class Peer:
    """The other end of a connection.

    A pod of the same namespace (``pod``), somebody in another ``namespace`` (empty: any other), or outside the cluster
    (``outside``; ``address`` empty: not known).
    """

    pod: Object | None = None
    namespace: str = ""
    outside: bool = False
    address: str = ""


@dataclass(frozen=True)
class Port:
    """A port of the pod that is connected to. ``name``: as that pod's container calls it."""

    number: int
    name: str = ""
    protocol: str = "TCP"


def isolates(policies: Iterable[Object], pod: Object, direction: str) -> list[Object]:
    """The policies that say what a pod may do in one direction; none: everything is allowed. They say nothing of a pod
    in its node's network.
    """
    if spec(pod).get("hostNetwork"):
        return []
    found = (policy for policy in policies if matches(spec(policy).get("podSelector") or {}, labels(pod)))
    return [policy for policy in found if direction in _types(policy)]


def allows(policies: Iterable[Object], pod: Object, direction: str, peer: Peer, port: Port, namespace: str) -> bool:
    """Whether a connection of ``pod`` from (Ingress) or to (Egress) a peer gets through. ``namespace``: the pod's."""
    own = isolates(policies, pod, direction)
    return not own or any(_passes(rule, direction, peer, port, namespace) for rule in rules(own, direction))


def outlets(policies: Iterable[Object], pod: Object) -> bool:
    """Whether a pod may reach anything but DNS."""
    own = isolates(policies, pod, EGRESS)
    return not own or any(_ports(rule) != [53] for rule in rules(own, EGRESS))


def _types(policy: Object) -> Sequence[str]:
    given = spec(policy).get("policyTypes")
    return given or [INGRESS, *([EGRESS] if spec(policy).get("egress") else [])]


def rules(policies: Iterable[Object], direction: str) -> Iterator[Object]:
    """All rules of some policies for one direction."""
    for policy in policies:
        yield from spec(policy).get(direction.lower()) or ()


def _ports(rule: Object) -> list[object]:
    return sorted({each.get("port") for each in rule.get("ports") or ()}, key=str)


def _passes(rule: Object, direction: str, peer: Peer, port: Port, namespace: str) -> bool:
    ports, peers = rule.get("ports") or (), rule.get("from" if direction == INGRESS else "to") or ()
    return (not ports or any(_is_port(each, port) for each in ports)) and (
        not peers or any(is_peer(each, peer, namespace) for each in peers)
    )


def _is_port(rule: Object, port: Port) -> bool:
    wanted = rule.get("port")
    if str(rule.get("protocol") or "TCP") != port.protocol:
        return False
    if wanted is None or (isinstance(wanted, str) and not wanted.isdigit()):
        return wanted is None or wanted == port.name
    return int(wanted) <= port.number <= int(rule.get("endPort") or wanted)


def is_peer(rule: Object, peer: Peer, namespace: str) -> bool:
    """Whether one ``from`` or ``to`` of a rule means this peer; ``namespace``: the policy's."""
    if block := rule.get("ipBlock"):
        return peer.outside and _in_block(block, peer.address)
    if peer.outside:
        return False
    chosen = rule.get("namespaceSelector")
    if peer.pod is not None:
        there = chosen is None or matches(chosen, {"kubernetes.io/metadata.name": namespace})
        return there and ("podSelector" not in rule or matches(rule["podSelector"], labels(peer.pod)))
    if chosen is None:
        return False
    return not peer.namespace or matches(chosen, {"kubernetes.io/metadata.name": peer.namespace})


def _in_block(block: Object, address: str) -> bool:
    """An unknown address may be in any block."""
    if not address:
        return True
    try:
        given = ipaddress.ip_address(address)
        inside = given in ipaddress.ip_network(str(block.get("cidr")), strict=False)
        return inside and not any(
            given in ipaddress.ip_network(str(e), strict=False) for e in block.get("except") or ()
        )
    except ValueError:
        return False
