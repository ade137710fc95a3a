"""Both steps of a promotion: what may go on, and afterwards whether it is what the pods run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, POD
from ansible_collections.todo.cloud.plugins.module_utils.planning.snapshot import images_of, take
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec, parse_waves
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Member, Record
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.releases.promotion import check_promotion, verify_promotion
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import Target

from tests.support.fake_kube import FakeKube
from tests.support.fake_registry import FakeRegistry
from tests.support.stored_releases import store
from tests.unit.plugins.module_utils.planning.test_plan import deployment

CHART = str(Path(__file__).parents[5] / "tests" / "fixtures" / "charts" / "sleeper")
STAGED, RELEASED = "ghcr.io/todo/api:sha-1", "ghcr.io/todo/api:v1.0.0"
RAW: dict[str, Any] = {"name": "api", "namespace": "ns", "chart": CHART, "values": {"image": RELEASED}}


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().serving() as served:
        yield served


class World:
    """A namespace whose release api was verified with one image, which its pod runs."""

    def __init__(self, registry: FakeRegistry, image: str) -> None:
        self.kube, self.registry = FakeKube(), registry
        self.digest = registry.push("todo/api", "sha-1")
        spec = ReleaseSpec.parse(RAW)
        self.member = Member(
            name="api", revision=1, uid=store(self.kube), chart="sleeper", chart_version="0.1.0",
            chart_digest=spec.chart_digest, local=True, inputs=spec.inputs, watched="none", values={"image": image},
            images={"Deployment/api/app": {"image": image, "digest": self.digest}},
            targets=(Target("apps/v1", "Deployment", "ns", "api", "api"),),
        )  # fmt: skip
        self.kube.put(DEPLOYMENT, "ns", {k: v for k, v in deployment().items() if k != "kind"})
        self.pod(self.digest, image)

    def pod(self, digest: str, image: str, name: str = "api-1", phase: str = "Running") -> None:
        status = {"name": "app", "imageID": f"ghcr.io/todo/api@{digest}" if digest else ""}
        self.kube.put(POD, "ns", {
            "metadata": {"name": name, "labels": {"app": "api"},
                         "ownerReferences": [{"kind": "ReplicaSet", "uid": "rs", "controller": True}]},
            "spec": {"containers": [{"name": "app", "image": image}]},
            "status": {"phase": phase, "containerStatuses": [status]},
        })  # fmt: skip

    def recorded(self, environment: str, **more: Any) -> None:
        members = {"api": replace(self.member, **more)}
        record = Record(1, environment, "2026-11-22T12:00:00Z", "ada@ci", "1f3c5a7", {}, members)
        RecordStore(self.kube, "ns", environment).write(record)

    @property
    def registries(self) -> list[dict[str, Any]]:
        return [{"host": "ghcr.io", "endpoint": self.registry.url}]

    def check(self, **params: Any) -> dict[str, Any]:
        source = {"environment": "staging", "namespace": "ns", "kubeconfig": None, "context": None}
        given: dict[str, Any] = {"source": source, "waves": [[RAW]], "namespace": "ns", "registries": self.registries}
        given |= {"commit": None, "expect_commit": None, "min_age": 0, "max_age": 0, "may_differ": []}
        return check_promotion(self.kube, given | params)

    def verify(self, images: list[dict[str, Any]], *, check: bool = False) -> dict[str, Any]:
        params = {"namespace": "ns", "environment": "production", "images": images, "registries": self.registries}
        return verify_promotion(self.kube, params, check=check)

    @property
    def promoted(self) -> dict[str, Any]:
        image = f"{RELEASED}@{self.digest}"
        return {"name": "api", "image": image, "accepted": [self.digest], "tagged": False}


def failure(run: Any, *args: Any) -> Any:
    with pytest.raises(TodoCloudError) as caught:
        run(*args)
    return caught.value.failure


def test_what_was_verified_goes_on_by_its_digest_and_nothing_is_written(registry: FakeRegistry) -> None:
    world = World(registry, STAGED)
    world.recorded("staging")
    world.kube.writes.clear()
    found = world.check()
    assert found["waves"][0][0]["values"]["image"] == f"{RELEASED}@{world.digest}"
    assert (found["set"]["id"], found["images"]) == (1, [world.promoted])
    assert world.kube.writes == []
    assert registry.repositories["todo/api"].tags == {"sha-1": world.digest}


def test_what_it_replaces_is_told(registry: FakeRegistry) -> None:
    world = World(registry, STAGED)
    world.recorded("staging")
    assert world.check(environment="production")["replaces"] == {"id": 0, "commit": "", "changed": ["api"]}
    del world.kube.objects["ConfigMap", "ns", "release-set-1"]
    images = {"Deployment/api/app": {"image": RELEASED, "digest": "sha256:" + "0" * 64}}
    members = {"api": replace(world.member, images=images)}
    record = Record(1, "production", "2026-11-22T10:00:00Z", "ada@ci", "0d1c2b3", {}, members)
    RecordStore(world.kube, "ns", "production").write(record)
    RecordStore(world.kube, "ns", "staging").write(replace(record, id=2, environment="staging",
                                                           members={"api": world.member}))  # fmt: skip
    found = world.check(environment="production")["replaces"]
    assert found == {"id": 1, "commit": "0d1c2b3", "changed": ["api"]}
    RecordStore(world.kube, "ns", "production").write(replace(record, id=3, members={"api": world.member}))
    assert world.check(environment="production")["replaces"]["changed"] == []


def test_a_migration_goes_on_with_its_service(registry: FakeRegistry) -> None:
    world = World(registry, STAGED)
    world.recorded("staging")
    found = world.check(waves=[[{**RAW, "migrations": {"command": ["up"]}}]])
    assert found["images"] == [world.promoted]
    (migration,), (service,) = parse_waves(found["waves"], "ns")
    assert (migration.name, migration.values["image"]) == ("api-migration", service.values["image"])
    assert migration.values["image"].endswith(world.digest)


def test_another_chart_does_not_go_on(registry: FakeRegistry) -> None:
    world = World(registry, STAGED)
    world.recorded("staging", chart_digest="another")
    refused = failure(world.check)
    assert (refused.code, refused.details["reason"]) == (Code.PROMOTION_REFUSED, "chart")


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_was_evicted_long_ago_runs_nothing(registry: FakeRegistry, phase: str) -> None:
    """Kubernetes keeps such pods, of earlier images too, until there are thousands."""
    world = World(registry, RELEASED)
    world.recorded("production")
    world.pod("sha256:" + "0" * 64, RELEASED, "api-0", phase)
    world.pod("", RELEASED, "api-2", phase)
    assert world.verify([world.promoted])["tags"][0]["state"] == "added"
    snapshot = take(world.kube, RecordStore(world.kube, "ns", "production"), "ns", "production")
    assert images_of(world.member.targets, snapshot)["Deployment/api/app"]["digest"] == world.digest


@pytest.mark.parametrize("name", ["api-0", "api-2"])
def test_a_pod_that_just_starts_runs_nothing_yet(registry: FakeRegistry, name: str) -> None:
    """As an autoscaler adds one at any time; its container has no image so far."""
    world = World(registry, RELEASED)
    world.recorded("production")
    world.pod("", RELEASED, name, "Pending")
    assert world.verify([world.promoted])["tags"][0]["state"] == "added"
    snapshot = take(world.kube, RecordStore(world.kube, "ns", "production"), "ns", "production")
    assert images_of(world.member.targets, snapshot)["Deployment/api/app"]["digest"] == world.digest


@pytest.mark.parametrize("check", [False, True])
def test_what_runs_is_tagged_with_the_version(registry: FakeRegistry, check: bool) -> None:
    world = World(registry, RELEASED)
    world.recorded("production")
    found = world.verify([world.promoted], check=check)
    assert (found["changed"], found["tags"][0]["state"]) == (True, "added")
    assert found["verified"] == [f"{RELEASED}@{world.digest}"]
    assert ("v1.0.0" in registry.repositories["todo/api"].tags) is not check
    if not check:
        assert world.verify([world.promoted])["changed"] is False


def test_who_may_not_push_is_reported_after_all_was_verified(registry: FakeRegistry) -> None:
    world = World(registry, RELEASED)
    world.recorded("production")
    registry.auth, registry.anonymous_pull = "token", True
    found = world.verify([world.promoted])
    assert (found["changed"], found["tags"][0]["state"], len(found["warnings"])) == (False, "denied", 1)


def test_pods_with_another_digest_are_not_what_was_promoted(registry: FakeRegistry) -> None:
    world = World(registry, RELEASED)
    world.recorded("production")
    world.pod("sha256:" + "0" * 64, RELEASED)
    assert failure(world.verify, [world.promoted]).code is Code.PROMOTION_UNPROVED
    world.pod(world.digest, "ghcr.io/todo/other:v1")
    assert failure(world.verify, [world.promoted]).code is Code.PROMOTION_UNPROVED
    assert "v1.0.0" not in registry.repositories["todo/api"].tags


def test_a_release_that_was_never_verified_is_not_what_was_promoted(registry: FakeRegistry) -> None:
    world = World(registry, RELEASED)
    assert failure(world.verify, [world.promoted]).code is Code.PROMOTION_UNPROVED
