# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""examples/shapes on the real API server: planned and deployed.

Other images stand for the invented ones, and the test for the operator of operator-resources.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CRD
from ansible_collections.todo.cloud.plugins.module_utils.readiness.rules import Rules
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import WaitOptions

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


@pytest.fixture
def operator(world: World) -> Iterator[Callable[[str], None]]:
    """Says of a Cache that it runs, once the run waits for it; the CRD goes with the test."""

    def hear(line: str) -> None:
        if "Cache" in line:
            cache = world.kube.resource("caches.example.org/v1", "Cache")
            status = {"status": {"phase": "Running"}}
            world.kube.patch(cache, world.namespace, "sessions", status, subresource="status")

    yield hear
    world.kube.delete(CRD, "", "caches.caches.example.org")


def with_image(manifests: list[str], folder: Path) -> list[str]:
    """The same manifests with an image that is there."""
    made = []
    for path in map(Path, manifests):
        target = folder / path.name
        shutil.copytree(path, target)
        for file in target.iterdir():
            file.write_text(file.read_text().replace("ghcr.io/acme/sessions:v1.0.0", HTTPD))
        made.append(str(target))
    return made


def test_resources_of_an_operator_are_deployed_and_judged(
    ansible: Ansible, world: World, operator: Callable[[str], None], tmp_path: Path
) -> None:
    folder = TOP / "examples/shapes/operator-resources/inventories/local"
    waves = described(ansible, folder)["waves"]
    for release in (release for wave in waves for release in wave):
        release |= {"namespace": world.namespace, "manifests": with_image(release["manifests"], tmp_path)}
    rules = yaml.safe_load((folder / "group_vars/all/environment.yml").read_text())["readiness_rules"]
    wait = WaitOptions(stability_seconds=0.5, rules=Rules.from_option(rules))
    done = world.apply(*waves, wait=wait, hear=operator).ok()
    assert set(done.outcomes.values()) == {"verified"}
    assert any("Cache" in line for line in done.lines)


@pytest.mark.parametrize("name", ["one-service", "seven-charts", "umbrella", "worker-cron-api"])
def test_an_example_is_planned_and_deployed(name: str, ansible: Ansible, world: World) -> None:
    build_images(web=False)
    waves = described(ansible, TOP / "examples/shapes" / name / "inventories/local")["waves"]
    for release in (release for wave in waves for release in wave):
        release["namespace"] = world.namespace
        release["values"] |= VALUES.get(release["name"], IMAGES)
        release["values"].get("service", {}).pop("nodePort", None)  # others may have it here
    world.secret("database", {"url": "postgresql://nobody@nowhere/none"})
    world.secret("wiki-database", {"password": "none"})
    planned = world.apply(*waves, check=True).ok()
    assert set(planned.actions.values()) == {"install"}
    assert set(world.apply(*waves).ok().outcomes.values()) == {"verified"}
