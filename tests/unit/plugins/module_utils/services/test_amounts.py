"""CPU and memory as entries say them."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.amounts import (
    amount,
    amount_problems,
    request_and_limit,
)


@pytest.mark.parametrize(
    ("said", "most"), [("1", 1), ("250m", 0.25), ("0.5", 0.5), ("128Mi", 128 * 1024**2), ("1G", 1e9), ("x", 0), ("", 0)]
)
def test_quantities(said: str, most: float) -> None:
    assert amount(said) == most


def test_one_number_is_both() -> None:
    assert request_and_limit("100m-1") == (0.1, 1)
    assert request_and_limit("2") == (2, 2)


def test_a_missing_unit_is_guessed() -> None:
    assert list(amount_problems({"cpu": "50m-500m", "memory": "96Mi"}, "r")) == []
    assert [said.partition("did you mean ")[2] for said in amount_problems({"cpu": "500", "memory": "256"}, "r")] == [
        "'500m'?",
        "'256Mi'?",
    ]
