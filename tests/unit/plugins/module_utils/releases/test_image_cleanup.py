"""Old images go; none that a release set of an environment names, or that a pod runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError, error
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD
from ansible_collections.todo.cloud.plugins.module_utils.registry.cleanup import Version
from ansible_collections.todo.cloud.plugins.module_utils.registry.repository import RegistryVersions
from ansible_collections.todo.cloud.plugins.module_utils.releases.image_cleanup import clean_up

from tests.support.fake_environment import A1, A2, World
from tests.support.fake_packages import TOKEN, FakePackages
from tests.support.fake_registry import FakeRegistry
from tests.support.signatures import Signer
from tests.unit.plugins.module_utils.registry.conftest import failure

NAME = "r/api"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().serving() as served:
        yield served


def params(registry: FakeRegistry, **given: Any) -> dict[str, Any]:
    registries = [{"host": "*", "endpoint": registry.url, "validate_certs": True}]
    return {
        "environment": "staging", "namespace": "ns", "others": [], "images": [NAME], "registries": registries,
        "newest": 1, "tags": ["v*.*.*"], "min_age_days": 7, "packages_api": "", **given,
    }  # fmt: skip


def old(registry: FakeRegistry, number: int, tag: str = "") -> str:
    return registry.push(NAME, tag or f"sha-{number}", text=str(number), created=f"2026-01-{number:02}T00:00:00Z")


def environment(registry: FakeRegistry) -> tuple[World, list[str]]:
    """Two verified sets, of the first and the second of five images."""
    world, digests = World(), [old(registry, number) for number in range(1, 6)]
    for number, values in ((1, A1), (2, A2)):
        world.apply({"api": {**values, "image": f"{NAME}:sha-{number}@{digests[number - 1]}"}})
    return world, digests


def there(registry: FakeRegistry) -> set[str]:
    return set(registry.repositories[NAME].manifests)


def test_what_a_set_names_and_the_newest_stay_with_their_signatures(registry: FakeRegistry) -> None:
    world, digests = environment(registry)
    version = old(registry, 9, "v1.0.0")
    for digest in (digests[0], digests[2]):
        Signer().payload(registry, NAME, digest)
    world.rollback()  # the second set is withdrawn, and an image of it may be asked for all the same
    before = there(registry)
    planned = clean_up(world.kube, params(registry), check=True)
    assert there(registry) == before
    done = clean_up(world.kube, params(registry), check=False)
    assert (planned["deleted"], planned["diff"]) == (done["deleted"], done["diff"])
    *images, signature = (each["tags"] for each in done["deleted"])
    assert sorted(images) == [["sha-3"], ["sha-4"], ["sha-5"]]
    assert signature == [digests[2].replace(":", "-") + ".sig"]
    assert {digests[0], digests[1], version} < there(registry), "a version is the newest one here, and named"
    assert digests[0].replace(":", "-") + ".sig" in registry.repositories[NAME].tags
    assert len(done["diff"]["before"].splitlines()) - len(done["diff"]["after"].splitlines()) == 4
    again = clean_up(world.kube, params(registry), check=False)
    assert (again["changed"], again["deleted"]) == (False, [])


def test_what_a_pod_runs_stays(registry: FakeRegistry) -> None:
    world, digests = environment(registry)
    spec = {"containers": [{"name": "app", "image": f"docker.io/{NAME}@{digests[2]}"}]}
    world.kube.put(POD, "ns", {"metadata": {"name": "held", "namespace": "ns"}, "spec": spec})
    done = clean_up(world.kube, params(registry), check=True)
    assert [each["tags"] for each in done["deleted"]] == [["sha-4"]]


def test_another_environment_is_read_before_anything_goes(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _digests = environment(registry)
    before = there(registry)
    other = {"environment": "production", "namespace": "elsewhere"}
    told = failure(lambda: clean_up(world.kube, params(registry, others=[other]), check=False))
    assert (told.code, "production has no release set in namespace 'elsewhere'" in told.message) == (
        Code.NO_VERIFIED_SET, True,
    )  # fmt: skip
    world.damage(1)
    told = failure(lambda: clean_up(world.kube, params(registry), check=False))
    assert (told.code, "none is deleted" in told.message) == (Code.SET_DAMAGED, True)
    assert there(registry) == before


def test_who_may_not_list_pods_reads_the_sets(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    world, _digests = environment(registry)
    listed = world.kube.list_

    def forbidden(resource: Any, *args: Any, **kwargs: Any) -> Any:
        if resource is POD:
            raise Forbidden("no")
        return listed(resource, *args, **kwargs)

    monkeypatch.setattr(world.kube, "list_", forbidden)
    done = clean_up(world.kube, params(registry), check=True)
    assert [each["tags"] for each in done["deleted"]] in ([["sha-3"], ["sha-4"]], [["sha-4"], ["sha-3"]])


def test_images_at_github_go_by_its_api_of_packages(registry: FakeRegistry) -> None:
    """With what has no tag; platforms of an index that stays, stay."""
    world, digests = environment(registry)
    platform = old(registry, 20, "platform")
    index = registry.push_index(NAME, "sha-21", {"linux/amd64": platform})
    with FakePackages("orgs/r", "api").serving() as packages:
        for number, digest in enumerate(digests, 1):
            packages.add(digest, f"2026-01-{number:02}T00:00:00Z", f"sha-{number}")
        packages.add(index, "2026-01-21T00:00:00Z", "sha-21")
        packages.add(platform, "2026-01-21T00:00:00Z")
        packages.add(old(registry, 22, "untagged"), "2026-01-22T00:00:00Z")
        given = params(registry, images=["ghcr.io/r/api"], packages_api=packages.url)
        entry = {"host": "ghcr.io", "password": TOKEN, "username": "bot", "validate_certs": True}
        patched = [{**entry, "endpoint": ""}]
        with pytest.MonkeyPatch.context() as patch:
            reads = "ansible_collections.todo.cloud.plugins.module_utils.registry.access._endpoint"
            patch.setattr(reads, lambda _registry: registry.url)  # what it lists is read from ghcr.io itself
            done = clean_up(world.kube, {**given, "registries": patched}, check=False)
        assert set(packages.digests) == {digests[0], digests[1], index, platform}
        assert json.dumps(done).count("sha256:") >= 4
        without = {**given, "registries": [{**entry, "password": "", "endpoint": ""}]}
        assert "GitHub's API of packages" in failure(lambda: clean_up(world.kube, without, check=True)).message


def test_a_tag_is_no_repository_and_a_registry_has_to_be_known(registry: FakeRegistry) -> None:
    world, _digests = environment(registry)
    given: dict[str, Any]
    for given in ({"images": ["r/api:v1"]}, {"images": ["R/"]}, {"registries": []}):
        assert failure(lambda given=given: clean_up(world.kube, params(registry, **given), check=True)).code is (
            Code.INVALID_INPUT
        )


def test_what_came_into_use_while_the_registry_was_read_stays(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a promotion of an old image at the same time."""
    world, digests = environment(registry)
    listed = RegistryVersions.listed

    def slow(versions: RegistryVersions) -> Any:
        found = listed(versions)
        spec = {"containers": [{"name": "app", "image": f"docker.io/{NAME}@{digests[2]}"}]}
        world.kube.put(POD, "ns", {"metadata": {"name": "new", "namespace": "ns"}, "spec": spec})
        return found

    monkeypatch.setattr(RegistryVersions, "listed", slow)
    done = clean_up(world.kube, params(registry), check=False)
    assert [each["tags"] for each in done["deleted"]] == [["sha-4"]]


def test_what_was_deleted_before_a_failure_is_told(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    world, _digests = environment(registry)
    delete = RegistryVersions.delete

    def once(versions: RegistryVersions, version: Version) -> None:
        monkeypatch.setattr(RegistryVersions, "delete", refuse)
        delete(versions, version)

    def refuse(*_args: Any) -> None:
        raise error(Code.REGISTRY_DENIED, "No more.")

    monkeypatch.setattr(RegistryVersions, "delete", once)
    with pytest.raises(TodoCloudError) as caught:
        clean_up(world.kube, params(registry), check=False)
    assert caught.value.failure.message == "No more; 1 of 2 images were deleted."
    assert (caught.value.failure.code, caught.value.results["changed"]) == (Code.REGISTRY_DENIED, True)
    assert len(caught.value.results["deleted"]) == 1
    monkeypatch.setattr(RegistryVersions, "delete", refuse)
    with pytest.raises(TodoCloudError, match=r"^No more\.$"):
        clean_up(world.kube, params(registry), check=False)


def test_one_that_the_registry_keeps_keeps_no_other(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    world, _digests = environment(registry)
    delete, asked = RegistryVersions.delete, list[Version]()

    def first_stays(versions: RegistryVersions, version: Version) -> None:
        asked.append(version)
        if len(asked) == 1:
            raise error(Code.REGISTRY_ERROR, "It has too many downloads.")
        delete(versions, version)

    monkeypatch.setattr(RegistryVersions, "delete", first_stays)
    with pytest.raises(TodoCloudError) as caught:
        clean_up(world.kube, params(registry), check=False)
    assert caught.value.failure.message == "It has too many downloads; 1 of 2 images were deleted."
    assert [each["image"].endswith(asked[1].digest) for each in caught.value.results["deleted"]] == [True]
    assert asked[0].digest in there(registry)
    assert asked[1].digest not in there(registry)


def test_what_belongs_to_one_that_the_registry_keeps_stays_with_it(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, digests = environment(registry)
    platform = old(registry, 20, "platform-20")
    index = registry.push_index(NAME, "sha-20", {"linux/amd64": platform})
    Signer().payload(registry, NAME, index)
    delete = RegistryVersions.delete

    def all_but_one(versions: RegistryVersions, version: Version) -> None:
        if version.digest == index:
            raise error(Code.REGISTRY_ERROR, "It has too many downloads.")
        delete(versions, version)

    monkeypatch.setattr(RegistryVersions, "delete", all_but_one)
    with pytest.raises(TodoCloudError, match="too many downloads; 3 of 6 images were deleted"):
        clean_up(world.kube, params(registry, newest=0), check=False)
    repository = registry.repositories[NAME]
    assert set(repository.tags) == {"sha-1", "sha-2", "sha-20", "platform-20", index.replace(":", "-") + ".sig"}
    assert {index, platform, *digests[:2]} < set(repository.manifests)
