# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""examples/shapes on the real API server: all planned, and all but operator-resources deployed.

Other images stand for the invented ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.build.images import HTTPD
from tests.integration.releases.world import World
from tests.shapes.images import REGISTRY, build_images
from tests.unit.ansible_runs import TOP, Ansible
from tests.unit.inventories.test_own_services import described

IMAGES: dict[str, Any] = {"image": HTTPD}
PORT: dict[str, Any] = {**IMAGES, "port": 8080}
WIKI = {"image": HTTPD.partition(":")[0], "tag": HTTPD.partition(":")[2], "database": PORT, "broker": PORT}
STAND_IN = {"image": f"{REGISTRY}/admin:v1"}  # has the programs of worker-cron-api
API = {**STAND_IN, "env": {"STANDIN_PATHS": "8000/healthz"}}
VALUES = {"wiki": WIKI, "api": API, "worker": STAND_IN, "cleanup": STAND_IN, "api-migration": STAND_IN}


@pytest.fixture(scope="module")
def ansible() -> Iterator[Ansible]:
    with Ansible(TOP, ANSIBLE_CALLBACK_RESULT_FORMAT="json") as running:
        yield running


@pytest.mark.parametrize("name", ["one-service", "operator-resources", "seven-charts", "umbrella", "worker-cron-api"])
def test_an_example_is_planned_and_deployed(name: str, ansible: Ansible, world: World) -> None:
    build_images(web=False)
    waves = described(ansible, TOP / "examples/shapes" / name / "inventories/local")["waves"]
    for release in (release for wave in waves for release in wave):
        release["namespace"] = world.namespace
        if "manifests" not in release:
            release["values"] |= VALUES.get(release["name"], IMAGES)
        release["values"].get("service", {}).pop("nodePort", None)  # others may have it here
    world.secret("database", {"url": "postgresql://nobody@nowhere/none"})
    world.secret("wiki-database", {"password": "none"})
    planned = world.apply(*waves, check=True).ok()
    assert set(planned.actions.values()) == {"install"}
    if name != "operator-resources":
        assert set(world.apply(*waves).ok().outcomes.values()) == {"verified"}
