"""A bill, line by line, against a budget and a credit."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.cost import Beside, bill, cost
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.wanted import pools_of
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.digitalocean.server import FakeDigitalOcean
from tests.unit.plugins.module_utils.digitalocean.conftest import api, failure

_POOLS = pools_of([{"name": "app", "size": "s-2vcpu-4gb", "count": 2}])


def test_a_small_cluster_with_a_trials_credit(cloud: FakeDigitalOcean) -> None:
    found = cost(bill(_POOLS, Beside(load_balancers=1, volumes_gib=12), api(cloud).sizes()), 70, 200)
    assert [(each["name"], each["monthly"]) for each in found["bill"]] == [
        ("pool app: 2 x s-2vcpu-4gb", 48.0),
        ("load balancers: 1", 12.0),
        ("volumes: 12 GiB", 1.2),
    ]
    assert (found["monthly"], found["credit_days"]) == (61.2, 91)
    assert abs(found["hourly"] * 672 - found["monthly"]) < 0.01


def test_a_highly_available_control_plane_costs(cloud: FakeDigitalOcean) -> None:
    assert cost(bill(_POOLS, Beside(ha=True), api(cloud).sizes()), None, None)["monthly"] == 88


def test_nothing_costs_nothing() -> None:
    assert cost(bill((), Beside(), []), 0, 200) == {"bill": [], "monthly": 0, "hourly": 0, "prices_as_of": "2026-11-28"}


def test_refusals(cloud: FakeDigitalOcean) -> None:
    items = bill(_POOLS, Beside(), api(cloud).sizes())
    assert failure(cost, items, 47.0, None).code is Code.BUDGET_EXCEEDED
    assert failure(bill, _POOLS, Beside(volumes_gib=-1), []).code is Code.INVALID_INPUT
    assert failure(bill, _POOLS, Beside(), []).code is Code.CLOUD_REFUSED
    assert failure(pools_of, [{"name": "app"}]).code is Code.INVALID_INPUT
