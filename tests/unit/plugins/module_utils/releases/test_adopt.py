"""release_adopt: Helm releases that run already are taken over as they are, if they are well."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.labels import ENVIRONMENT, INPUTS

from tests.support.fake_environment import A1, A2, BAD, C1, World, deployed, outcomes
from tests.support.stored_releases import store


def manually(**releases: dict[str, Any]) -> World:
    """Releases that somebody has installed with Helm, in a namespace of nobody's."""
    world = World()
    for name, values in releases.items():
        world.manual(name, values)
    world.kube.objects["Namespace", "", "ns"]["metadata"]["labels"] = {}
    return world.forget()


def labels(world: World, name: str) -> Any:
    return world.run().storage.history(name)[-1].labels


def refused(world: World, *waves: dict[str, Any]) -> TodoCloudError:
    with pytest.raises(TodoCloudError) as caught:
        world.adopt(*waves)
    assert world.writes() == []
    return caught.value


def test_what_is_as_the_inventory_says_needs_nothing_afterwards() -> None:
    world = manually(components=C1, api=A1)
    report = world.adopt({"components": C1}, {"api": A1})
    assert outcomes(report.as_result()) == {"components": "verified", "api": "verified"}
    assert (report.set, report.changed, world.helm.commands) == (1, True, [])
    assert labels(world, "api")[ENVIRONMENT] == "staging"
    assert world.kube.objects["Namespace", "", "ns"]["metadata"]["labels"] == {ENVIRONMENT: "staging"}
    assert outcomes(world.apply({"components": C1}, {"api": A1}).as_result()) == {
        "components": "unchanged", "api": "unchanged",
    }  # fmt: skip


def test_what_differs_is_adopted_as_it_is_and_changed_by_the_next_run() -> None:
    world = manually(api=A1)
    report = world.adopt({"api": A2})
    assert (outcomes(report.as_result()), world.image()) == ({"api": "verified"}, "r/api:v1.0.0")
    assert world.record(1).members["api"].values == {}, "there may be secrets in them"
    plan = world.apply({"api": A2}, check=True).plan
    assert [item.kind.value for item in plan] == ["change"]


def test_what_is_not_well_is_not_adopted() -> None:
    failed = refused(manually(components=C1, api=BAD), {"components": C1}, {"api": BAD})
    assert failed.failure.code is Code.CRASH_LOOP
    assert outcomes(failed.results)["api"] == "failed"
    assert failed.results["changed"] is False


@pytest.mark.parametrize(("status", "code"), [("pending-upgrade", Code.RELEASE_PENDING), ("failed", Code.HELM_FAILED)])
def test_only_what_helm_calls_deployed_can_be_adopted(status: str, code: Code) -> None:
    world = manually(api=A1)
    store(world.kube, "api", 2, status)
    assert refused(world, {"api": A1}).failure.code is code


def test_what_can_not_be_read_is_refused() -> None:
    world = manually(api=A1)
    store(world.kube, "api", 2, payload="garbage")
    assert refused(world, {"api": A1}).failure.code is Code.HELM_FAILED


def test_what_is_ours_or_is_not_there_is_left_alone() -> None:
    world = deployed()
    report = world.adopt({"api": A1, "web": A2})
    assert outcomes(report.as_result()) == {"api": "kept", "web": "kept"}
    assert (report.changed, report.set, world.writes()) == (False, 1, [])


def test_in_check_mode_it_is_predicted() -> None:
    world = manually(api=A1)
    report = world.adopt({"api": A1}, check=True)
    assert (outcomes(report.as_result()), report.changed, world.writes()) == ({"api": "predicted"}, True, [])
    assert INPUTS not in labels(world, "api")


def test_no_pod_is_restarted_for_a_sidecar_that_it_lacks() -> None:
    world = World()
    world.helm.injecting = False
    world.manual("api", A1)
    assert refused(world.forget(), {"api": A1}).failure.code is Code.SIDECAR_MISSING
