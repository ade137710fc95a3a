"""Waits have an end, and say why in DigitalOcean's words."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.waiting import Waiting
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.digitalocean.server import FakeDigitalOcean, Fault
from tests.unit.plugins.module_utils.digitalocean.conftest import api, body, failure
from tests.unit.plugins.module_utils.digitalocean.test_converge import converge, refused

_WHY = "The node pool app cannot reach the control plane"


def test_nodes_count_too(cloud: FakeDigitalOcean) -> None:
    cloud.account.takes |= {"provisioning": 60, "node": 200}
    lines: list[str] = []
    made = api(cloud).create_cluster(body())
    found = Waiting(api(cloud, lines), 600).until_running(made["id"])
    assert [each["status"]["state"] for each in found["node_pools"][0]["nodes"]] == ["running", "running"]
    assert "it is provisioning (0 s)" in lines[0]
    assert "0 of 2 nodes of the pool app run" in lines[-1]
    assert len(lines) < 8  # a reminder a minute, not a line for each look


def test_a_wait_ends(cloud: FakeDigitalOcean) -> None:
    made = api(cloud).create_cluster(body())
    found = failure(Waiting(api(cloud), 20).until_running, made["id"])
    assert found.code is Code.TIMEOUT
    assert "provisioning" in found.message


@pytest.mark.parametrize("state", ["degraded", "error"])
def test_a_cluster_that_fails_is_explained(cloud: FakeDigitalOcean, state: str) -> None:
    cloud.account.stuck = (state, _WHY)
    found = failure(converge, cloud, timeout=100)
    assert (found.code, found.details["state"]) == (Code.CLUSTER_FAILED, state)
    assert _WHY in found.message
    assert found.details["messages"] == [_WHY]


def test_one_that_has_failed_is_not_written_to(cloud: FakeDigitalOcean) -> None:
    cloud.account.stuck = ("error", _WHY)
    failure(converge, cloud)
    wanted = {"name": "todo", "tags": ["a"]}
    assert refused(cloud, wanted).code is Code.CLUSTER_FAILED


def test_a_degraded_cluster_that_recovers(cloud: FakeDigitalOcean) -> None:
    made = api(cloud).create_cluster(body())
    cloud.account.stuck = ("degraded", _WHY)
    cloud.account.clock.sleep(300)
    cloud.account.show(made["id"])
    cloud.account.stuck = None
    cloud.account.due[made["id"]] = (cloud.account.clock.now() + 30, "running")
    assert Waiting(api(cloud), 60).until_running(made["id"])["status"]["state"] == "running"


def test_messages_that_cannot_be_read_hide_nothing(cloud: FakeDigitalOcean) -> None:
    cloud.account.stuck = ("error", _WHY)
    cloud.faults = [Fault(403, "GET", "status_messages", times=9)]
    assert failure(converge, cloud).details["state"] == "error"


def test_a_cluster_that_somebody_deletes_meanwhile(cloud: FakeDigitalOcean) -> None:
    identity = "00000000-0000-4000-8000-000000000000"
    found = failure(Waiting(api(cloud), 60).until_running, identity)
    assert (found.code, found.details["state"]) == (Code.CLUSTER_FAILED, "deleted")
    made = api(cloud).create_cluster(body())
    cloud.account.remove(cloud.account.show(made["id"]))
    assert failure(Waiting(api(cloud), 60).until_running, made["id"]).details["state"] == "deleting"
    Waiting(api(cloud), 100).until_gone(made["id"])


def test_what_cannot_be_waited_for_any_longer(cloud: FakeDigitalOcean) -> None:
    made = api(cloud).create_cluster(body())
    waiting = Waiting(api(cloud), 10)
    assert failure(waiting.until_gone, made["id"]).code is Code.TIMEOUT
    assert failure(waiting.until, made["id"], lambda cluster: "it is there").code is Code.TIMEOUT
    assert failure(waiting.until_settled, made).code is Code.TIMEOUT
