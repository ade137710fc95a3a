# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether public names lead to the ingress controller, and the DNS record that each of them needs."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

Resolve = Callable[[str], Sequence[str]]  # a name's addresses; none: it has no record


class RecordState(StrEnum):
    """How a name stands."""

    RIGHT = "right"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True)
class Record:
    """One name, the record that it needs (``<name> A <address>``), and a sentence about it."""

    host: str
    record: str
    state: RecordState
    message: str

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**asdict(self), "state": self.state.value}


def dns_records(hosts: Iterable[str], addresses: Sequence[str], resolve: Resolve) -> list[Record]:
    """One record per host, compared with what DNS answers now.

    :param addresses: of the load balancer: IP addresses, or a host name (then a CNAME is needed)
    """
    targets = {ip for address in addresses for ip in ([address] if _is_ip(address) else resolve(address))}
    return [_record(host, addresses, targets, resolve) for host in hosts]


def _record(host: str, addresses: Sequence[str], targets: set[str], resolve: Resolve) -> Record:
    record = ", ".join(f"{host}. {kind_of(address)} {address}" for address in addresses)
    asked = host.replace("*", "any-name", 1)  # a wildcard answers every name
    found = sorted(set(resolve(asked)))
    if not found:
        message = f"{host} is not in DNS yet: make the record {record}; its certificate follows once it leads here."
        return Record(host, record, RecordState.MISSING, message)
    if elsewhere := [address for address in found if address not in targets]:
        message = (
            f"{host} leads to {', '.join(elsewhere)} and not to {', '.join(addresses)}: correct the record to {record}."
        )
        return Record(host, record, RecordState.WRONG, message)
    return Record(host, record, RecordState.RIGHT, f"{host} leads to {', '.join(found)}")


def kind_of(address: str) -> str:
    """Type of the record that leads to an address."""
    if not _is_ip(address):
        return "CNAME"
    return "AAAA" if ipaddress.ip_address(address).version == 6 else "A"


def _is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True
