"""What an image is: platforms, labels, its digest checked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.fake_registry import CONFIG, INDEX, MANIFEST, FakeRegistry
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


def test_what_describes_an_image_is_asked_for_once(registry: FakeRegistry) -> None:
    one = registry.push(NAME, "one")
    registry.push_index(NAME, "many", {"linux/amd64": one})
    asking = client(registry)
    for _ in range(2):
        for tag in ("one", "many"):
            asking.platforms(ref(tag))
            asking.image(ref(tag))
    assert len(registry.requests) == 4  # two manifests, that of the index's image, their configuration


def test_as_whom_an_image_runs(registry: FakeRegistry) -> None:
    for said, user in (({"User": "node"}, "node"), ({}, ""), ({"User": 5}, ""), (None, "")):
        registry.push_config(NAME, "v1", json.dumps({"config": said}).encode())
        assert client(registry).image(ref("v1")).user == user
    registry.push_config(NAME, "v1", b"{}")
    assert client(registry).image(ref("v1")).user is None


def test_content_that_is_not_what_its_digest_says_is_refused(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    registry.spoils = True
    assert failure(client(registry).image, ref(digest)).code is Code.REGISTRY_ERROR


def test_platforms_of_an_image_and_of_an_index(registry: FakeRegistry) -> None:
    one = registry.push(NAME, "one")
    registry.push_index(NAME, "many", {"linux/arm/v7": one, "linux/amd64": one})
    assert client(registry).platforms(ref("one")) == ("linux/amd64",)
    assert client(registry).platforms(ref("many")) == ("linux/arm/v7", "linux/amd64")


ZERO = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "manifests", ["x", ["x"], [None], [{}], [{"platform": "x"}], {"a": 1}, 5,
                  [{"digest": "sha256:../../x", "platform": {"os": "linux", "architecture": "amd64"}}],
                  [{"digest": ZERO, "platform": {"os": "\x1b[2J", "architecture": "amd64"}}],
                  [{"digest": ZERO, "platform": {"os": ["linux"], "architecture": {"a": 1}}}]],
)  # fmt: skip
def test_an_index_that_is_malformed_has_no_platforms(registry: FakeRegistry, manifests: object) -> None:
    registry.put(NAME, "v1", INDEX, {"mediaType": INDEX, "manifests": manifests})
    refused = failure(client(registry).image, ref("v1"))
    assert refused.code is Code.IMAGE_NOT_FOUND
    assert "it has: none" in refused.message


@pytest.mark.parametrize(
    "config",
    [{"config": "x"}, {"config": {"Labels": "x"}}, {"config": {"Labels": {"a": 1}}}, {"os": 1, "architecture": []},
     {"created": {"a": 1}}],
)  # fmt: skip
def test_a_malformed_configuration_has_no_labels(registry: FakeRegistry, config: dict[str, Any]) -> None:
    digest = registry.push_config(NAME, "v1", json.dumps(config).encode())
    found = client(registry).image(ref("v1"))
    assert (found.digest, found.labels, found.platforms, found.created) == (digest, {}, {}, "")


def test_labels_and_time_can_be_shown(registry: FakeRegistry) -> None:
    config = {"config": {"Labels": {"a": "\x1b[2Jb\ud800"}}, "created": "\u202eyesterday"}
    registry.push_config(NAME, "v1", json.dumps(config).encode())
    found = client(registry).image(ref("v1"))
    assert (found.labels, found.created) == ({"a": "[2Jb"}, "yesterday")


@pytest.mark.parametrize("config", [b"x", b"[]", b"[" * 200_000])
def test_a_configuration_that_is_no_object(registry: FakeRegistry, config: bytes) -> None:
    registry.push_config(NAME, "v1", config)
    assert failure(client(registry).image, ref("v1")).code is Code.REGISTRY_ERROR


@pytest.mark.parametrize(
    "content",
    [
        {"mediaType": MANIFEST, "config": {"mediaType": CONFIG, "digest": "sha256:../../x"}},
        {"mediaType": MANIFEST, "config": {"mediaType": CONFIG}},
        {"mediaType": INDEX, "manifests": [], "config": {}},
        {"mediaType": INDEX, "manifests": [], "layers": []},
        {"mediaType": "\x1b[2J"},
        {"mediaType": ["x"] * 3, "config": {"mediaType": CONFIG, "digest": "x"}},
    ],
)
def test_manifests_that_are_refused(registry: FakeRegistry, content: dict[str, Any]) -> None:
    registry.put(NAME, "v1", MANIFEST, content)
    assert failure(client(registry).image, ref("v1")).code is Code.REGISTRY_ERROR


def test_a_digest_that_the_registry_makes_up_is_not_returned(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    for named in ("sha256:../../x", "sha256:\x1b[31m", "sha256:zz", digest + "0"):
        registry.named_digest = named
        assert client(registry).digest(ref("v1")) == digest
    registry.named_digest = ZERO
    assert failure(client(registry).manifest, ref("v1")).code is Code.REGISTRY_ERROR
    assert failure(client(registry).digest, ref(digest)).code is Code.REGISTRY_ERROR
    assert failure(client(registry).add_tag, ref(digest), "v2").code is Code.REGISTRY_ERROR
