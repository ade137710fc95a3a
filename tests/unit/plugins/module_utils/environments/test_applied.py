"""Whether an object is as it would be applied: the server says what it would become."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.applied import is_applied
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP

from tests.support.fake_kube import FakeKube

BODY: dict[str, Any] = {"metadata": {"name": "settings", "namespace": "ns", "labels": {"a": "b"}}, "data": {"key": "1"}}


def ask(kube: FakeKube, body: dict[str, Any] = BODY) -> bool:
    found = is_applied(kube, CONFIG_MAP, body, kube.find(CONFIG_MAP, "ns", "settings"))
    assert kube.writes == []
    return found


def test_what_is_not_there_is_not_applied() -> None:
    assert not ask(FakeKube())


@pytest.mark.parametrize("more", [{}, {"data": {"key": "1", "other": "2"}}, {"status": {"seen": True}}])
def test_what_others_wrote_beside_it_does_not_count(more: dict[str, Any]) -> None:
    kube = FakeKube()
    kube.put(CONFIG_MAP, "ns", BODY | more)
    assert ask(kube)


@pytest.mark.parametrize("change", [{"data": {"key": "2"}}, {"metadata": {**BODY["metadata"], "labels": {"a": "c"}}}])
def test_what_an_apply_would_change_counts(change: dict[str, Any]) -> None:
    kube = FakeKube()
    kube.put(CONFIG_MAP, "ns", BODY)
    assert not ask(kube, BODY | change)
