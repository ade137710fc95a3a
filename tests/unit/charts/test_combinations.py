"""charts/service by chance: what its schema takes is valid for Kubernetes. TODO_CLOUD_SEED: the first seed.

The API server is asked in tests/integration/test_chart_combinations.py; here its published schemas are.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tests.support.service_values import Chance
from tests.unit.charts.rendering import Helm, conform

FIRST = int(os.environ.get("TODO_CLOUD_SEED", "1").split(",")[0])
FOREIGN = ("gateway.networking.k8s.io/", "traefik.io/")


TEAMS = sorted((Path(__file__).parents[2] / "fixtures/shapes").glob("*.yaml"))


@pytest.mark.parametrize("values", TEAMS, ids=lambda path: path.stem)
def test_services_as_teams_have_them(helm: Helm, values: Path) -> None:
    found = helm.render("service", yaml.safe_load(values.read_text()), values.stem, "shop")
    conform(item for item in found if not item["apiVersion"].startswith("monitoring.coreos.com/"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 15))
def test_valid(helm: Helm, seed: int) -> None:
    chance = Chance(seed)
    objects = helm.render("service", chance.values(), chance.release(), "todo-staging")
    conform(found for found in objects if not found["apiVersion"].startswith(FOREIGN))
