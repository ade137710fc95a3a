"""Prices are DigitalOcean's own; what it would cost at most counts against the budget."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.prices import (
    HOURS,
    check_budget,
    node_prices,
    nodes_monthly,
    price_of,
)
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.wanted import Wanted
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.digitalocean.server import FakeDigitalOcean
from tests.unit.plugins.module_utils.digitalocean.conftest import api, failure


def test_nodes_cost_what_there_may_be_of_them(cloud: FakeDigitalOcean) -> None:
    pools = [
        {"name": "app", "size": "s-2vcpu-4gb", "count": 2},
        {"name": "burst", "size": "s-4vcpu-8gb", "auto_scale": True, "min_nodes": 1, "max_nodes": 3},
    ]
    assert nodes_monthly(Wanted.from_params({"node_pools": pools}).pools, api(cloud).sizes()) == 2 * 24 + 3 * 48


def test_a_month_is_billed_up_to_its_most_hours(cloud: FakeDigitalOcean) -> None:
    monthly, hourly = node_prices(api(cloud).sizes())["s-2vcpu-4gb"]
    assert abs(hourly * HOURS - monthly) < 0.01


def test_a_size_that_is_not_there() -> None:
    assert failure(price_of, "s-1vcpu", {}).code is Code.CLOUD_REFUSED


def test_a_budget() -> None:
    check_budget(48.0, 48.0)
    check_budget(48.0, None)
    found = failure(check_budget, 48.01, 48.0)
    assert (found.code, found.details) == (Code.BUDGET_EXCEEDED, {"monthly": 48.01, "budget": 48.0})
