# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tags become digests in the plan: pods run exactly what was planned, a moved tag is a change, an outage is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore

from tests.integration.images import Images, images_of_cluster
from tests.integration.releases.world import ENVIRONMENT, World


@pytest.fixture
def images(kubeconfig: str) -> Iterator[Images]:
    with images_of_cluster(kubeconfig).kept_while() as kept:
        yield kept


def running(world: World, name: str) -> set[str]:
    """Digests that the pods of a release run."""
    pods = world.pods(name).values()
    return {s["imageID"].rpartition("@")[2] for pod in pods for s in pod["status"]["containerStatuses"]}


def test_a_tag_that_moves(world: World, images: Images) -> None:
    asked: dict[str, Any] = {"registries": ({"host": "*", "endpoint": images.url},)}
    web = world.release("web", image=f"{images.name('web')}:v1")

    first = images.push("web", "v1", "first")
    assert world.apply(web, **asked).ok().actions == {"web": "install"}
    assert running(world, "web") == {first}

    again = world.apply(web, **asked).ok()
    assert (again.result["changed"], again.result["helm_calls"]) == (False, 0)

    second = images.push("web", "v1", "second")
    plan = world.apply(web, check=True, **asked).ok()
    assert f"v1 now points to {second[:19]}" in plan.result["plan"][0]["why"]
    assert world.apply(web, **asked).ok().actions == {"web": "upgrade"}
    assert running(world, "web") == {second}

    records = RecordStore(world.kube, world.namespace, ENVIRONMENT)
    recorded = records.read(records.headers()[0].id).members["web"].images
    assert [image["digest"] for image in recorded.values()] == [second]

    down: dict[str, Any] = {"registries": ({"host": "*", "endpoint": "http://127.0.0.1:1"},)}
    kept = world.apply(web, **down).ok()
    assert (kept.result["changed"], kept.result["helm_calls"]) == (False, 0)
    unnamed = world.apply(web).ok()
    assert unnamed.result["notes"] == ["ghcr.io is not asked for digests. Kept at the deployed digest: web."]
    assert running(world, "web") == {second}


def test_a_new_tag_of_the_image_that_runs_restarts_no_pod(world: World, images: Images) -> None:
    asked: dict[str, Any] = {"registries": ({"host": "*", "endpoint": images.url},)}
    digest = images.push("web", "sha-1", "same")
    world.apply(world.release("web", image=f"{images.name('web')}:sha-1"), commit="1" * 40, **asked).ok()
    pods = set(world.pods("web"))
    assert images.push("web", "sha-2", "same") == digest
    web = world.release("web", image=f"{images.name('web')}:sha-2")

    planned = world.apply(web, check=True, **asked).ok()
    assert planned.result["plan"][0]["kind"] == "unchanged"
    done = world.apply(web, commit="2" * 40, **asked).ok()
    assert (done.actions, done.result["helm_calls"], done.result["set"]) == ({"web": "unchanged"}, 0, 2)
    assert set(world.pods("web")) == pods
    record = RecordStore(world.kube, world.namespace, ENVIRONMENT).read(2)
    assert (record.commit, record.members["web"].tag) == ("2" * 40, "sha-2")
    assert world.apply(web, commit="2" * 40, **asked).ok().result["set"] == 2
    down: dict[str, Any] = {"registries": ({"host": "*", "endpoint": "http://127.0.0.1:1"},)}
    assert world.apply(web, commit="2" * 40, **down).ok().actions == {"web": "unchanged"}
    scaled = world.release("web", image=f"{images.name('web')}:sha-2", replicas=2)
    assert world.apply(scaled, **asked).ok().actions == {"web": "upgrade"}
    assert pods < set(world.pods("web")), "one more, and the other stays"


def test_an_image_that_is_not_there_stops_before_the_first_write(world: World, images: Images) -> None:
    before = world.fingerprint()
    gone = world.apply(
        world.release("web", image=f"{images.name('web')}:v9"),
        registries=({"host": "ghcr.io", "endpoint": images.url},),
    )
    assert gone.code == "image_not_found"
    assert f"web: image {images.name('web')}:v9 is not in its registry" in gone.message
    assert world.fingerprint() == before
