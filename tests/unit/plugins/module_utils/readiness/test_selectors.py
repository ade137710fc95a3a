"""Label selectors as the API server reads them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.selectors import matches


def expression(operator: str, *values: str, key: str = "tier") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "api"}}, True),
        ({"matchLabels": {"app": "api", "tier": "x"}}, False),
        (expression("In", "web", "back"), True),
        (expression("In", "web"), False),
        (expression("In", "web", key="none"), False),
        (expression("NotIn", "web"), True),
        (expression("NotIn", "back"), False),
        (expression("NotIn", "web", key="none"), True),
        (expression("Exists"), True),
        (expression("Exists", key="none"), False),
        (expression("DoesNotExist"), False),
        (expression("DoesNotExist", key="none"), True),
        (expression("Matches"), False),
        ({"matchLabels": {"app": "api"}, **expression("NotIn", "back")}, False),
    ],
)
def test_matches(selector: dict[str, Any] | None, expected: bool) -> None:
    assert matches(selector, {"app": "api", "tier": "back"}) is expected
