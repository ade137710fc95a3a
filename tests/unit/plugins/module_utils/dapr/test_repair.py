"""dapr_sidecar_check as a whole: look, restart what lacks its sidecar, look again."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.repair import check_sidecars
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError

from tests.support.fake_environment import A1, World


def world(*, injecting: bool, recovers: bool = True) -> World:
    """One app with one pod, made with a working injector or without one."""
    made = World()
    made.helm.injecting = injecting
    made.kube.recovers = recovers
    made.manual("api", A1)
    return made.forget()


def check(made: World, *, repair: bool = True, check_mode: bool = False) -> dict[str, Any]:
    return check_sidecars(
        made.kube, "ns", "dapr-system", ["api"], repair=repair, check_mode=check_mode,
        options=made.settings.wait, progress=made.lines.append,
    )  # fmt: skip


def test_a_pod_that_lacks_its_sidecar_is_restarted_once() -> None:
    made = world(injecting=False)
    found = check(made)
    assert (found["changed"], len(found["restarted"]), found["apps"][0]["injected"]) == (True, 1, 1)
    assert [write.split()[:2] for write in made.writes()] == [["delete", "Pod"]]


def test_in_check_mode_it_is_only_predicted() -> None:
    made = world(injecting=False)
    assert check(made, check_mode=True)["changed"] is True
    assert made.writes() == []


@pytest.mark.parametrize("repair", [False, True])
def test_where_nothing_is_lacking_nothing_is_done(repair: bool) -> None:
    made = world(injecting=True)
    assert check(made, repair=repair)["changed"] is False
    assert made.writes() == []


@pytest.mark.parametrize(("repair", "writes"), [(False, 0), (True, 1)])
def test_what_lacks_it_still_is_a_failure(repair: bool, writes: int) -> None:
    made = world(injecting=False, recovers=False)
    with pytest.raises(TodoCloudError) as caught:
        check(made, repair=repair)
    assert caught.value.failure.code is Code.SIDECAR_MISSING
    assert len(made.writes()) == writes
