"""Images are followed from a digest to all that they need, whatever somebody made of their manifests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.bundle.contents import Attached, Image, digest_of
from ansible_collections.todo.cloud.plugins.module_utils.bundle.images import (
    FromLayout,
    FromRegistry,
    attached_to,
    copy,
    sboms_of,
    tree,
)
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.registry.client import RegistryClient
from ansible_collections.todo.cloud.plugins.module_utils.registry.image import INDEXES, MANIFESTS, Manifest
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference

from tests.support.fake_registry import FakeRegistry
from tests.unit.plugins.module_utils.bundle.samples import LAYER, NAME, SPDX, THERE, Far


class Held:
    """A layout's contents."""

    def __init__(self, *contents: Any) -> None:
        self.raw = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in contents]
        self.by_digest = {digest_of(each): each for each in self.raw}

    def size(self, digest: str) -> int:
        return len(self.by_digest[digest])

    def read(self, digest: str, start: int, length: int) -> bytes:
        return self.by_digest[digest][start : start + length]


def client(registry: FakeRegistry) -> RegistryClient:
    return RegistryClient("ghcr.io", Access.to("ghcr.io", {"endpoint": registry.url}))


def at(digest: str, name: str = NAME) -> Reference:
    return Reference.parse(f"ghcr.io/{name}@{digest}")


def test_all_platforms_and_what_they_need(world: Far) -> None:
    found = tree(FromRegistry(client(world.near), at(world.digest)), world.digest)
    assert len(found.manifests) == 4
    assert found.manifests[-1].digest == world.digest, "after what it needs"
    assert found.blobs[digest_of(LAYER)] == len(LAYER)
    sboms = [each for manifest in found.manifests for each in sboms_of(manifest)]
    assert [(digest, size) for _kind, digest, size in sboms] == [(digest_of(SPDX), len(SPDX))]


def test_what_is_attached(world: Far) -> None:
    found = attached_to(client(world.near), at(world.digest))
    assert [each.suffix for each in found] == ["", ".sig"]
    assert attached_to(client(world.near), at(found[0].digest)) == ()
    other = {"digest": found[0].digest, "mediaType": "application/vnd.oci.artifact.manifest.v1+json"}
    world.near.repositories[NAME].referrers[world.digest] = json.dumps({"manifests": [other]}).encode()
    assert [each.suffix for each in attached_to(client(world.near), at(world.digest))] == [".sig"]


def test_a_registry_that_lists_referrers_needs_no_index_of_them(world: Far) -> None:
    found = attached_to(client(world.near), at(world.digest))
    image = Image(str(at(world.digest)), (), ("api",), found)
    listed = {"manifests": [{"digest": found[0].digest, "mediaType": MANIFESTS[0]}]}
    world.far.push(THERE, "x")
    world.far.repositories[THERE].referrers[world.digest] = json.dumps(listed).encode()
    assert copy(FromRegistry(client(world.near), at(world.digest)), image, client(world.far), at(world.digest, THERE),
                world.lines.append)  # fmt: skip
    assert set(world.far.repositories[THERE].tags) == {"x", world.digest.replace(":", "-") + ".sig"}
    assert any("MiB" in line for line in world.lines)


def test_a_tag_that_is_missing_is_added_although_the_signature_is_there(world: Far) -> None:
    found = attached_to(client(world.near), at(world.digest))
    image, to = Image(str(at(world.digest)), (), ("api",), found), Reference.parse(f"ghcr.io/{THERE}")
    source = FromRegistry(client(world.near), at(world.digest))
    assert copy(source, image, client(world.far), to, world.lines.append)
    tag = world.digest.replace(":", "-") + ".sig"
    del world.far.repositories[THERE].tags[tag]
    assert copy(source, image, client(world.far), to, world.lines.append)
    assert world.far.repositories[THERE].tags[tag] == found[1].digest
    assert not copy(source, image, client(world.far), to, world.lines.append)


def _index(*digests: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": INDEXES[0], "manifests": [{"digest": each, "size": 1} for each in digests], **more}


def test_an_old_manifest_need_not_say_what_it_is() -> None:
    image = {"config": {"digest": digest_of(b"{}"), "size": 2}, "layers": []}
    index = {"manifests": [{"digest": digest_of(json.dumps(image).encode()), "size": 1}]}
    held = Held(image, index)
    found = tree(FromLayout(held), digest_of(held.raw[1]))  # type: ignore[arg-type]  # its size and read are enough
    assert [each.media_type for each in found.manifests] == [MANIFESTS[0], INDEXES[0]]


@pytest.mark.parametrize(
    "content",
    [
        b"no json",
        b"[]",
        {"mediaType": "application/vnd.other"},
        {"mediaType": MANIFESTS[0], "layers": [{"digest": "x", "size": 1}]},
        {"mediaType": MANIFESTS[0], "layers": [{"digest": digest_of(b""), "size": -1}]},
        {"mediaType": MANIFESTS[0], "layers": [{"digest": digest_of(b"")}]},
        {"mediaType": MANIFESTS[0], "config": {}},
        _index("sha256:../x"),
        _index(digest_of(b""), layers=[]),
        b" " * (5 << 20),
    ],
    ids=lambda content: str(content)[:60],
)
def test_no_image(content: Any) -> None:
    held = Held(content)
    with pytest.raises(TodoCloudError) as caught:
        tree(FromLayout(held), digest_of(held.raw[0]))  # type: ignore[arg-type]  # its size and read are enough
    assert caught.value.failure.code is Code.BUNDLE_DAMAGED


def test_an_index_of_indexes_has_an_end() -> None:
    contents: list[Any] = [{"mediaType": MANIFESTS[0], "layers": []}]
    for _each in range(3):
        contents.append(_index(digest_of(Held(contents[-1]).raw[0])))
    held = Held(*contents)
    assert len(tree(FromLayout(held), digest_of(held.raw[2])).manifests) == 3  # type: ignore[arg-type]
    with pytest.raises(TodoCloudError, match="nested too deeply"):
        tree(FromLayout(held), digest_of(held.raw[3]))  # type: ignore[arg-type]


def test_lists_of_parts_are_known_by_type_or_note() -> None:
    digest = digest_of(b"")
    layers = [
        {"mediaType": "application/vnd.cyclonedx+json", "digest": digest, "size": 1},
        {"mediaType": "application/vnd.in-toto+json", "digest": digest, "size": 2,
         "annotations": {"in-toto.io/predicate-type": "https://spdx.dev/Document"}},
        {"mediaType": "application/vnd.in-toto+json", "digest": digest, "size": 3,
         "annotations": {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}},
        {"mediaType": "text/spdx+json", "digest": "none", "size": 4},
    ]  # fmt: skip
    manifest = Manifest("", MANIFESTS[0], b"", {"layers": layers})
    assert [size for _kind, _digest, size in sboms_of(manifest)] == [1, 2]
    assert Attached(digest).suffix == ""
