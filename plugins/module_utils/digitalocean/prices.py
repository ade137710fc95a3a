# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a cluster costs: nodes by DigitalOcean's own prices (``/v2/sizes``), the rest, which its API lacks, by a table.

All prices are US dollars without tax.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..failure import Code, error
from .wanted import Pool

# docs.digitalocean.com, details/pricing of Kubernetes, load balancers and volumes.
AS_OF = "2026-11-28"
HA_MONTHLY = 40.0
LOAD_BALANCER_MONTHLY = 12.0  # a regional one with one node
VOLUME_GIB_MONTHLY = 0.10
# A droplet that runs for a whole month is billed for so many hours.
HOURS = 672.0


def node_prices(sizes: Iterable[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Size -> dollars a month, dollars an hour."""
    return {
        str(each["slug"]): (float(each["price_monthly"]), float(each["price_hourly"]))
        for each in sizes
        if each.get("slug")
    }


def nodes_monthly(pools: Iterable[Pool], sizes: Iterable[Mapping[str, Any]]) -> float:
    """Of all nodes; of as many as may be where the number is scaled. Raises cloud_refused for an unknown size."""
    prices = node_prices(sizes)
    return sum(pool.most * price_of(pool.size, prices)[0] for pool in pools)


def price_of(size: str, prices: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    """Raises cloud_refused for an unknown size."""
    if size not in prices:
        raise error(Code.CLOUD_REFUSED, f"DigitalOcean has no size {size}.", size=size)
    return prices[size]


def check_budget(monthly: float, budget: float | None) -> None:
    """Raises budget_exceeded."""
    if budget is not None and monthly > budget:
        text = (
            f"This would cost ${monthly:.2f} a month, more than the budget of ${budget:.2f}. Nothing was changed. Take "
            "fewer or smaller nodes, or raise budget."
        )
        raise error(Code.BUDGET_EXCEEDED, text, monthly=monthly, budget=budget)
