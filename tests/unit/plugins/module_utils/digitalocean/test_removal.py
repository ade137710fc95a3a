"""A cluster goes with what it would leave on the bill, and not while another environment is in it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean.removal import Removal, Removed, remove
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, error

from tests.support.digitalocean.server import FakeDigitalOcean, Fault
from tests.unit.plugins.module_utils.digitalocean.conftest import api, body, failure

_BALANCER, _VOLUME = {"id": "lb-1", "name": "ingress"}, {"id": "vol-1", "name": "pvc-1"}


@pytest.fixture
def made(cloud: FakeDigitalOcean) -> str:
    identity: str = cloud.account.create(body())["id"]
    cloud.account.clock.sleep(300)
    cloud.account.associated[identity] = {"load_balancers": [_BALANCER], "volumes": [_VOLUME]}
    return identity


def removed(cloud: FakeDigitalOcean, inside: Any = ("staging",), write: bool = True, **how: Any) -> Removed:
    def occupants(_cluster: Any) -> Any:
        if isinstance(inside, Exception):
            raise inside
        return inside

    given = {"environments": ["staging"], **how}
    return remove(api(cloud), "todo", "", Removal(**given), occupants, write=write)


def test_nothing_is_there(cloud: FakeDigitalOcean) -> None:
    assert not removed(cloud).as_result()["changed"]


def test_what_it_has_made_is_shown_before_anything_is_deleted(cloud: FakeDigitalOcean, made: str) -> None:
    found = failure(removed, cloud)
    assert found.code is Code.CLUSTER_IN_USE
    assert "1 load balancers (ingress), 1 volumes (pvc-1)" in found.message
    assert failure(removed, cloud, write=False).code is Code.CLUSTER_IN_USE
    assert cloud.writes() == []


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ({"associated": "all"}, []),
        ({"associated": "none"}, ["lb-1", "vol-1"]),
        ({"associated": "selective", "selected": {"load_balancers": ["lb-1"]}}, ["vol-1"]),
    ],
)
def test_what_goes_with_it(cloud: FakeDigitalOcean, made: str, how: dict[str, Any], left: list[str]) -> None:
    would = removed(cloud, write=False, **how)
    assert cloud.writes() == []
    found = removed(cloud, **how)
    assert [each["id"] for each in cloud.account.left_over] == left
    assert [each["id"] for kind in found.left.values() for each in kind] == left
    assert bool(found.warnings) == bool(left)
    assert would.as_result() == found.as_result()
    assert cloud.account.clusters == {}
    assert not removed(cloud, **how).as_result()["changed"]


def test_ids_of_somebody_else_are_refused(cloud: FakeDigitalOcean, made: str) -> None:
    found = failure(removed, cloud, associated="selective", selected={"volumes": ["vol-9"]})
    assert found.code is Code.INVALID_INPUT
    assert cloud.writes() == []


def test_another_environment_keeps_it(cloud: FakeDigitalOcean, made: str) -> None:
    found = failure(removed, cloud, inside=("production", "staging"), associated="all", unchecked=True)
    assert (found.code, found.details["environments"]) == (Code.CLUSTER_IN_USE, ["production"])
    assert cloud.writes() == []


def test_a_cluster_that_does_not_answer_is_only_deleted_when_told(cloud: FakeDigitalOcean, made: str) -> None:
    silent = error(Code.UNREACHABLE, "The API server does not answer.")
    assert "does not answer" in failure(removed, cloud, inside=silent, associated="all").message
    assert cloud.writes() == []
    assert removed(cloud, inside=silent, associated="all", unchecked=True).warnings
    assert cloud.account.clusters == {}


def test_a_deletion_whose_answer_is_lost(cloud: FakeDigitalOcean, made: str) -> None:
    cloud.faults = [Fault("lost", "DELETE"), Fault(503, "DELETE")]
    assert removed(cloud, associated="all").as_result()["changed"]
    assert cloud.account.clusters == {}


def test_one_that_is_being_deleted_is_waited_for(cloud: FakeDigitalOcean, made: str) -> None:
    cloud.account.remove(cloud.account.show(made))
    assert not removed(cloud, write=False).as_result()["changed"]
    assert not removed(cloud).as_result()["changed"]
    assert cloud.account.clusters == {}
    assert cloud.writes() == []
