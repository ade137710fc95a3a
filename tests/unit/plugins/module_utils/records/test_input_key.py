"""The key of a namespace for digests over secret values."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET
from ansible_collections.todo.cloud.plugins.module_utils.records.input_key import NAME, make_key, read_key

from tests.support.fake_kube import FakeKube


def test_the_key_is_made_once() -> None:
    kube = FakeKube()
    assert read_key(kube, "ns") is None
    key = make_key(kube, "ns")
    assert make_key(kube, "ns") == key == read_key(kube, "ns")
    assert len(kube.writes) == 1
    assert key.secret.hex() not in repr(key)
    assert key.id != make_key(FakeKube(), "ns").id


@pytest.mark.parametrize("data", [{}, {"key": "AAAA"}, {"key": "no base64"}, {"key": None}])
def test_a_damaged_key_is_a_lost_one(data: dict[str, Any]) -> None:
    kube = FakeKube()
    kube.put(SECRET, "ns", {"metadata": {"name": NAME}, "data": data})
    assert read_key(kube, "ns") is None
    assert make_key(kube, "ns") == read_key(kube, "ns")
