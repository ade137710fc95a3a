"""selected_namespaces: the API server's own rule, for namespaces of which only the name is known."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.filter.selected_namespaces import selected_namespaces

NAME = "kubernetes.io/metadata.name"
NAMES = ["kube-system", "dapr"]


def but(*names: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": NAME, "operator": "NotIn", "values": list(names)}]}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, NAMES),
        (but("kube-system"), ["dapr"]),
        (but("kube-system", "dapr"), []),
        ({"matchLabels": {"dapr": "yes"}}, []),
        ({"matchLabels": {NAME: "dapr"}}, ["dapr"]),
    ],
)
def test_which_are_selected(selector: dict[str, Any], selected: list[str]) -> None:
    assert selected_namespaces(selector, NAMES) == selected
