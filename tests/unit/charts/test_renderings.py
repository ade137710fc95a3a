"""What the charts render for values of before is what they rendered then: a new chart restarts no pod of today's.

Stored in tests/fixtures/renderings, made from the charts at 65bf326: shapes of the charts' tests, and all releases of
the inventories. An object that has to change is changed there by hand, with the reason in the commit.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.charts.rendering import Helm

STORED = sorted((Path(__file__).parents[2] / "fixtures/renderings").glob("*.json"))


def by_name(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f"{item['kind']} {item['metadata']['name']}": item for item in objects}


def test_they_are_there() -> None:
    assert len(STORED) >= 9


@pytest.mark.parametrize("stored", STORED, ids=lambda path: path.stem)
def test_renders_what_it_rendered(helm: Helm, stored: Path) -> None:
    before = json.loads(stored.read_text())
    now = helm.render(before["chart"], before["values"], before["release"], before["namespace"])
    assert by_name(now) == by_name(before["objects"])
