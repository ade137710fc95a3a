"""The addresses of a cluster, all from its slot number: clusters in different slots never meet."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

SLOTS = 32


@dataclass(frozen=True)
class Subnets:
    """The networks of the cluster in one slot.

    Attributes:
        slot: 0 to 31.
    """

    slot: int

    def __post_init__(self) -> None:
        if not 0 <= self.slot < SLOTS:
            raise ValueError(f"slot {self.slot} is not within 0 to {SLOTS - 1}")

    @property
    def node(self) -> ipaddress.IPv4Network:
        """The link between the machine and the node."""
        return ipaddress.IPv4Network(f"10.240.{self.slot}.0/24")

    @property
    def pods(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(f"10.244.{self.slot}.0/24")

    @property
    def fake_pods(self) -> ipaddress.IPv4Network:
        """Addresses that kwok gives to pods of fake nodes; nothing answers there."""
        return ipaddress.IPv4Network(f"10.248.{self.slot}.0/24")

    @property
    def second_pods(self) -> ipaddress.IPv4Network:
        """Addresses of the second node's pods, which the first one leads to."""
        return ipaddress.IPv4Network(f"10.249.{self.slot}.0/24")

    @property
    def services(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(f"10.96.{8 * self.slot}.0/21")

    @property
    def machine_ip(self) -> str:
        return str(self.node[1])

    @property
    def node_ip(self) -> str:
        return str(self.node[2])

    @property
    def second_node_ip(self) -> str:
        return str(self.node[3])

    @property
    def api_ip(self) -> str:
        """ClusterIP of the Service ``kubernetes``: always the first of the range."""
        return str(self.services[1])

    @property
    def dns_ip(self) -> str:
        return str(self.services[10])

    @property
    def veth(self) -> str:
        """The machine's end of the link."""
        return f"todo-cloud{self.slot}"

    def overlap(self, others: Iterable[ipaddress.IPv4Network]) -> ipaddress.IPv4Network | None:
        """The first of the other networks that shares an address with this cluster's."""
        own = (self.node, self.pods, self.services)
        return next((other for other in others if any(other.overlaps(mine) for mine in own)), None)


@dataclass(frozen=True)
class EngineSubnets:
    """The networks of the container engine in one slot: apart from those of all clusters.

    Attributes:
        slot: 0 to 31.
    """

    slot: int

    @property
    def all(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(f"10.241.{8 * self.slot}.0/21")

    @property
    def link(self) -> ipaddress.IPv4Network:
        """Between the machine and the engine."""
        return ipaddress.IPv4Network(f"10.241.{8 * self.slot}.0/24")

    @property
    def bridge(self) -> str:
        """Address of the default bridge, with its prefix."""
        return f"10.241.{8 * self.slot + 1}.1/24"

    @property
    def pool(self) -> ipaddress.IPv4Network:
        """What further container networks get their /24 from."""
        return ipaddress.IPv4Network(f"10.241.{8 * self.slot + 4}.0/22")

    @property
    def machine_ip(self) -> str:
        return str(self.link[1])

    @property
    def engine_ip(self) -> str:
        """Where the ports that containers publish answer."""
        return str(self.link[2])

    @property
    def veth(self) -> str:
        """The machine's end of the link."""
        return f"todo-engine{self.slot}"
