"""What the account allows is looked at before a cluster is made."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.api import SCOPES
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.converge import Converger
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.limits import check_account, check_token
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.wanted import Wanted, pools_of
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.digitalocean.server import TOKEN, FakeDigitalOcean
from tests.unit.plugins.module_utils.digitalocean.conftest import api, failure

APP = {"name": "app", "size": "s-2vcpu-4gb", "count": 2}
SCALED = {"name": "app", "size": "s-2vcpu-4gb", "auto_scale": True, "min_nodes": 2, "max_nodes": 12}


@pytest.mark.parametrize("pools", [[APP], [{**APP, "count": 10}], [{**SCALED, "max_nodes": 10}]])
def test_what_fits(cloud: FakeDigitalOcean, pools: list[dict[str, Any]]) -> None:
    assert check_account(api(cloud), pools_of(pools)) == []


def test_too_many_nodes_are_refused_before_anything_is_made(cloud: FakeDigitalOcean) -> None:
    wanted = Wanted.from_params(
        {"name": "todo", "region": "fra1", "version": "1.36", "node_pools": [{**APP, "count": 11}]}
    )
    for write in (False, True):
        found = failure(Converger(api(cloud), write=write).converge, wanted)
        assert found.code is Code.CLOUD_REFUSED
        assert "may have 10 droplets, and node_pools has 11 nodes" in found.message
    assert [each.method for each in cloud.requests if each.method != "GET"] == []


def test_what_may_grow_too_large_is_a_warning(cloud: FakeDigitalOcean) -> None:
    (warning,) = check_account(api(cloud), pools_of([SCALED]))
    assert "may have 10 droplets, and node_pools may grow to 12 nodes" in warning


def test_a_locked_account_is_told(cloud: FakeDigitalOcean) -> None:
    cloud.account.status = ("locked", "payment is overdue")
    found = failure(check_account, api(cloud), pools_of([APP]))
    assert (found.code, "locked: payment is overdue" in found.message) == (Code.CLOUD_REFUSED, True)


def test_without_the_scope_it_is_a_warning_and_a_bad_token_is_none(cloud: FakeDigitalOcean) -> None:
    cloud.tokens = {"narrow": set(SCOPES) - {"account:read"}}
    (warning,) = check_account(api(cloud, token="narrow"), pools_of([APP]))
    assert "lacks account:read" in warning
    assert failure(check_account, api(cloud, token="ended"), pools_of([APP])).code is Code.CLOUD_DENIED


def test_a_token_that_may_not_fetch_the_kubeconfig(cloud: FakeDigitalOcean) -> None:
    assert check_token(api(cloud)) == []
    cloud.tokens[TOKEN] = {"kubernetes:read", "kubernetes:create"}
    (warning,) = check_token(api(cloud))
    assert "kubernetes:access_cluster" in warning
    cloud.tokens = {}
    assert failure(check_token, api(cloud)).code is Code.CLOUD_DENIED
    assert cloud.writes() == []
