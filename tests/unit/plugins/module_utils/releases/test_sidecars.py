"""dapr_sidecar_check takes the lock for what it writes, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.locking.holder import Holder
from ansible_collections.todo.cloud.plugins.module_utils.locking.lock import EnvironmentLock
from ansible_collections.todo.cloud.plugins.module_utils.releases.sidecars import sidecar_check

from tests.support.fake_environment import A1, World


def world(*, injecting: bool) -> World:
    made = World()
    made.helm.injecting = injecting
    made.manual("api", A1)
    return made.forget()


def check(made: World, *, repair: bool = True, **settings: Any) -> dict[str, Any]:
    run = made.run(**settings)
    return sidecar_check(run.kube, run.settings, ["api"], repair=repair, progress=made.lines.append)


def leases(made: World) -> int:
    return sum(kind == "Lease" for _verb, kind, _name in made.kube.writes)


def test_a_pod_without_its_sidecar_is_restarted_under_the_lock() -> None:
    made = world(injecting=False)
    assert len(check(made)["restarted"]) == 1
    assert leases(made) >= 2  # taken and released
    assert "restarting pod" in " ".join(made.lines)


@pytest.mark.parametrize(("injecting", "repair", "check_mode"), [(True, True, False), (False, True, True)])
def test_where_nothing_is_written_the_lock_stays_alone(injecting: bool, repair: bool, check_mode: bool) -> None:
    made = world(injecting=injecting)
    assert check(made, repair=repair, check=check_mode)["restarted"] == []
    assert made.kube.writes == []


def test_nothing_is_restarted_while_another_run_holds_the_lock() -> None:
    made = world(injecting=False)
    with EnvironmentLock(made.kube, "ns", Holder.me("another run")), pytest.raises(TodoCloudError) as caught:
        check(made)
    assert caught.value.failure.code is Code.LOCK_HELD
    assert made.writes() == []
