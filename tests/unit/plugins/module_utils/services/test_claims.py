"""Public endpoints that two services claim."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.services.claims import claimed_twice


def test_a_path_below_another_is_another() -> None:
    entries: dict[str, Any] = {
        "web": {"public": "a.example.com"},
        "api": {"public": {"host": "a.example.com", "paths": ["/api"]}},
        "none": {},
    }
    assert list(claimed_twice(entries)) == []


def test_the_same_path_is_said_once() -> None:
    entries: dict[str, Any] = {
        "web": {"public": ["a.example.com", "a.example.com"]},
        "api": {"public": ["a.example.com", "a.example.com"]},
    }
    assert len(list(claimed_twice(entries))) == 1
