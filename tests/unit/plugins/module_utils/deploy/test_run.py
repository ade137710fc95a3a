"""Under the lock a run has nothing but clients that ask it."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import LockedRun, locked_run
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError, error
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP

from tests.support.fake_environment import World, deployed


def lost(sure: bool = True) -> None:
    raise error(Code.LOCK_LOST, "It is lost.")


def test_no_write_goes_past_a_lock_that_is_lost() -> None:
    world = deployed()
    run = LockedRun(world.run(), lost)
    newest = run.storage.history("api")[-1]
    body = {"metadata": {"name": "x"}}
    for write in (
        lambda: run.kube.create(CONFIG_MAP, "ns", body),
        lambda: run.storage.mark_failed(newest, "why"),
        lambda: run.storage.quarantine(newest.secret, "api"),
        lambda: run.records.withdraw(1, "why"),
        lambda: run.records.write(world.record(1)),
        lambda: run.helm.uninstall("api", "ns"),
        lambda: run.helm.rollback("api", "ns", 1),
    ):
        with pytest.raises(TodoCloudError) as caught:
            write()
        assert caught.value.failure.code is Code.LOCK_LOST
    assert world.writes() == []


def test_the_lock_is_held_inside_and_free_afterwards() -> None:
    world = World()
    with locked_run(world.run()) as run:
        assert run.holder.identity
        with pytest.raises(TodoCloudError) as caught, locked_run(world.run()):
            pytest.fail("two runs at once")
    assert caught.value.failure.code is Code.LOCK_HELD
    with locked_run(world.run()):
        pass


def test_a_run_with_other_settings_has_the_same_clients() -> None:
    run = World().run()
    other = run.with_settings(World().run(namespace="other").settings)
    assert (other.kube, other.helm, other.what) == (run.kube, run.helm, run.what)
    assert other.settings.namespace == "other"
