"""Fixtures of the chart tests."""

from __future__ import annotations

import pytest

from tests.cluster.paths import cache
from tests.unit.charts.rendering import SHAPES, Helm, Shape, merged, minimal_values


@pytest.fixture(scope="session")
def helm() -> Helm:
    binary = cache() / "bin" / "helm"
    if not binary.exists():
        pytest.fail(f"{binary} is missing: run `python3 -m tests.cluster build` first")
    return Helm(binary)


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest, helm: Helm) -> Shape:
    chart, values = SHAPES[request.param]
    release = "backend-api" if chart == "service" else chart
    namespace = "kafka" if chart == "kafka" else "todo-staging"
    objects = helm.render(chart, merged(minimal_values(chart), values), release, namespace)
    return Shape(chart, release, namespace, objects)
