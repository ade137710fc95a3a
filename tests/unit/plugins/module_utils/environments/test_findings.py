"""A finding as people and programs read it."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.environments.findings import ADVICE, QUOTA, Finding


def test_a_finding_names_pods_reason_and_the_variable_that_decides() -> None:
    found = Finding(QUOTA, "api-1", "is too big")
    assert str(found) == "api-1: is too big (environment_quota)"
    assert found.as_result() == {"variable": "environment_quota", "pods": "api-1", "reason": "is too big"}
    assert QUOTA in ADVICE
