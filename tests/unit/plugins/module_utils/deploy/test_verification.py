"""The verdict on a wave: workloads, then sidecars, which are repaired once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import LockedRun
from ansible_collections.todo.cloud.plugins.module_utils.deploy.verification import Verification, Verifier
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError, error
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline

from tests.support.fake_environment import A1, BAD, C1, World


def world(**releases: dict[str, Any]) -> World:
    """Releases that Helm has applied, and nobody verified; the injector did not work then if one asks for it."""
    made = World()
    for name, values in releases.items():
        made.helm.injecting = not values.get("lacking")
        given = {key: value for key, value in values.items() if key != "lacking"}
        made.manual(name, given)
    return made.forget()


def verify(made: World, *names: str, repair: bool = True, **settings: Any) -> Verification:
    apps = {name: name for name in names if name != "components"}
    return Verifier(made.run(**settings), repair_sidecars=repair).verify(names, apps, Deadline.after(20))


def codes(found: Verification) -> dict[str, str]:
    return {name: failure.code.value for name, failure in found.failures.items()}


LACKING = {**A1, "lacking": True}


def test_what_is_well_is_verified_with_what_is_stored() -> None:
    found = verify(world(components=C1, api=A1), "components", "api")
    assert (found.ok, found.restarted) == (True, ())
    assert {name: stored.revision for name, stored in found.stored.items()} == {"components": 1, "api": 1}


def test_a_failure_belongs_to_its_release() -> None:
    found = verify(world(api=A1, web=BAD), "api", "web")
    assert codes(found) == {"web": "crash_loop"}
    assert found.failures["web"].details["release"] == "web"


def test_a_missing_sidecar_is_repaired_once_and_reported() -> None:
    made = world(api=LACKING)
    found = verify(made, "api")
    assert found.ok
    assert [write.split()[:2] for write in made.writes()] == [["delete", "Pod"]]
    assert len(found.restarted) == 1


def test_without_the_right_to_repair_it_is_a_failure() -> None:
    made = world(api=LACKING)
    found = verify(made, "api", repair=False)
    assert codes(found) == {"api": "sidecar_missing"}
    assert found.failures["api"].details["release"] == "api"
    assert made.writes() == []


def test_a_sidecar_that_is_missing_again_is_not_repaired_twice() -> None:
    made = world(api=LACKING)
    made.kube.recovers = False
    found = verify(made, "api")
    assert codes(found) == {"api": "sidecar_missing"}
    assert len(made.writes()) == 1


def test_nothing_is_restarted_while_the_injector_is_down() -> None:
    made = world(api=LACKING, web={"image": "r/web:v1", "dapr": True})
    made.injector(ready=False)
    assert codes(verify(made, "api", "web")) == {"api": "injector_down"}
    assert made.writes() == []


def test_nobody_to_verify() -> None:
    assert verify(World()).ok


def test_a_release_that_is_gone_can_not_be_verified() -> None:
    with pytest.raises(TodoCloudError) as caught:
        verify(World(), "api")
    assert caught.value.failure.code is Code.NOT_FOUND


def test_a_lock_that_is_lost_while_pods_are_restarted_ends_the_run() -> None:
    made = world(api=LACKING)

    def lost(sure: bool = True) -> None:
        raise error(Code.LOCK_LOST, "It is lost.")

    with pytest.raises(TodoCloudError) as caught:
        Verifier(LockedRun(made.run(), lost), repair_sidecars=True).verify(["api"], {"api": "api"}, Deadline.after(20))
    assert caught.value.failure.code is Code.LOCK_LOST
    assert made.writes() == []
