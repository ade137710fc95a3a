"""Which connections the rendered policies allow: one table per shape, in tests/fixtures/connections.

Whoever changes what a shape may reach changes its table by hand, so that a review sees it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.environments.table import allowed

from tests.unit.charts.rendering import Helm

FIXTURES = Path(__file__).parents[2] / "fixtures"
SHAPES = sorted((FIXTURES / "shapes").glob("*.yaml"))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda path: path.stem)
def test_a_shape_reaches_what_its_table_says(helm: Helm, shape: Path) -> None:
    """With an environment of the chart's own values around it."""
    objects = helm.render("service", yaml.safe_load(shape.read_text()), shape.stem, "shop")
    objects += helm.render("environment", {"environment": "ci"}, "environment", "shop")
    expected = (FIXTURES / f"connections/{shape.stem}.txt").read_text().splitlines()
    assert [str(each) for each in allowed(objects, "shop")] == expected
