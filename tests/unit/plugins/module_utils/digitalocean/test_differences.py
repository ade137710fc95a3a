"""What differs, what cannot be changed, and what is left alone. No I/O."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.differences import (
    Differences,
    differences,
    merged,
    new_name,
    settings_of,
)
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.wanted import Wanted
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.digitalocean.account import Account
from tests.unit.plugins.module_utils.digitalocean.conftest import body, failure

APP = {"name": "app", "size": "s-2vcpu-4gb", "count": 2}


def cluster(**more: Any) -> dict[str, Any]:
    return Account().create(body(**more))


def found(there: dict[str, Any], **params: Any) -> Differences:
    return differences(there, Wanted.from_params({"name": "todo", **params}))


def test_nothing_differs() -> None:
    there = cluster(tags=["todo"], maintenance_policy={"day": "any", "start_time": "03:00"}, auto_upgrade=True)
    same = found(
        there, region="fra1", version="1.36", tags=["todo"], maintenance={"day": "any", "start_time": "3:00"},
        auto_upgrade=True, surge_upgrade=False, node_pools=[APP], vpc_uuid=there["vpc_uuid"],
        control_plane_firewall={"enabled": False, "allowed_addresses": []},
    )  # fmt: skip
    assert not same
    assert same.before == same.after
    assert same.warnings == []
    assert not found(there)


@pytest.mark.parametrize(
    ("params", "line"),
    [
        ({"tags": ["b", "a"]}, "tags: none -> ['a', 'b']"),
        ({"auto_upgrade": True}, "auto_upgrade: False -> True"),
        ({"ha": True}, "ha: False -> True"),
        ({"maintenance": {"day": "sunday", "start_time": "03:00"}}, "maintenance: "),
        ({"control_plane_firewall": {"enabled": True, "allowed_addresses": ["10.0.0.1"]}}, "control_plane_firewall: "),
        ({"autoscaler": {"scale_down_unneeded_time": "5m"}}, "autoscaler: none -> "),
    ],
)
def test_settings_of_the_cluster(params: dict[str, Any], line: str) -> None:
    it = found(cluster(), **params)
    assert it.settings
    assert [each[: len(line)] for each in it.lines] == [line]


def test_a_duration_written_in_another_way_is_the_same() -> None:
    there = cluster(cluster_autoscaler_configuration={"scale_down_unneeded_time": "10m0s", "expanders": ["random"]})
    assert not found(there, autoscaler={"scale_down_unneeded_time": "10m"})
    firewall = {"enabled": True, "allowed_addresses": ["10.0.0.1/32"]}
    there = cluster(control_plane_firewall=firewall)
    assert not found(there, control_plane_firewall={"enabled": True, "allowed_addresses": ["10.0.0.1"]})


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"region": "nyc1", "cluster_subnet": "10.9.0.0/16"}, ["region", "cluster_subnet"]),
        ({"version": "1.35"}, ["version"]),
        ({"node_pools": [{**APP, "size": "s-4vcpu-8gb"}]}, ["node_pools"]),
    ],
)
def test_what_cannot_be_changed(params: dict[str, Any], fields: list[str]) -> None:
    it = failure(found, cluster(), **params)
    assert (it.code, it.details["fields"]) == (Code.CLUSTER_FIXED, fields)


def test_a_version_that_is_no_longer_offered_is_no_mistake() -> None:
    there = {**cluster(), "version": "1.33.1-do.0"}
    assert not found(there, version="1.33.1-do.0")
    ahead = found({**there, "version": "1.33.4-do.0"}, version="1.33.1-do.0")
    assert not ahead
    assert "newer" in ahead.warnings[0]
    assert found(there, version="1.34").upgrade


def test_a_highly_available_control_plane_stays() -> None:
    it = found(cluster(ha=True))
    assert not it
    assert it.after["ha"]
    assert "cannot be disabled" in it.warnings[0]


@pytest.mark.parametrize(
    "change",
    [{"count": 3}, {"labels": {"a": "b"}}, {"taints": [{"key": "a", "effect": "NoSchedule"}]}, {"tags": ["x"]},
     {"count": None, "auto_scale": True, "min_nodes": 1, "max_nodes": 3}],
)  # fmt: skip
def test_a_pool_changes(change: dict[str, Any]) -> None:
    it = found(cluster(), node_pools=[{**APP, **change}])
    assert len(it.resize) == 1
    assert not it.settings


def test_the_number_of_an_autoscaled_pool_is_not_compared() -> None:
    scaled = {"name": "app", "size": "s-2vcpu-4gb", "auto_scale": True, "min_nodes": 1, "max_nodes": 3}
    there = cluster(node_pools=[scaled])
    there["node_pools"][0]["count"] = 3
    assert not found(there, node_pools=[scaled])
    assert "count" not in settings_of(there)["node_pools"]["app"]


def test_labels_that_go_stay_on_nodes() -> None:
    there = cluster(node_pools=[{**APP, "labels": {"a": "b"}}])
    assert not found(there, node_pools=[APP])
    assert "keep the labels a" in found(there, node_pools=[{**APP, "labels": {}}]).warnings[0]


def test_other_pools_are_left_alone_or_purged() -> None:
    there = cluster(node_pools=[APP, {"name": "old", "size": "s-1vcpu-2gb", "count": 1}])
    kept = found(there, node_pools=[APP])
    assert not kept
    assert "old" in kept.warnings[0]
    assert [each["name"] for each in found(there, node_pools=[APP], purge_node_pools=True).purge] == ["old"]
    assert not found(there, purge_node_pools=True)


def test_a_pool_of_another_size_is_replaced_in_steps() -> None:
    bigger = {**APP, "size": "s-4vcpu-8gb"}
    (pool,) = Wanted.from_params({"node_pools": [bigger]}).pools
    new = {**bigger, "name": new_name(pool)}

    def step(*pools: dict[str, Any]) -> Differences:
        return found(cluster(node_pools=list(pools)), node_pools=[bigger], allow_replace=True, purge_node_pools=True)

    (begun,) = step(APP).replace
    assert (begun[0]["name"], begun[1]) == ("app", None)
    (half,) = step(APP, new).replace
    assert half[1] is not None
    assert [each["name"] for each, _pool in step(new).rename] == ["app-s-4vcpu-8gb"]
    assert not step(bigger)
    assert all(not step(*pools).purge for pools in ([APP], [APP, new], [new], [bigger]))


def test_a_pool_keeps_what_is_not_given() -> None:
    (pool,) = Wanted.from_params({"node_pools": [APP]}).pools
    before = {"labels": {"a": "b"}, "taints": [], "tags": ["x"], "size": "s", "auto_scale": False, "count": 1}
    assert merged(before, pool) == {**before, "size": "s-2vcpu-4gb", "count": 2}
