"""What is wanted is checked before anything is asked, and read in one way however it is written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.wanted import Wanted, address_of, seconds_of
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.unit.plugins.module_utils.digitalocean.conftest import failure

_POOLS = "node_pools"


@pytest.mark.parametrize(
    ("params", "option"),
    [
        ({"name": "Todo"}, "name"),
        ({"version": "1.36.x"}, "version"),
        ({"tags": ["k8s:worker"]}, "tags"),
        ({"maintenance": {"day": "any", "start_time": "10800"}}, "maintenance"),  # 03:00 without quotes
        ({"maintenance": {"day": "any", "start_time": "24:00"}}, "maintenance"),
        ({"control_plane_firewall": {"enabled": True, "allowed_addresses": []}}, "control_plane_firewall"),
        ({"control_plane_firewall": {"enabled": True, "allowed_addresses": ["me"]}}, "control_plane_firewall"),
        ({"autoscaler": {"scale_down_unneeded_time": "ten minutes"}}, "autoscaler"),
        ({"node_pools": [{"name": "App", "size": "s", "count": 1}]}, "node_pools"),
        ({"node_pools": [{"name": "app", "size": "s"}]}, "node_pools"),
        ({"node_pools": [{"name": "app", "size": "s", "count": 1, "max_nodes": 3}]}, "node_pools"),
        ({"node_pools": [{"name": "app", "size": "s", "auto_scale": True, "min_nodes": 3}]}, "node_pools"),
        ({"node_pools": [{"name": "a", "size": "s", "auto_scale": True, "min_nodes": 3, "max_nodes": 2}]}, _POOLS),
        ({"node_pools": [{"name": "app", "size": "s", "count": 1}] * 2}, "node_pools"),
    ],
)  # fmt: skip
def test_mistakes(params: dict[str, Any], option: str) -> None:
    found = failure(Wanted.from_params, params)
    assert (found.code, found.details["option"]) == (Code.INVALID_INPUT, option)


def test_what_is_not_given_stays_as_it_is() -> None:
    found = Wanted.from_params({"name": "todo"})
    assert (found.settings, found.pools, found.fixed, found.ha) == ({}, (), {}, False)


def test_one_way_of_writing() -> None:
    found = Wanted.from_params(
        {
            "tags": ["b", "a"],
            "maintenance": {"day": "sunday", "start_time": "3:00"},
            "control_plane_firewall": {"enabled": True, "allowed_addresses": ["10.0.0.7/8", "203.0.113.7/32"]},
            "autoscaler": {"scale_down_unneeded_time": "10m", "expanders": None},
        }
    )
    assert found.settings == {
        "tags": ["a", "b"],
        "maintenance": {"day": "sunday", "start_time": "03:00"},
        "control_plane_firewall": {"enabled": True, "allowed_addresses": ["10.0.0.0/8", "203.0.113.7"]},
        "autoscaler": {"scale_down_unneeded_time": "10m"},
    }
    assert address_of("2001:db8::1/128") == "2001:db8::1"
    assert [seconds_of(each) for each in ("1h", "10m0s", "90s")] == [3600, 600, 90]


def test_what_makes_a_pool() -> None:
    pools = [
        {"name": "app", "size": "s-2vcpu-4gb", "count": 2, "labels": {"a": 1}, "taints": [], "tags": ["x"]},
        {"name": "burst", "size": "s-4vcpu-8gb", "auto_scale": True, "min_nodes": 0, "max_nodes": 3},
    ]
    app, burst = Wanted.from_params({"node_pools": pools}).pools
    assert app.body() == {
        "name": "app", "size": "s-2vcpu-4gb", "auto_scale": False, "count": 2, "labels": {"a": "1"}, "taints": [],
        "tags": ["x"],
    }  # fmt: skip
    assert burst.body("new") == {
        "name": "new", "size": "s-4vcpu-8gb", "auto_scale": True, "count": 1, "min_nodes": 0, "max_nodes": 3,
    }  # fmt: skip
    assert (app.most, burst.most) == (2, 3)
