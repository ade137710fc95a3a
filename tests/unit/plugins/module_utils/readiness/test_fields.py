"""Fields of objects that may lack any of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness import fields

POD: dict[str, Any] = {
    "metadata": {
        "name": "api-1", "uid": "u", "deletionTimestamp": "2026-11-21T10:00:00Z",
        "ownerReferences": [{"uid": "other"}, {"uid": "set", "controller": True}],
    },
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "False"}]},
}  # fmt: skip


def test_what_is_there_is_read() -> None:
    assert (fields.name(POD), fields.uid(POD), fields.controller_uid(POD)) == ("api-1", "u", "set")
    assert fields.is_true(POD, "Ready")
    assert not fields.is_true(POD, "Initialized")
    assert fields.terminating(POD)
    assert fields.number({"replicas": "3"}, "replicas") == 3


@pytest.mark.parametrize("empty", [{}, {"metadata": {}, "status": {}}, {"metadata": None, "spec": None}])
def test_what_is_not_there_is_empty(empty: dict[str, Any]) -> None:
    assert (fields.name(empty), fields.uid(empty), fields.controller_uid(empty)) == ("", "", "")
    assert fields.condition(empty, "Ready") == {}
    assert not fields.terminating(empty)
    assert fields.number({"replicas": None}, "replicas", 1) == 1


@pytest.mark.parametrize("odd", [[{"name": "x"}], {"min": 1}, "3/3", "", "\u00b2", "9" * 5000, float("inf")])
def test_what_is_no_number_and_no_condition_is_absent(odd: Any) -> None:
    """Custom resources may have anything there."""
    assert fields.number({"replicas": odd}, "replicas", 7) == 7
    assert fields.condition({"status": {"conditions": odd}}, "Ready") == {}
    assert fields.condition({"status": {"conditions": [odd, {"type": "Ready"}]}}, "Ready") == {"type": "Ready"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-01T00:01:00Z", 60.0), ("1970-01-01T01:00:00+01:00", 0.0), (None, None), ("", None), ("soon", None)],
)
def test_timestamps(text: str | None, seconds: float | None) -> None:
    assert fields.timestamp(text) == seconds
