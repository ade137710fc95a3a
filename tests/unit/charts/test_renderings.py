"""What the charts render for values of before is what they rendered then: a new chart restarts no pod of today's.

Stored in tests/fixtures/renderings, made from the charts at 65bf326: shapes of the charts' tests, and all releases of
the inventories. An object that has to change is changed there by hand, with the reason in the commit.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

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


def test_a_chart_that_renders_other_components_restarts_their_apps() -> None:
    """Whoever changes what is stored of dapr-components sets the role's content to the chart's new digest, and this."""
    shown = [json.loads(path.read_text()) for path in STORED]
    objects = [one["objects"] for one in shown if one["chart"] == "dapr-components"]
    digest = hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()[:12]
    role = yaml.safe_load((Path(__file__).parents[3] / "roles/app_service/vars/main.yml").read_text())
    assert (digest, role["_app_service_components_content"]) == (
        "90ea962974cc",
        "839d112974c0202d0f2c137621b560a033f86d7f",
    )
