"""What an image is: platforms, labels, its digest checked."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.fake_registry import INDEX, FakeRegistry
from tests.unit.plugins.module_utils.registry.conftest import NAME, client, failure, ref


def test_a_single_image(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1", labels={"a": "b"})
    assert client(registry).image(ref("v1")).as_result() == {
        "image": f"registry.example.com/{NAME}:v1@{digest}",
        "digest": digest,
        "media_type": "application/vnd.oci.image.manifest.v1+json",
        "platforms": [{"platform": "linux/amd64", "digest": digest}],
        "labels": {"a": "b"},
        "created": "2026-11-21T09:30:00Z",
    }


def test_an_index_names_its_platforms_and_leaves_attestations_out(registry: FakeRegistry) -> None:
    arm = registry.push(NAME, text="arm", labels={"for": "arm"})
    amd = registry.push(NAME, text="amd", labels={"for": "amd"})
    index = registry.push_index(
        NAME,
        "v1",
        {"linux/arm/v7": arm, "linux/amd64": amd, "unknown/unknown": registry.push(NAME, text="attestation")},
    )
    image = client(registry).image(ref("v1"))
    assert (image.digest, image.media_type, image.labels) == (index, INDEX, {"for": "amd"})
    assert image.platforms == {"linux/arm/v7": arm, "linux/amd64": amd}
    assert client(registry).image(ref("v1"), "linux/arm/v7").labels == {"for": "arm"}
    refused = failure(client(registry).image, ref("v1"), "windows/amd64")
    assert refused.code is Code.IMAGE_NOT_FOUND
    assert "linux/arm/v7, linux/amd64" in refused.message


def test_content_that_is_not_what_its_digest_says_is_refused(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    registry.spoils = True
    assert failure(client(registry).image, ref(digest)).code is Code.REGISTRY_ERROR
