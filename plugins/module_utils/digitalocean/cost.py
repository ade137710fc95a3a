# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a cluster with its load balancers and volumes costs a month, and how long a credit lasts. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..failure import Code, error
from .prices import (
    AS_OF,
    HA_MONTHLY,
    HOURS,
    LOAD_BALANCER_MONTHLY,
    VOLUME_GIB_MONTHLY,
    check_budget,
    node_prices,
    price_of,
)
from .wanted import Pool

_DAYS = HOURS / 24  # of a month that is billed


@dataclass(frozen=True)
class Item:
    """A line of the bill, in dollars."""

    name: str
    monthly: float
    hourly: float

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"name": self.name, "monthly": round(self.monthly, 2), "hourly": round(self.hourly, 5)}


@dataclass(frozen=True)
class Beside:
    """What there is beside nodes. ``volumes_gib``: of all volumes together."""

    ha: bool = False
    load_balancers: int = 0
    volumes_gib: int = 0


def bill(pools: Sequence[Pool], beside: Beside, sizes: Iterable[Mapping[str, Any]]) -> list[Item]:
    """Line by line, for as many nodes as there may be. Raises invalid_input, cloud_refused for an unknown size."""
    if beside.load_balancers < 0 or beside.volumes_gib < 0:
        raise error(Code.INVALID_INPUT, "load_balancers and volumes_gib are numbers from 0 on.", option="volumes_gib")
    prices, found = node_prices(sizes), []
    for pool in pools:
        monthly, hourly = price_of(pool.size, prices)
        found.append(Item(f"pool {pool.name}: {pool.most} x {pool.size}", pool.most * monthly, pool.most * hourly))
    rest = {
        "highly available control plane": HA_MONTHLY if beside.ha else 0.0,
        f"load balancers: {beside.load_balancers}": beside.load_balancers * LOAD_BALANCER_MONTHLY,
        f"volumes: {beside.volumes_gib} GiB": beside.volumes_gib * VOLUME_GIB_MONTHLY,
    }
    return found + [Item(name, monthly, monthly / HOURS) for name, monthly in rest.items() if monthly]


def cost(items: Sequence[Item], budget: float | None, credit: float | None) -> dict[str, Any]:
    """A module's result. Raises budget_exceeded."""
    monthly = sum(each.monthly for each in items)
    check_budget(monthly, budget)
    found: dict[str, Any] = {
        "bill": [each.as_result() for each in items],
        "monthly": round(monthly, 2),
        "hourly": round(sum(each.hourly for each in items), 5),
        "prices_as_of": AS_OF,
    }
    if credit is not None and monthly:
        found["credit_days"] = int(credit / monthly * _DAYS)
    return found
