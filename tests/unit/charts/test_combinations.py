"""charts/service by chance: what its schema takes is valid for Kubernetes. TODO_CLOUD_SEED: the first seed.

The API server is asked in tests/integration/test_chart_combinations.py; here its published schemas are.
"""

from __future__ import annotations

import os

import kubernetes_validate
import pytest

from tests.support.service_values import Chance
from tests.unit.charts.rendering import Helm

FIRST = int(os.environ.get("TODO_CLOUD_SEED", "1").split(",")[0])
FOREIGN = ("gateway.networking.k8s.io/", "traefik.io/")


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 15))
def test_valid(helm: Helm, seed: int) -> None:
    chance = Chance(seed)
    objects = helm.render("service", chance.values(), chance.release(), "todo-staging")
    for found in objects:
        if not found["apiVersion"].startswith(FOREIGN):
            kubernetes_validate.validate(found, "1.36", strict=True)
