"""One cluster, as it is wanted, whatever is lost or killed on the way; a second run writes nothing."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.api import DigitalOcean
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.client import Answer, Client
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.converge import Converged, Converger
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.wanted import Wanted
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.digitalocean.server import TOKEN, FakeDigitalOcean, Fault
from tests.unit.plugins.module_utils.digitalocean.conftest import api, body, failure

APP = {"name": "app", "size": "s-2vcpu-4gb", "count": 2}
TODO: dict[str, Any] = {"name": "todo", "region": "fra1", "version": "1.36", "node_pools": [APP]}


def converge(
    cloud: FakeDigitalOcean, params: dict[str, Any] | None = None, lines: list[str] | None = None, **how: Any
) -> Converged:
    cluster_id = how.pop("cluster_id", "")
    wanted = Wanted.from_params(TODO if params is None else params)
    return Converger(api(cloud, lines), **how).converge(wanted, cluster_id)


def refused(cloud: FakeDigitalOcean, params: dict[str, Any], **how: Any) -> Any:
    """The failure of what has written nothing."""
    before = len(cloud.writes())
    found = failure(converge, cloud, params, **how)
    assert len(cloud.writes()) == before
    return found


def test_an_empty_account_gets_a_cluster_and_a_second_run_writes_nothing(cloud: FakeDigitalOcean) -> None:
    lines: list[str] = []
    made = converge(cloud, {**TODO, "tags": ["todo"], "auto_upgrade": True}, lines)
    assert made.as_result()["changed"]
    assert (made.cluster["state"], made.cluster["version"], made.cluster["tags"]) == (
        "running", "1.36.3-do.0", ["todo"],
    )  # fmt: skip
    assert made.monthly == 48
    assert any("provisioning" in each for each in lines)
    (sent,) = cloud.bodies("POST")
    assert sent["ha"] is False  # DigitalOcean's default is true, and costs
    again = converge(cloud, {**TODO, "tags": ["todo"], "auto_upgrade": True})
    assert (again.changes, again.warnings) == ([], [])
    assert len(cloud.writes()) == 1


def test_check_mode_says_what_would_be_done_and_writes_nothing(cloud: FakeDigitalOcean) -> None:
    would = converge(cloud, write=False)
    assert would.as_result()["changed"]
    assert would.cluster == {}
    converge(cloud)
    same = converge(cloud, write=False).as_result()
    assert not same["changed"]
    assert same["diff"]["before"] == same["diff"]["after"]
    more = converge(cloud, {**TODO, "node_pools": [{**APP, "count": 3}]}, write=False)
    assert more.changes == ["pool app: count: 2 -> 3"]
    assert len(cloud.writes()) == 1


def test_a_cluster_is_brought_to_what_is_wanted(cloud: FakeDigitalOcean) -> None:
    converge(cloud, {**TODO, "auto_upgrade": True, "surge_upgrade": True, "tags": ["a"]})
    wanted = {
        **TODO, "tags": ["b"], "maintenance": {"day": "sunday", "start_time": "03:00"},
        "node_pools": [{**APP, "count": 3}, {"name": "db", "size": "s-4vcpu-8gb", "count": 1, "labels": {"a": "b"}}],
    }  # fmt: skip
    found = converge(cloud, wanted).cluster
    assert [(each["name"], len(each["nodes"])) for each in found["node_pools"]] == [("app", 3), ("db", 1)]
    assert (found["auto_upgrade"], found["surge_upgrade"]) == (True, True)  # PUT would reset what it leaves out
    assert (found["tags"], found["maintenance"]["day"]) == (["b"], "sunday")
    assert converge(cloud, wanted).changes == []


def test_a_cluster_is_renamed_by_its_id(cloud: FakeDigitalOcean) -> None:
    identity = converge(cloud).cluster["id"]
    found = converge(cloud, {**TODO, "name": "shop"}, cluster_id=identity)
    assert (found.cluster["id"], found.cluster["name"]) == (identity, "shop")


def test_upgrades_take_all_patches_and_one_minor_version_at_a_time(cloud: FakeDigitalOcean) -> None:
    cloud.account.versions = ("1.36.3-do.0", "1.35.6-do.0", "1.35.1-do.0", "1.34.9-do.0", "1.34.5-do.0")
    converge(cloud, {**TODO, "version": "1.34.5"})
    found = converge(cloud)
    assert found.cluster["version"] == "1.36.3-do.0"
    assert found.changes == ["version: 1.34.5-do.0 -> 1.36"]
    asked = [each["version"] for each in cloud.bodies("POST", "upgrade")]
    assert asked == ["1.34.9-do.0", "1.35.6-do.0", "1.36.3-do.0"]
    assert converge(cloud).changes == []


@pytest.mark.parametrize("how", ["lost", "reset", 500])
def test_an_upgrade_whose_answer_is_lost_goes_on(cloud: FakeDigitalOcean, how: int | str) -> None:
    converge(cloud, {**TODO, "version": "1.35"})
    cloud.faults = [Fault(how, "POST", "upgrade")]
    assert converge(cloud).cluster["version"] == "1.36.3-do.0"


def test_refusals_come_before_the_first_write(cloud: FakeDigitalOcean) -> None:
    assert refused(cloud, {"name": "todo"}).code is Code.INVALID_INPUT
    assert refused(cloud, {**TODO, "version": "1.33"}).code is Code.CLOUD_REFUSED
    assert refused(cloud, TODO, budget=47.99).code is Code.BUDGET_EXCEEDED
    assert refused(cloud, {**TODO, "ha": True}, budget=87.99).code is Code.BUDGET_EXCEEDED
    converge(cloud)
    bigger = {**TODO, "tags": ["a"], "node_pools": [{**APP, "count": 3}]}
    assert refused(cloud, bigger, budget=71).code is Code.BUDGET_EXCEEDED
    assert refused(cloud, {**bigger, "region": "nyc1"}).code is Code.CLUSTER_FIXED
    assert refused(cloud, {**bigger, "version": "1.35"}).code is Code.CLUSTER_FIXED
    assert refused(cloud, TODO, cluster_id="00000000-0000-4000-8000-000000000000").code is Code.NOT_FOUND


def test_the_token_expires_half_way(cloud: FakeDigitalOcean) -> None:
    cloud.expires_after = 8
    found = failure(converge, cloud)
    assert (found.code, found.details["status"]) == (Code.CLOUD_DENIED, 401)
    cloud.expires_after = 0
    assert converge(cloud).cluster["state"] == "running"
    assert len(cloud.account.clusters) == 1


def test_the_rate_limit_is_hit(cloud: FakeDigitalOcean) -> None:
    cloud.limit = 2
    assert converge(cloud).cluster["state"] == "running"
    assert 429 in [each.status for each in cloud.requests]


def test_a_cluster_that_goes_away_is_waited_for_and_made_again(cloud: FakeDigitalOcean) -> None:
    old = converge(cloud).cluster["id"]
    cloud.account.remove(cloud.account.show(old))
    assert failure(converge, cloud, cluster_id=old).code is Code.CLUSTER_FAILED
    assert converge(cloud).cluster["id"] != old
    assert len(cloud.account.clusters) == 1


class _Killed(BaseException):
    """A run ends here."""


class _Dying(Client):
    """Ends with its n-th request, before it is sent or after that."""

    def __init__(self, cloud: FakeDigitalOcean, last: int, sends: bool) -> None:
        super().__init__(Access(TOKEN, cloud.url, ca_path=cloud.ca_path), cloud.account.clock.sleep)
        self._last, self._sends = last, sends

    def _once(self, *request: Any) -> Answer:
        self._last -= 1
        if self._last > 0 or self._sends:
            answer = super()._once(*request)
            if self._last > 0:
                return answer
        raise _Killed


def _killed_everywhere(cloud: FakeDigitalOcean, params: dict[str, Any]) -> int:
    """A run that goes on after each of its requests was the last one of another; how many that were."""
    for last in itertools.count(1):
        for sends in (False, True):
            try:
                Converger(DigitalOcean(_Dying(cloud, last, sends))).converge(Wanted.from_params(params))
                return last
            except _Killed:
                continue
    raise AssertionError


@pytest.mark.parametrize("sends", [False, True])
def test_a_run_that_is_killed_anywhere_makes_one_cluster(sends: bool) -> None:
    wanted = Wanted.from_params(TODO)
    for last in range(1, 40):
        with FakeDigitalOcean().serving() as cloud:
            try:
                Converger(DigitalOcean(_Dying(cloud, last, sends))).converge(wanted)
                break
            except _Killed:
                assert Converger(api(cloud)).converge(wanted).cluster["state"] == "running"
            assert len(cloud.account.clusters) == 1
            assert cloud.violations == []
    else:
        raise AssertionError("it never ended")
    assert last > 10


def test_a_replacement_that_is_killed_again_and_again_leaves_one_pool(cloud: FakeDigitalOcean) -> None:
    converge(cloud)
    bigger = {**TODO, "node_pools": [{**APP, "size": "s-4vcpu-8gb"}], "allow_replace": True, "tags": ["a"]}
    _killed_everywhere(cloud, bigger)
    (pool,) = converge(cloud, bigger).cluster["node_pools"]
    assert (pool["name"], pool["size"], len(pool["nodes"])) == ("app", "s-4vcpu-8gb", 2)
    assert len(cloud.account.drained) == 2
    assert converge(cloud, bigger).changes == []


# What community.digitalocean 1.27 does otherwise (shown by running it); here it is right.


def test_defect_1_a_new_cluster_has_its_kubeconfig_at_once(cloud: FakeDigitalOcean) -> None:
    """There, ``return_kubeconfig`` without a project returned none."""
    found = converge(cloud)
    assert b"current-context" in api(cloud).kubeconfig(found.cluster["id"], 600)


def test_defect_2_a_rerun_with_other_numbers_changes_them(cloud: FakeDigitalOcean) -> None:
    converge(cloud)
    found = converge(cloud, {**TODO, "auto_upgrade": True, "node_pools": [{**APP, "count": 5}]})
    assert found.as_result()["changed"]
    assert (found.cluster["auto_upgrade"], len(found.cluster["node_pools"][0]["nodes"])) == (True, 5)


def test_defect_3_check_mode_on_a_cluster_that_is_there_is_unchanged(cloud: FakeDigitalOcean) -> None:
    converge(cloud)
    assert not converge(cloud, write=False).as_result()["changed"]


def test_defect_4_a_pinned_patch_that_is_no_longer_offered_is_no_mistake(cloud: FakeDigitalOcean) -> None:
    pinned = {**TODO, "version": "1.36.1-do.1"}
    converge(cloud, pinned)
    cloud.account.versions = ("1.36.3-do.0",)
    assert converge(cloud, pinned).changes == []


def test_defect_5_and_pages_another_address_and_more_clusters_than_a_page_has(cloud: FakeDigitalOcean) -> None:
    """There, the address could not be chosen, and only the first page was read: a second cluster was made."""
    for name in ("a", "b", "c", "d"):
        cloud.account.create(body(name))
    for _ in range(2):
        converge(cloud, {**TODO, "node_pools": [{**APP, "count": 1}]})
    assert [each["name"] for each in cloud.account.listed()] == ["a", "b", "c", "d", "todo"]
