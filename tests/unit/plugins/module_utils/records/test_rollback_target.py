"""A rollback writes down where it goes before it begins."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.todo.cloud.plugins.module_utils.records.rollback_target import (
    NAME,
    RollbackTarget,
    forget,
    remember,
    remembered,
)

from tests.support.fake_kube import FakeKube


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
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": NAME}, "data": {"target.json": "{}"}})
    assert remembered(kube, "ns") is None
