# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every row of the table judges our own objects in custom_resources.yaml; each of its expressions decides once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.readiness.custom_resources import TABLE
from ansible_collections.todo.cloud.plugins.module_utils.readiness.kinds import status_of
from ansible_collections.todo.cloud.plugins.module_utils.readiness.rules import DEFAULT_RULES

OBJECTS: dict[str, list[dict[str, Any]]] = yaml.safe_load(Path(__file__).with_name("custom_resources.yaml").read_text())
DECIDES = {"ready": "Current", "failed": "Failed", "suspended": "Suspended"}


def cases() -> Iterator[Any]:
    for row, objects in OBJECTS.items():
        for number, case in enumerate(objects):
            yield pytest.param(row, case, id=f"{row}-{number}")


def as_object(row: str, case: dict[str, Any]) -> dict[str, Any]:
    group, _, kind = str(case.get("kind", row)).partition("/")
    meta = {"name": "x", "generation": 1, **case.get("metadata", {})}
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": meta,
            "spec": case.get("spec", {}), **({"status": case["status"]} if "status" in case else {})}  # fmt: skip


@pytest.mark.parametrize(("row", "case"), list(cases()))
def test_object(row: str, case: dict[str, Any]) -> None:
    found = status_of(as_object(row, case))
    assert found.state == case["expect"], found
    assert case.get("says", "") in found.message
    assert found.judged is case.get("judged", True)
    assert found.asked is case.get("asked", found.asked)


def test_every_row_has_objects_and_every_object_its_row() -> None:
    assert set(OBJECTS) == set(TABLE)
    for row, objects in OBJECTS.items():
        for case in objects:
            group, _, kind = str(case.get("kind", row)).partition("/")
            assert DEFAULT_RULES.of(group, kind) is TABLE[row], row


@pytest.mark.parametrize("row", TABLE)
def test_every_row_says_where_it_comes_from_and_each_of_its_expressions_decides(row: str) -> None:
    rule = TABLE[row]
    assert rule.source
    expected = {case["expect"] for case in OBJECTS[row]}
    assert {state for name, state in DECIDES.items() if getattr(rule, name)} <= expected
