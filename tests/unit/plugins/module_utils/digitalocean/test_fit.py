"""Pods find a place by what they request; the cheapest pool with room is found."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.fit import (
    Need,
    Node,
    fits,
    have_room,
    needs_of,
    node_of,
    smallest,
    total,
)
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.wanted import pools_of
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.digitalocean.account import SIZES, Account
from tests.unit.plugins.module_utils.digitalocean.conftest import failure

_NODE = Node(2.0, 1000.0)


def found(needs: list[Need], **how: Any) -> tuple[str, int, float]:
    result = smallest(needs, Account().sizes(), list(SIZES), **how)
    return result["size"], result["count"], result["monthly"]


@pytest.mark.parametrize(
    ("needs", "nodes", "fit"),
    [
        ([], 0, True),
        ([Need("a", 1, 0.1, 1)], 0, False),
        ([Need("a", 2, 1.0, 500)], 1, True),
        ([Need("a", 2, 1.1, 1)], 1, False),  # CPU
        ([Need("a", 2, 1.1, 1)], 2, True),
        ([Need("a", 2, 0.1, 501)], 1, False),  # memory
        ([Need("a", 3, 0.1, 600), Need("b", 3, 0.1, 400)], 3, True),  # small ones beside large ones
        ([Need("b", 3, 0.1, 400), Need("a", 3, 0.1, 600)], 3, True),
        ([Need("a", 3, 0.1, 501)], 2, False),  # in sum it would fit: 1503 of 2000
        ([Need("agent", 1, 0.1, 600, every_node=True), Need("a", 1, 0.1, 500)], 2, False),
        ([Need("agent", 1, 0.1, 600, every_node=True), Need("a", 2, 0.1, 400)], 2, True),
        ([Need("agent", 1, 0.1, 1001, every_node=True)], 1, False),
        ([Need("a", 1, 2.1, 1)], 50, False),  # larger than any node
    ],
)
def test_whether_pods_fit(needs: list[Need], nodes: int, fit: bool) -> None:
    assert fits(needs, [_NODE] * nodes) is fit


def test_a_node_keeps_some_of_it() -> None:
    for slug, (cores, memory, _price) in SIZES.items():
        node = node_of({"slug": slug, "vcpus": cores, "memory": memory})
        assert cores - 0.2 <= node.cpu < cores
        assert memory / 2 <= node.memory < memory
    assert node_of({"vcpus": 2, "memory": 4096}).memory == 2560
    assert node_of({"vcpus": 1, "memory": 1024}).memory == 0
    assert node_of({"vcpus": 32, "memory": 131072}).memory == 131072 * 0.9


def test_the_cheapest_pool_is_found() -> None:
    assert found(needs_of([])) == ("s-1vcpu-2gb", 1, 12.0)
    assert found(needs_of([{"name": "a", "pods": 3, "cpu": "100m", "memory": "400Mi"}])) == ("s-2vcpu-4gb", 1, 24.0)
    many = needs_of([{"name": "a", "pods": 30, "cpu": "50m", "memory": "128Mi"}])
    assert found(many) == ("s-4vcpu-8gb", 1, 48.0)
    assert found(many, least=3) == ("s-2vcpu-4gb", 3, 72.0)


def test_of_equals_the_one_with_fewer_nodes() -> None:
    needs = [Need("a", 2, 1.0, 100)]
    assert found(needs) == ("s-2vcpu-2gb", 2, 36.0)
    needs = [Need("a", 2, 1.9, 2000)]
    assert found(needs) == ("s-4vcpu-8gb", 1, 48.0)


def test_sizes_that_cannot_be_had_do_not_count() -> None:
    needs, sizes = needs_of([]), Account().sizes()
    assert smallest(needs, sizes, ["s-2vcpu-4gb"])["size"] == "s-2vcpu-4gb"
    sizes[0]["available"], sizes[1]["regions"] = False, ["nyc1"]
    assert smallest(needs, sizes, list(SIZES), "fra1")["size"] == "s-2vcpu-4gb"
    assert smallest(needs, sizes, list(SIZES), "nyc1")["size"] == "s-2vcpu-2gb"
    refused = failure(smallest, needs, sizes, list(SIZES), "syd1")
    assert (refused.code, refused.details) == (Code.UNSCHEDULABLE, {"region": "syd1"})
    huge = needs_of([{"name": "a", "cpu": "64", "memory": "1Gi"}])
    assert failure(smallest, huge, sizes, list(SIZES)).code is Code.UNSCHEDULABLE


def test_room_on_pools_of_several_sizes() -> None:
    sizes, needs = Account().sizes(), needs_of([{"name": "a", "memory": "4Gi", "cpu": "1"}])
    small: dict[str, Any] = {"name": "small", "size": "s-2vcpu-4gb", "count": 2}
    large = {"name": "large", "size": "s-4vcpu-8gb", "auto_scale": True, "min_nodes": 0, "max_nodes": 1}
    assert not have_room(needs, pools_of([small]), sizes)
    assert have_room(needs, pools_of([small, large]), sizes)


def test_what_is_requested_together() -> None:
    given: list[dict[str, Any]] = [
        {"name": "a", "pods": 3, "cpu": "100m", "memory": "1Gi"},
        {"name": "b", "cpu": None, "memory": "64Mi"},
    ]
    own = total(needs_of([]))
    both = total(needs_of(given))
    assert (both["pods"], int(both["memory"][:-2])) == (own["pods"] + 4, int(own["memory"][:-2]) + 3136)


@pytest.mark.parametrize(
    "given", [{}, {"name": "a", "cpu": "much"}, {"name": "a", "memory": "12Q"}, {"name": "a", "pods": -1}]
)
def test_mistakes(given: dict[str, Any]) -> None:
    assert failure(needs_of, [given]).code is Code.INVALID_INPUT
