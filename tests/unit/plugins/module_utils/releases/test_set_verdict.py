"""A set whose later verification fails is marked, and the mark goes when the whole set is verified again."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.availability import Endpoint
from ansible_collections.todo.cloud.plugins.module_utils.environments.inspect import inspect
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, Resource
from ansible_collections.todo.cloud.plugins.module_utils.records.events import read
from ansible_collections.todo.cloud.plugins.module_utils.releases import verify
from ansible_collections.todo.cloud.plugins.module_utils.releases.set_verdict import note_verdict
from ansible_collections.todo.cloud.plugins.module_utils.releases.verify import verify_set

from tests.support.fake_environment import A1, A2, C1, Cluster, World, deployed, two_sets
from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.test_availability import serving

APPS = {"components": "", "api": "api"}
DOWN = Failure(Code.ENDPOINT_DOWN, "https://staging.example.com does not answer: status 503.")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeKube, "proxy_get", lambda *_, **__: (200, '{"components": [{"name": "pubsub"}]}'))
    monkeypatch.setattr(verify, "_INTERVAL_SECONDS", 0.0)


def marks(world: World) -> dict[int, str]:
    return {header.id: header.failed for header in world.run().records.headers() if header.failed}


def fails(world: World, endpoint: str = "http://127.0.0.1:1/health", **settings: Any) -> TodoCloudError:
    with pytest.raises(TodoCloudError) as caught:
        verify_set(world.run(**settings), APPS, Endpoint(endpoint))
    return caught.value


def test_the_set_that_runs_is_marked_until_it_is_verified_again() -> None:
    world = two_sets()
    before = inspect(world.kube, "ns", "staging").fingerprint["digest"]
    assert fails(world).failure.code is Code.ENDPOINT_DOWN
    assert list(marks(world)) == [2]
    assert "127.0.0.1:1/health does not answer" in marks(world)[2]
    assert inspect(world.kube, "ns", "staging").fingerprint["digest"] == before, "nobody changed the environment"
    note_verdict(world.run(), ["api"], None)
    assert list(marks(world)) == [2], "a part of it says nothing of the whole"
    marked = marks(world)
    fails(world)
    assert marks(world) == marked, "it says since when"
    verify_set(world.run(), APPS)
    assert marks(world) == {}
    kept = [(each.run, each.from_set, each.outcome, each.code) for each in read(world.kube, "ns", 2)]
    assert kept == [("verification", 2, "succeeded", ""), ("verification", 2, "failed", "endpoint_down")]


def test_a_deployment_that_verifies_all_at_its_end_does_the_same() -> None:
    world = deployed()
    with pytest.raises(TodoCloudError):
        world.apply({"components": C1}, {"api": A1}, endpoint=Endpoint("http://127.0.0.1:1/health"), verify=True)
    assert list(marks(world)) == [1]
    with serving([200]) as url:
        world.apply({"components": C1}, {"api": A1}, endpoint=Endpoint(url), verify=True)
    assert marks(world) == {}
    world.kube.reads.clear()
    world.apply({"components": C1}, {"api": A1}, verify=True)
    assert [read for read in world.kube.reads if read[0] == "ConfigMap"].count(("ConfigMap", "")) <= 1


def test_what_is_not_the_newest_set_is_not_its_failure() -> None:
    world = deployed()
    world.manual("api", A2)
    note_verdict(world.run(), APPS, DOWN)
    assert marks(world) == {}


@pytest.mark.parametrize("code", [Code.UNREACHABLE, Code.UNAUTHORIZED, Code.FORBIDDEN, Code.INVALID_INPUT])
def test_a_verification_that_could_not_look_is_no_verdict(code: Code) -> None:
    world = deployed()
    assert note_verdict(world.run(), APPS, Failure(code, "No.")) == ""
    assert note_verdict(world.run(check=True), APPS, DOWN) == ""
    assert marks(world) == {}


class ReadOnly(Cluster):
    """Whoever is on call."""

    only = False

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if self.only and resource is CONFIG_MAP and verb == "patch":
            raise Forbidden("The credentials may not patch configmaps.", 403)


@pytest.fixture
def read_only() -> World:
    world = World(kube=ReadOnly())
    world.apply({"components": C1}, {"api": A1})
    world.kube.only = True  # type: ignore[attr-defined]
    return world


def test_whoever_may_not_write_is_told(read_only: World) -> None:
    failed = fails(read_only)
    assert failed.failure.code is Code.ENDPOINT_DOWN
    assert "so a promotion does not know of it: The credentials may not patch configmaps." in failed.warnings[0]


def test_the_mark_shows_no_secret_and_is_short() -> None:
    world = deployed()
    note_verdict(world.run(), APPS, Failure(Code.NOT_READY, "api: password=hunter2hunter2\n" + "x" * 900))
    assert "hunter2" not in marks(world)[1]
    assert len(marks(world)[1]) == 300
