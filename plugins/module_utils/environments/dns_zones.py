# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which records of a DNS provider's zones lead public names to the load balancer, and how those there stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .dns_records import kind_of

_LEADING = ("A", "AAAA", "CNAME")  # records that say where a name leads

Records = Sequence[Mapping[str, Any]]


def dns_changes(
    hosts: Sequence[str], addresses: Sequence[str], zones: Sequence[str], there: Mapping[str, Records] | None = None
) -> list[dict[str, Any]]:
    """One entry per host and address: zone, name in it, type, data, whether the record is ``there``, and ``state``.

    ``missing``: to be made; ``there``; ``elsewhere``: other records of the name lead away (``others``);
    ``no_zone``: none of the zones holds the host.

    :param there: zone -> its records, as the provider has them (id, type, name, data)
    """
    return [_entry(host, address, addresses, zones, there or {}) for host in hosts for address in addresses]


def _entry(
    host: str, address: str, addresses: Sequence[str], zones: Sequence[str], there: Mapping[str, Records]
) -> dict[str, Any]:
    zone, kind, data = _zone_of(host, zones), kind_of(address), _plain(address)
    name = _plain(host)[: -len(zone)].rstrip(".") or "@" if zone else ""
    record = f"{_plain(host)}. {kind} {data}"
    found = {"host": host, "zone": zone, "name": name, "type": kind, "data": data, "record": record}
    if not zone:
        return {**found, "state": "no_zone", "there": False, "others": []}
    same = [each for each in there.get(zone, ()) if each.get("name") == name and each.get("type") in _LEADING]
    wanted = {(kind_of(each), _plain(each)) for each in addresses}
    others = [each for each in same if (each.get("type"), _plain(str(each.get("data")))) not in wanted]
    is_there = any((each.get("type"), _plain(str(each.get("data")))) == (kind, data) for each in same)
    state = "elsewhere" if others else "there" if is_there else "missing"
    return {**found, "state": state, "there": is_there, "others": [_shown(each) for each in others]}


def _zone_of(host: str, zones: Sequence[str]) -> str:
    """The longest of the zones that the host is, or is in."""
    held = [zone for zone in map(_plain, zones) if _plain(host) == zone or _plain(host).endswith(f".{zone}")]
    return max(held, key=len, default="")


def _plain(name: str) -> str:
    return name.lower().rstrip(".")


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: record.get(key) for key in ("id", "type", "data")}
