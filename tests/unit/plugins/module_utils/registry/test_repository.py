"""Versions of a repository, through its registry and through GitHub's API of packages."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.registry import repository as module
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.registry.cleanup import Version
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference
from ansible_collections.todo.cloud.plugins.module_utils.registry.repository import (
    GitHubVersions,
    RegistryVersions,
    entries,
)

from tests.support.fake_packages import TOKEN, FakePackages
from tests.support.fake_registry import FakeRegistry
from tests.support.signatures import Signer
from tests.unit.plugins.module_utils.registry.conftest import NAME, client, failure

HERE = Reference.parse(f"registry.example.com/{NAME}")
THERE = Reference.parse("ghcr.io/team/app/web")


@pytest.fixture
def packages() -> Iterator[FakePackages]:
    with FakePackages("orgs/team", "app/web").serving() as served:
        yield served


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.001)


def github(packages: FakePackages, token: str = TOKEN) -> GitHubVersions:
    return GitHubVersions(THERE, token, packages.url, Access.to("ghcr.io"))


def test_a_registry_lists_what_has_a_tag_page_by_page_and_deletes_by_digest(registry: FakeRegistry) -> None:
    first = registry.push(NAME, "one", text="1")
    registry.repositories[NAME].tags["same"] = first
    index = registry.push_index(NAME, "two", {"linux/amd64": registry.push(NAME, "", text="2")})
    Signer().payload(registry, NAME, first)
    registry.page = 1
    versions = RegistryVersions(client(registry), HERE)
    found = {each.digest: each for each in versions.listed()}
    assert (found[first].tags, found[first].created) == (("one", "same"), "2026-11-21T09:30:00Z")
    assert found[index].created == "2026-11-21T09:30:00Z", "that of its image"
    (signature,) = (each for each in found.values() if each.subjects)
    assert (signature.subjects, signature.created) == ((first,), "")
    assert entries(client(registry), HERE, list(found.values()))[index] != frozenset()
    versions.delete(found[first])
    assert first not in registry.repositories[NAME].manifests
    versions.delete(found[first])


def test_a_registry_that_deletes_nothing_says_so(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "one")
    registry.deletes = False
    told = failure(RegistryVersions(client(registry), HERE).delete, Version(digest))
    assert (told.code, "turn its deletion on" in told.message) == (Code.REGISTRY_DENIED, True)
    registry.auth = "basic"
    told = failure(RegistryVersions(client(registry), HERE).delete, Version(digest))
    assert "does not let an anonymous client delete from" in told.message


def test_github_lists_what_has_no_tag_too_and_deletes_by_number(packages: FakePackages) -> None:
    for number in range(205):
        packages.add(f"sha256:{number:064x}", "2026-10-01T00:00:00Z", *(["v1"] if number == 204 else []))
    packages.faults = [502]
    versions = github(packages)
    found = versions.listed()
    assert (len(found), found[-1].tags, found[0].tags, found[0].id) == (205, ("v1",), (), "1")
    versions.delete(found[7])
    assert found[7].digest not in packages.digests
    versions.delete(found[7])
    assert len(packages.digests) == 204


def test_a_list_that_changed_while_it_was_read_is_read_again(packages: FakePackages) -> None:
    """Pages move up: the version that was the first of the second page is on none, and its platforms stand alone."""
    for number in range(150):
        packages.add(f"sha256:{number:064x}", "2026-10-01T00:00:00Z")
    packages.gone = {1: f"sha256:{3:064x}"}
    assert len(github(packages).listed()) == 149
    packages.gone = {packages.answers + 2 * number + 1: f"sha256:{50 + number:064x}" for number in range(9)}
    assert "changes all the time" in failure(github(packages).listed).message


def test_github_is_given_the_time_that_it_asks_for(packages: FakePackages, monkeypatch: pytest.MonkeyPatch) -> None:
    packages.add("sha256:" + "1" * 64, "2026-10-01T00:00:00Z")
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    packages.faults = [(403, {"Retry-After": "60"}), (429, {"Retry-After": "7"})]
    (one,) = github(packages).listed()
    assert waits == [60, 7]
    packages.faults = [(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 50)})]
    versions = github(packages)
    assert versions.listed() == [one]
    assert 40 < waits[2] <= 50
    packages.faults = [(403, {"Retry-After": "3600"})]
    told = failure(versions.listed)
    assert (told.code, "wait 3600 s" in told.message) == (Code.REGISTRY_UNREACHABLE, True)
    packages.faults = [(403, {"X-RateLimit-Remaining": "4999"})]
    assert failure(versions.listed).code is Code.REGISTRY_DENIED


def test_packages_of_a_user_are_found_too(packages: FakePackages) -> None:
    packages.owner = "users/team"
    packages.add("sha256:" + "1" * 64, "2026-10-01T00:00:00Z")
    versions = github(packages)
    (one,) = versions.listed()
    versions.delete(one)
    assert packages.versions == []


def test_what_github_refuses_is_one_sentence(packages: FakePackages) -> None:
    assert failure(github(packages, "other").listed).message == (
        f"{packages.url} does not let this token read packages of ghcr.io/team/app/web "
        "(You need at least read:packages scope)."
    )
    packages.package = "another"
    assert failure(github(packages).listed).code is Code.IMAGE_NOT_FOUND
    packages.faults = [503, 503, 503]
    assert "it answers 503" in failure(github(packages).listed).message
    packages.faults = [400]
    assert "it answers 400 (later)" in failure(github(packages).listed).message
    gone = GitHubVersions(THERE, TOKEN, "http://127.0.0.1:1", Access.to("ghcr.io"))
    assert failure(gone.listed).code is Code.REGISTRY_UNREACHABLE
    assert failure(GitHubVersions(THERE, TOKEN, "no url", Access.to("ghcr.io")).listed).code is Code.INVALID_INPUT
