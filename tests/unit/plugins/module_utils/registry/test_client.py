"""Registries are asked by the OCI distribution API: signed in as they want, patient with faults, clear at the end."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.fake_registry import FakeRegistry
from tests.unit.plugins.module_utils.registry.conftest import NAME, PASSWORD, client, failure, ref


def test_a_tag_is_resolved_with_one_request(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    assert client(registry).digest(ref("v1")) == digest
    assert [(r[0], r[1]) for r in registry.requests] == [("HEAD", f"/v2/{NAME}/manifests/v1")]


def test_a_registry_that_does_not_say_the_digest_is_computed(registry: FakeRegistry) -> None:
    registry.says_digest = False
    assert client(registry).digest(ref("v1")) if registry.push(NAME, "v1") else False
    assert client(registry).digest(ref("v1")) == registry.repositories[NAME].tags["v1"]


@pytest.mark.parametrize("what", ["v2", "sha256:" + "0" * 64])
def test_an_image_that_is_not_there(registry: FakeRegistry, what: str) -> None:
    registry.push(NAME, "v1")
    assert failure(client(registry).digest, ref(what)).code is Code.IMAGE_NOT_FOUND
    assert failure(client(registry).image, ref("v1", "no/such")).code is Code.IMAGE_NOT_FOUND


def test_one_more_tag_is_the_very_same_image(registry: FakeRegistry) -> None:
    registry.auth, registry.users, registry.pushers = "token", {"ci": PASSWORD, "reader": PASSWORD}, {"ci"}
    digest = registry.push(NAME, "sha-1")
    client(registry, username="ci", password=PASSWORD).add_tag(ref(digest), "v1.0.0")
    assert registry.repositories[NAME].tags == {"sha-1": digest, "v1.0.0": digest}
    refused = failure(client(registry, username="reader", password=PASSWORD).add_tag, ref(digest), "v2")
    assert refused.code is Code.REGISTRY_DENIED
    assert "push" in refused.message


@pytest.mark.parametrize("ranges", [True, False])
def test_a_content_comes_part_by_part(registry: FakeRegistry, ranges: bool) -> None:
    registry.ranges = ranges
    digest = registry.blob(NAME, b"0123456789")
    assert client(registry).blob_part(ref("v1"), digest, 3, 4) == b"3456"
    short = failure(client(registry).blob_part, ref("v1"), digest, 8, 4)
    assert (short.code, "2 of 4 bytes" in short.message) == (Code.REGISTRY_ERROR, True)
    assert failure(client(registry).blob_part, ref("v1"), "sha256:" + "0" * 64, 0, 4).code is Code.IMAGE_NOT_FOUND


def test_a_manifest_goes_to_another_repository_by_its_digest_or_a_tag(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    found = client(registry).manifest(ref("v1"))
    registry.push("acme/web", "old")
    client(registry).put_manifest(ref("x", "acme/web"), found)
    assert registry.repositories["acme/web"].tags.keys() == {"old"}
    client(registry).put_manifest(ref("x", "acme/web"), found, "v1")
    assert registry.repositories["acme/web"].tags["v1"] == digest
