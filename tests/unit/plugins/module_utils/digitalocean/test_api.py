"""Each request names the scope that DigitalOcean's contract wants for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.api import SCOPES, DigitalOcean
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.digitalocean import contract
from tests.support.digitalocean.server import DOMAINS, ROUTES, FakeDigitalOcean
from tests.unit.plugins.module_utils.digitalocean.conftest import api, body, failure

_ID = "bd5f5959-5e1e-4205-a714-a914373942af"
_CALLS: dict[str, Callable[[DigitalOcean], Any]] = {
    "GET /v2/account": lambda cloud: cloud.account(),
    "GET /v2/sizes": lambda cloud: cloud.sizes(),
    "GET /v2/kubernetes/options": lambda cloud: cloud.options(),
    "GET /v2/kubernetes/clusters": lambda cloud: cloud.clusters(),
    "POST /v2/kubernetes/clusters": lambda cloud: cloud.create_cluster(body()),
    "GET /v2/kubernetes/clusters/{cluster_id}": lambda cloud: cloud.cluster(_ID),
    "PUT /v2/kubernetes/clusters/{cluster_id}": lambda cloud: cloud.update_cluster(_ID, {"name": "todo"}),
    "DELETE /v2/kubernetes/clusters/{cluster_id}": lambda cloud: cloud.delete_cluster(_ID),
    "GET /v2/kubernetes/clusters/{cluster_id}/upgrades": lambda cloud: cloud.upgrades(_ID),
    "POST /v2/kubernetes/clusters/{cluster_id}/upgrade": lambda cloud: cloud.upgrade(_ID, "1.36.3-do.0", lambda: True),
    "GET /v2/kubernetes/clusters/{cluster_id}/status_messages": lambda cloud: cloud.messages(_ID),
    "GET /v2/kubernetes/clusters/{cluster_id}/kubeconfig": lambda cloud: cloud.kubeconfig(_ID, 600),
    "POST /v2/kubernetes/clusters/{cluster_id}/node_pools": lambda cloud: cloud.create_pool(
        _ID, {"name": "app", "size": "s-2vcpu-4gb", "count": 1}
    ),
    "PUT /v2/kubernetes/clusters/{cluster_id}/node_pools/{node_pool_id}": lambda cloud: cloud.update_pool(
        _ID, _ID, {"name": "app", "count": 1}
    ),
    "DELETE /v2/kubernetes/clusters/{cluster_id}/node_pools/{node_pool_id}": lambda cloud: cloud.delete_pool(_ID, _ID),
    "DELETE /v2/kubernetes/clusters/{cluster_id}/node_pools/{node_pool_id}/nodes/{node_id}": (
        lambda cloud: cloud.delete_node(_ID, _ID, _ID)
    ),
    "GET /v2/kubernetes/clusters/{cluster_id}/destroy_with_associated_resources": lambda cloud: cloud.associated(_ID),
    "DELETE /v2/kubernetes/clusters/{cluster_id}/destroy_with_associated_resources/selective": (
        lambda cloud: cloud.delete_with(_ID, {"volumes": ["a"]})
    ),
    "DELETE /v2/kubernetes/clusters/{cluster_id}/destroy_with_associated_resources/dangerous": (
        lambda cloud: cloud.delete_with_all(_ID)
    ),
}


def test_all_routes_are_called() -> None:
    assert set(_CALLS) == {f"{method} {path}" for method, path in ROUTES}
    assert set(SCOPES) == {scope for scopes, _operation in ROUTES.values() for scope in scopes}


@pytest.mark.parametrize("operation", _CALLS)
def test_a_missing_scope_is_named(cloud: FakeDigitalOcean, operation: str) -> None:
    cloud.tokens = {"weak-token": set()}
    found = failure(_CALLS[operation], api(cloud, token="weak-token"))
    assert (found.code, found.details["status"]) == (Code.CLOUD_DENIED, 403)
    assert cloud.requests[-1].operation == operation
    method, _, path = operation.partition(" ")
    assert set(found.details["scope"].split(", ")) == ROUTES[method, path][0]


def test_scopes_of_the_stand_in_are_those_of_the_contract() -> None:
    wanted = contract.scopes()
    if not wanted:
        pytest.skip("DigitalOcean's contract is not there")
    routes = ROUTES | DOMAINS
    assert {route: wanted[route] for route in routes} == {route: scopes for route, (scopes, _) in routes.items()}


def test_clusters_of_one_name_are_not_guessed(cloud: FakeDigitalOcean) -> None:
    for _ in range(2):
        cloud.account.create(body())
    found = failure(api(cloud).named, "todo")
    assert found.code is Code.CONFLICT
    assert len(found.details["ids"]) == 2
