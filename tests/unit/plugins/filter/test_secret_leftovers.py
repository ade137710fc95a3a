"""The filter secret_leftovers."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.filter.secret_leftovers import FilterModule


def test_keys_without_values() -> None:
    find = FilterModule().filters()["secret_leftovers"]
    found = [
        {"metadata": {"name": "app"}, "data": {"token": "eA==", "old": "eQ==", "b": "eQ=="}},
        {"metadata": {"name": "other"}, "data": {"x": "eQ=="}},
        {"metadata": {"name": "empty"}},
    ]
    assert find({"app": {"data": {"token": "eA=="}}, "empty": {"data": {}}}, found) == [
        {"name": "app", "keys": ["b", "old"]}
    ]
