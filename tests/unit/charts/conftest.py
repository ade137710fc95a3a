"""Fixtures of the chart tests."""

from __future__ import annotations

import pytest

from tests.unit.charts.rendering import SHAPES, Helm, Shape, built, merged, minimal_values


@pytest.fixture(scope="session")
def helm() -> Helm:
    return Helm(built("bin/helm"))


@pytest.fixture(params=SHAPES, scope="session")
def shape(request: pytest.FixtureRequest, helm: Helm) -> Shape:
    chart, values = SHAPES[request.param]
    release = "backend-api" if chart == "service" else chart
    namespace = "kafka" if chart == "kafka" else "todo-staging"
    objects = helm.render(chart, merged(minimal_values(chart), values), release, namespace)
    return Shape(chart, release, namespace, objects)
