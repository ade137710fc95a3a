"""A rollback writes down where it goes before it begins."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, LEASE
from ansible_collections.todo.cloud.plugins.module_utils.locking.holder import Holder
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME, UNFINISHED
from ansible_collections.todo.cloud.plugins.module_utils.locking.manual import LockState, ManualLock
from ansible_collections.todo.cloud.plugins.module_utils.records.rollback_target import (
    OLD_NAME,
    RollbackTarget,
    forget,
    not_resumed,
    remember,
    remembered,
)

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.locking.test_lock import lock


def test_intention() -> None:
    kube = FakeKube()
    assert remembered(kube, "ns") is None
    assert forget(kube, "ns") == ""
    for number in (3, 2):
        goal = RollbackTarget(number, ("api",), (4, 5), "ada@ci")
        remember(kube, "ns", goal)
        assert remembered(kube, "ns") == goal
    assert "release set 2, started by ada@ci" in forget(kube, "ns")
    assert remembered(kube, "ns") is None
    kube.patch(LEASE, "ns", LOCK_NAME, {"metadata": {"annotations": {UNFINISHED: "{}"}}})
    assert remembered(kube, "ns") is None
    assert forget(kube, "ns") == "A rollback that cannot be read was not finished; it is abandoned."
    assert forget(kube, "ns") == ""


@pytest.mark.parametrize(
    "noted",
    [
        "", "{", "[]", '{"set": "1"}', '{"set": 1, "names": "x"}', '{"set": 1, "leaves": ["2"]}',
        '{"set": 1, "who": 5}', '{"set": NaN}', '{"set": true}', "[" * 100_000,
    ],
)  # fmt: skip
def test_a_damaged_target_is_none(noted: str) -> None:
    kube = FakeKube()
    kube.put(LEASE, "ns", {"metadata": {"name": LOCK_NAME, "annotations": {UNFINISHED: noted}}})
    assert remembered(kube, "ns") is None


def test_a_target_stays_while_the_lock_changes_hands() -> None:
    kube = FakeKube()
    goal = RollbackTarget(1, (), (2,), "ada@ci")
    with lock(kube) as held:
        remember(kube, "ns", goal)
        held.check()
    with lock(kube):
        assert remembered(kube, "ns") == goal
    ManualLock(kube, "ns", Holder.me("x")).ensure(LockState.TAKEN_OVER)
    assert remembered(kube, "ns") == goal


def test_a_target_in_a_config_map_is_only_spoken_of() -> None:
    kube = FakeKube()
    assert not_resumed(kube, "ns") == ""
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": OLD_NAME}, "data": {"target.json": '{"set": 1}'}})
    assert remembered(kube, "ns") is None
    assert "does not make a rollback resume" in not_resumed(kube, "ns")
