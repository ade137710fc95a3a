"""Pools are replaced without a moment in which the old nodes are gone and the new ones are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.digitalocean.account import Clock
from tests.support.digitalocean.server import FakeDigitalOcean, Fault
from tests.unit.plugins.module_utils.digitalocean.conftest import failure
from tests.unit.plugins.module_utils.digitalocean.test_converge import APP, TODO, converge

BIGGER: dict[str, Any] = {**TODO, "node_pools": [{**APP, "size": "s-4vcpu-8gb"}], "allow_replace": True}


def test_new_nodes_run_before_old_ones_are_drained_one_by_one(cloud: FakeDigitalOcean) -> None:
    old = [each["name"] for each in converge(cloud).cluster["node_pools"][0]["nodes"]]
    started = len(cloud.requests)
    lines: list[str] = []
    found = converge(cloud, BIGGER, lines)
    assert found.changes == ["pool app: nodes of size s-2vcpu-4gb -> s-4vcpu-8gb, by a new pool"]
    writes = [f"{each.method} {each.path.split('/')[5]}" for each in cloud.requests[started:] if each.method != "GET"]
    assert writes == ["POST node_pools", "DELETE node_pools", "DELETE node_pools", "PUT node_pools"]
    assert cloud.account.drained == old
    first = next(at for at, each in enumerate(lines) if "draining" in each)
    assert any("0 of 2 nodes of the pool app-s-4vcpu-8gb run" in each for each in lines[:first])
    assert [each["name"] for each in found.cluster["node_pools"]] == ["app"]


class _Slow:
    """Nodes that take minutes to empty."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.drains: list[float] = []

    def start(self, node: Any) -> Callable[[], bool]:
        return self._after(30)

    def drain(self, node: Any) -> Callable[[], bool]:
        self.drains.append(self._clock.now())
        return self._after(120)

    def _after(self, seconds: float) -> Callable[[], bool]:
        due = self._clock.now() + seconds
        return lambda: self._clock.now() >= due


def test_a_node_is_empty_before_the_next_one_is_drained(cloud: FakeDigitalOcean) -> None:
    cloud.account.machines = slow = _Slow(cloud.account.clock)
    converge(cloud)
    lines: list[str] = []
    found = converge(cloud, BIGGER, lines)
    first, second = slow.drains
    assert second - first >= 120
    assert any("a node of the pool app is drained" in each for each in lines)
    assert [(each["name"], len(each["nodes"])) for each in found.cluster["node_pools"]] == [("app", 2)]


def test_a_lost_answer_makes_no_second_pool(cloud: FakeDigitalOcean) -> None:
    converge(cloud)
    cloud.faults = [Fault("lost", "POST", "node_pools"), Fault("lost", "DELETE"), Fault("lost", "PUT")]
    assert [each["name"] for each in converge(cloud, BIGGER).cluster["node_pools"]] == ["app"]
    assert cloud.faults[0].times == 0


def test_an_autoscaled_pool_does_not_bring_its_nodes_back(cloud: FakeDigitalOcean) -> None:
    scaled = {"name": "app", "size": "s-2vcpu-4gb", "auto_scale": True, "min_nodes": 2, "max_nodes": 3}
    converge(cloud, {**TODO, "node_pools": [scaled]})
    started = len(cloud.requests)
    found = converge(cloud, {**TODO, "node_pools": [{**scaled, "size": "s-4vcpu-8gb"}], "allow_replace": True})
    assert found.cluster["node_pools"][0]["auto_scale"]
    puts = [each.body for each in cloud.requests[started:] if each.method == "PUT"]
    assert [each["auto_scale"] for each in puts] == [False, True]
    assert puts[1]["count"] == 2


def test_a_pool_begins_to_scale_from_where_it_is(cloud: FakeDigitalOcean) -> None:
    converge(cloud)
    scaled = {"name": "app", "size": "s-2vcpu-4gb", "auto_scale": True, "min_nodes": 1, "max_nodes": 4}
    found = converge(cloud, {**TODO, "node_pools": [scaled]})
    assert len(found.cluster["node_pools"][0]["nodes"]) == 2
    assert converge(cloud, {**TODO, "node_pools": [scaled]}).changes == []
    fixed = converge(cloud)
    assert (fixed.cluster["node_pools"][0]["auto_scale"], fixed.cluster["node_pools"][0]["max_nodes"]) == (False, 0)


def test_pools_that_are_not_named_are_purged_when_told(cloud: FakeDigitalOcean) -> None:
    two = {**TODO, "node_pools": [APP, {"name": "old", "size": "s-1vcpu-2gb", "count": 1}]}
    converge(cloud, two)
    assert len(converge(cloud).cluster["node_pools"]) == 2
    found = converge(cloud, {**TODO, "purge_node_pools": True})
    assert [each["name"] for each in found.cluster["node_pools"]] == ["app"]


def test_an_account_that_is_full_keeps_the_old_pool(cloud: FakeDigitalOcean) -> None:
    converge(cloud)
    cloud.account.droplet_limit = 3
    found = failure(converge, cloud, BIGGER)
    assert found.code is Code.CLOUD_REFUSED
    assert "droplet limit of 3" in found.message
    assert cloud.account.drained == []
