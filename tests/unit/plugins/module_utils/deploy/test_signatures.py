"""With a key, what is new has to be signed before anything is written; what was verified here is not asked again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.change_rules import ChangeRules
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked
from ansible_collections.todo.cloud.plugins.module_utils.releases.image_rollback import ImageRollback

from tests.support.fake_environment import A1, A2, World, outcomes
from tests.support.fake_registry import FakeRegistry
from tests.support.signatures import Signer

NAME, OWN = "r/api", Signer()


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().serving() as served:
        yield served


def given(registry: FakeRegistry, **rules: Any) -> dict[str, Any]:
    """Settings with a key."""
    return {
        "change_rules": ChangeRules.parse({"image_key": OWN.public, **rules}),
        "registries": ({"host": "*", "endpoint": registry.url},),
    }


def test_an_unsigned_and_a_moved_tag_are_refused_before_anything_is_written(registry: FakeRegistry) -> None:
    world, digest = World(), registry.push(NAME, "v1.0.0")
    failed = world.fails({"api": A1}, **given(registry))
    assert failed.failure.code is Code.IMAGE_UNSIGNED
    unsigned = f"api: docker.io/r/api:v1.0.0@{digest} is not signed by image_signature_key (it has no signature)"
    assert unsigned in failed.failure.message
    assert masked(failed.failure.message) == failed.failure.message, "nothing of it looks like a credential"
    assert [each.code for each in world.apply({"api": A1}, check=True, **given(registry)).preflight] == [
        Code.IMAGE_UNSIGNED
    ]
    emergency = given(registry, emergency="logins are broken")
    assert world.fails({"api": A1}, **emergency).failure.code is Code.IMAGE_UNSIGNED
    assert world.writes() == []
    OWN.bundle(registry, NAME, digest)
    assert outcomes(world.apply({"api": A1}, **given(registry)).as_result()) == {"api": "verified"}
    moved = registry.push(NAME, "v1.0.0", text="another one")
    world.kube.reads.clear()
    failed = world.fails({"api": A1}, **given(registry))
    assert f"docker.io/r/api:v1.0.0@{moved} is not signed" in failed.failure.message
    assert moved not in str(world.image())


def test_what_was_verified_is_not_asked_again(registry: FakeRegistry) -> None:
    world, digest = World(), registry.push(NAME, "v1.0.0")
    OWN.payload(registry, NAME, digest)
    world.apply({"api": A1}, **given(registry))
    registry.repositories[NAME].tags.pop(digest.replace(":", "-") + ".sig")
    registry.requests.clear()
    assert outcomes(world.apply({"api": A1}, **given(registry)).as_result()) == {"api": "unchanged"}
    assert outcomes(world.apply({"api": {**A1, "maps": ["new"]}}, **given(registry)).as_result()) == {"api": "verified"}
    registry.repositories[NAME].tags["v2.0.0"] = digest
    changed = {**A1, "image": "r/api:v2.0.0", "maps": ["newer"]}
    assert world.apply({"api": changed}, **given(registry)).changed, "the same image by another tag"
    assert not [path for _method, path, _user in registry.requests if "sha256" in path]
    told = world.apply({"api": {**A1, "maps": ["new"]}}, check=True, preflight_all=True, **given(registry)).preflight
    assert [each.code for each in told] == [Code.IMAGE_UNSIGNED], "preflight.yml looks at what is unchanged too"


def test_what_others_make_is_named(registry: FakeRegistry) -> None:
    world = World()
    registry.push(NAME, "v1.0.0")
    assert world.apply({"api": A1}, **given(registry, unsigned=["docker.io/r/"])).changed


def test_a_tag_alone_and_an_unknown_registry_are_no_signature(registry: FakeRegistry) -> None:
    rules = given(registry)
    elsewhere = {**rules, "registries": ({"host": "ghcr.io", "endpoint": registry.url},)}
    by_tag = World().fails({"api": A1}, **elsewhere).failure.message
    assert "it is named by a tag, and only a digest can be signed" in by_tag
    pinned = {**A1, "image": "r/api@sha256:" + "0" * 64}
    assert "docker.io is not asked for signatures" in str(World().fails({"api": pinned}, **elsewhere).failure)
    failed = World().fails({"api": A1}, **rules).failure
    assert failed.code is Code.IMAGE_NOT_FOUND, "told once, and as what it is"
    registry.auth = "basic"
    failed = World().fails({"api": pinned}, **rules).failure
    assert (failed.code, "cannot be told" in failed.message) == (Code.REGISTRY_DENIED, True)


def test_an_image_of_its_own_is_a_change_like_any_other(registry: FakeRegistry) -> None:
    world = World()
    for each in (A1, A2):
        image = str(each["image"])
        OWN.bundle(registry, NAME, registry.push(NAME, image.partition(":")[2], text=image))
        world.apply({"api": each}, **given(registry))
    registry.push(NAME, "v0.9.0", text="older than the key")
    with pytest.raises(TodoCloudError) as caught:
        ImageRollback(world.run(**given(registry)), ["api"], "v0.9.0").run()
    assert caught.value.failure.code is Code.IMAGE_UNSIGNED
    assert world.rollback(**given(registry)).set == 3, "to a set, always"
