"""A bundle goes to another environment: verified, copied, then described for release_apply."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.bundle.layout import Layout
from ansible_collections.todo.cloud.plugins.module_utils.digest import chart_digest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Record
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access
from ansible_collections.todo.cloud.plugins.module_utils.registry.client import RegistryClient
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference
from ansible_collections.todo.cloud.plugins.module_utils.registry.signatures import ImageKeys, why_unsigned

from tests.support.fake_registry import MANIFEST, FakeRegistry, digest_of
from tests.support.signatures import Signer
from tests.unit.plugins.module_utils.bundle.samples import CHART, KEY, LAYER, NAME, PUBLIC, THERE, Far, forged
from tests.unit.plugins.module_utils.records.test_signing import OTHER, public

IMAGE = f"registry.acme.example/{THERE}"


def client(registry: FakeRegistry) -> RegistryClient:
    return RegistryClient("registry.acme.example", Access.to("registry.acme.example", {"endpoint": registry.url}))


def test_what_was_verified_goes_to_an_empty_registry_without_the_first_one(world: Far) -> None:
    world.build(record_key=None)
    world.near.repositories.clear()
    found = world.open()
    (release,) = found["waves"][0]
    assert release["values"] == {"image": f"{IMAGE}:v1.0.0@{world.digest}", "text": "far"}
    assert chart_digest(release["chart"], None) == chart_digest(CHART, None)
    assert release["chart"] != CHART
    (image,) = found["images"]
    assert (image["image"], image["tagged"]) == (f"{IMAGE}:v1.0.0@{world.digest}", False)
    assert len(image["accepted"]) == 4, "the index, its platforms, and what belongs to none"
    assert (found["changed"], found["copies"]) == (True, [{"image": f"{IMAGE}@{world.digest}", "state": "copied"}])
    assert found["origin"] == f"{found['digest']} (set 1 of staging)"
    assert found["replaces"] == {"id": 0, "commit": "", "changed": ["api"]}
    assert LAYER in world.far.repositories[THERE].blobs.values()
    assert "not checked" in found["warnings"][0]


def test_signatures_of_images_come_along(world: Far) -> None:
    world.build()
    world.open()
    where = Reference.parse(f"{IMAGE}@{world.digest}")
    assert why_unsigned(client(world.far), where, ImageKeys.parse(world.signer.public)) == ""
    tags = set(world.far.repositories[THERE].tags)
    assert tags == {world.digest.replace(":", "-"), world.digest.replace(":", "-") + ".sig"}, "and no version yet"


def test_what_is_there_is_not_copied_and_the_charts_have_the_same_digests(world: Far) -> None:
    world.build()
    first, requests = world.open(), world.far.requests
    requests.clear()
    again = world.open()
    assert (again["changed"], again["copies"][0]["state"]) == (False, "there")
    assert {method for method, *_rest in requests} <= {"HEAD", "GET"}
    assert again["diff"]["before"] == again["diff"]["after"] == f"{IMAGE}@{world.digest}\n"
    assert first["diff"]["before"] == ""
    assert chart_digest(again["waves"][0][0]["chart"], None) == chart_digest(first["waves"][0][0]["chart"], None)


def test_an_image_that_was_copied_in_part_is_finished(world: Far) -> None:
    world.build()
    world.far.faults += [*[(404, dict[str, str]())] * 6, (403, {})]
    with pytest.raises(TodoCloudError):
        world.open()
    world.far.faults.clear()
    assert world.open()["copies"][0]["state"] == "copied"
    assert world.digest in world.far.repositories[THERE].manifests


def test_check_mode_copies_nothing(world: Far) -> None:
    world.build()
    found = world.open(check=True)
    assert (found["changed"], found["copies"][0]["state"]) == (True, "copied")
    assert world.far.repositories == {}


def test_without_a_registry_to_write_to_all_images_must_be_there(world: Far) -> None:
    world.build()
    failure = world.fails(world.open, push_registries=[])
    assert failure.code is Code.IMAGE_NOT_FOUND
    assert "bundle_registries" in failure.message
    world.open()
    assert not world.open(push_registries=[])["changed"]
    assert world.fails_with(Code.INVALID_INPUT, push_registries=[], registries=[]).details["option"] == "registries"


def test_a_signed_bundle_is_taken_by_its_key_only(world: Far) -> None:
    world.kube.objects.clear()
    world.record(key=KEY)
    assert world.build(record_key=KEY)["signed"]
    found = world.open(bundle_public_keys=[PUBLIC])
    assert (found["signed"], found["warnings"]) == (True, [])
    world.far.repositories.clear()
    assert world.fails(world.open, bundle_public_keys=[public(OTHER)]).code is Code.BUNDLE_UNSIGNED


def test_an_unsigned_bundle_is_refused_where_there_is_a_key(world: Far) -> None:
    world.build()
    failure = world.fails(world.open, bundle_public_keys=[PUBLIC])
    assert (failure.code, "not signed" in failure.message) == (Code.BUNDLE_UNSIGNED, True)


def test_whoever_changes_a_signed_bundle_changes_what_was_signed(world: Far) -> None:
    """The list of contents names another image, and manifest and index fit to it."""
    world.kube.objects.clear()
    world.record(key=KEY)
    built = world.build(record_key=KEY)

    def change(held: dict[str, bytes]) -> None:
        manifest = forged(held, built["digest"])
        listed = forged(held, manifest["config"]["digest"])
        listed["images"][0]["accepted"].append("sha256:" + "e" * 64)
        put(held, manifest["config"], listed)
        index = json.loads(held["index.json"])
        put(held, index["manifests"][0], manifest)
        held["index.json"] = json.dumps(index).encode()

    world.rewritten(change)
    assert world.fails(world.open, bundle_public_keys=[PUBLIC]).code is Code.BUNDLE_UNSIGNED
    assert world.open()["changed"], "else it was no sound bundle"


def put(held: dict[str, bytes], descriptor: dict[str, Any], content: dict[str, Any]) -> None:
    raw = json.dumps(content).encode()
    descriptor.update(digest=digest_of(raw), size=len(raw))
    held[f"blobs/{digest_of(raw).replace(':', '/')}"] = raw


def _layer_is_gone(held: dict[str, bytes], digest: str) -> None:
    del held[f"blobs/{digest_of(LAYER).replace(':', '/')}"]


def _layer_is_another(held: dict[str, bytes], digest: str) -> None:
    held[f"blobs/{digest_of(LAYER).replace(':', '/')}"] = LAYER[:-1] + b"!"


def _manifest_is_another(held: dict[str, bytes], digest: str) -> None:
    held[f"blobs/{digest.replace(':', '/')}"] += b" "


def _record_is_another(held: dict[str, bytes], digest: str) -> None:
    record = next(each for each in forged(held, digest)["layers"] if "release-set" in each["mediaType"])
    name = f"blobs/{record['digest'].replace(':', '/')}"
    held[name] = held[name].replace(b"near", b"evil")


@pytest.mark.parametrize("change", [_layer_is_gone, _layer_is_another, _manifest_is_another, _record_is_another])
def test_a_damaged_bundle_is_refused_before_anything_is_written(
    world: Far, change: Callable[[dict[str, bytes], str], None]
) -> None:
    digest = world.build()["digest"]
    world.rewritten(lambda held: change(held, digest))
    assert world.fails(world.open).code is Code.BUNDLE_DAMAGED


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_refused(world: Far, share: float) -> None:
    world.build()
    content = world.file.read_bytes()
    world.file.write_bytes(content[: int(len(content) * share)])
    assert world.fails(world.open).code in (Code.BUNDLE_DAMAGED, Code.BUNDLE_REFUSED)


def test_a_bundle_of_a_newer_format_says_so(world: Far) -> None:
    digest = world.build()["digest"]

    def change(held: dict[str, bytes]) -> None:
        manifest, index = forged(held, digest), json.loads(held["index.json"])
        manifest["artifactType"] = manifest["artifactType"].replace(".v1+", ".v2+")
        put(held, index["manifests"][0], manifest)
        index["manifests"][0]["artifactType"] = manifest["artifactType"]
        held["index.json"] = json.dumps(index).encode()

    world.rewritten(change)
    failure = world.fails(world.open)
    assert (failure.code, "format 2" in failure.message) == (Code.BUNDLE_REFUSED, True)


def test_a_version_that_names_another_image_is_refused(world: Far) -> None:
    world.build()
    world.open()
    other = world.far.push(THERE, "v1.0.0")
    with pytest.raises(TodoCloudError, match=other) as caught:
        world.open()
    assert caught.value.failure.code is Code.IMAGE_TAG_TAKEN


def test_a_release_that_the_bundle_does_not_have_is_refused(world: Far) -> None:
    world.build()
    waves = [[world.raw(), world.raw(name="web")]]
    failure = world.fails(world.open, waves=waves)
    assert (failure.code, failure.details["reason"]) == (Code.PROMOTION_REFUSED, "incomplete")


def test_components_are_those_that_were_verified_but_for_what_may_differ(world: Far) -> None:
    world.kube.objects.clear()
    values = {"environment": "staging", "pubsub": "kafka", "scopes": ["api"]}
    world.record(world.member(components=True, values=values, images={}))
    world.build()
    there = {"environment": "acme", "pubsub": "kafka", "scopes": ["api"]}
    found = world.open(waves=[[world.raw(values=there)]])
    assert found["waves"][0][0]["values"] == there
    other = world.fails(world.open, waves=[[world.raw(values={**there, "pubsub": "redis"})]])
    assert (other.details["reason"], other.details["paths"]) == ("components", ["pubsub"])


def test_other_images_of_a_release_keep_their_names(world: Far) -> None:
    world.kube.objects.clear()
    digest = world.near.push("library/redis", "8")
    images = {
        **world.member().images,
        "Deployment/api/cache": {"image": "docker.io/library/redis:8", "digest": digest},
    }
    world.record(world.member(images=images))
    world.build()
    states = {each["image"]: each["state"] for each in world.open()["copies"]}
    assert states == {f"{IMAGE}@{world.digest}": "copied", f"docker.io/library/redis@{digest}": "copied"}
    there = world.far.repositories["library/redis"]
    assert digest in there.manifests
    assert there.tags == {"8": digest}, "by which pods ask for it"
    assert THERE in world.far.repositories
    assert NAME not in world.far.repositories
    assert not world.open()["changed"]
    del there.tags["8"]
    assert "docker.io/library/redis:8" in world.fails_with(Code.IMAGE_NOT_FOUND, push_registries=[]).message
    assert (world.open(check=True)["changed"], there.tags) == (True, {})
    assert world.open()["changed"]
    world.far.push("library/redis", "8", text="another")
    found = world.open()
    assert (found["changed"], "docker.io/library/redis:8 is another image there" in found["warnings"][-1]) == (
        False,
        True,
    )


def test_an_image_of_one_release_beside_that_of_another_one_keeps_its_name_too(world: Far) -> None:
    world.kube.objects.clear()
    image = {"image": f"ghcr.io/{NAME}:sha-1", "digest": world.digest}
    web = world.near.push("todo/web", "1")
    images = {"Deployment/web/app": {"image": "ghcr.io/todo/web:1", "digest": web}, "Deployment/web/init": image}
    values = {"image": f"ghcr.io/todo/web:1@{web}"}
    world.record(world.member(), world.member(name="web", values=values, images=images))
    world.build()
    there = world.raw(name="web", values={"image": "registry.acme.example/acme/todo/web:v1.0.0"})
    world.open(waves=[[world.raw(), there]])
    assert set(world.far.repositories) == {THERE, NAME, "acme/todo/web"}
    assert world.far.repositories[NAME].tags["sha-1"] == world.digest
    assert "sha-1" not in world.far.repositories[THERE].tags


def test_from_a_registry_to_another_one(world: Far) -> None:
    place = "oci://ghcr.io/todo/bundle:v1.0.0"
    built = world.build(bundle=place)
    assert not world.file.exists()
    registries = [{"host": "ghcr.io", "endpoint": world.near.url}]
    found = world.open(bundle=place, registries=registries)
    assert (found["digest"], found["changed"]) == (built["digest"], True)
    assert world.digest in world.far.repositories[THERE].manifests
    pinned = world.open(bundle=f"oci://ghcr.io/todo/bundle@{built['digest']}", registries=registries)
    assert not pinned["changed"]
    world.far.repositories.clear()
    record = next(b for b in world.near.repositories["todo/bundle"].blobs.values() if b'"set.json"' in b)
    name = digest_of(record)
    world.near.repositories["todo/bundle"].blobs[name] = record.replace(b"near", b"evil")
    assert world.fails(world.open, bundle=place, registries=registries).code is Code.BUNDLE_DAMAGED


def test_no_file(world: Far, tmp_path: Path) -> None:
    failure = world.fails(world.open, bundle=str(tmp_path / "none.tar"))
    assert (failure.code, "none.tar" in failure.message) == (Code.INVALID_INPUT, True)
    assert world.fails(world.open, bundle=str(tmp_path)).code is Code.INVALID_INPUT
    assert NAME in world.near.repositories


def test_a_copy_that_was_cut_off_before_its_signature_could_be_found_is_finished(world: Far) -> None:
    """By its tag, or by the index below a tag, where the registry keeps no list."""
    world.build()
    world.open()
    where, keys = Reference.parse(f"{IMAGE}@{world.digest}"), ImageKeys.parse(world.signer.public)
    tags = world.far.repositories[THERE].tags
    for tag in (world.digest.replace(":", "-"), world.digest.replace(":", "-") + ".sig"):
        held = tags.pop(tag)
        planned = world.open(check=True)
        assert (planned["changed"], planned["copies"][0]["state"], tag in tags) == (True, "copied", False)
        assert world.open()["changed"]
        assert tags[tag] == held
        assert not world.open()["changed"]
    assert why_unsigned(client(world.far), where, keys) == ""


def test_who_signed_there_too_loses_no_signature(world: Far) -> None:
    world.build()
    world.open()
    own, tag = Signer(), world.digest.replace(":", "-") + ".sig"
    there = world.far.repositories[THERE]
    ours = json.loads(there.manifests[there.tags[tag]][1])
    own.payload(world.far, THERE, world.digest)
    theirs = json.loads(there.manifests[there.tags[tag]][1])
    both = world.far.put(THERE, tag, MANIFEST, {**theirs, "layers": ours["layers"] + theirs["layers"]})
    del there.tags[world.digest.replace(":", "-")]
    assert world.open()["changed"], "the list of referrers"
    assert there.tags[tag] == both
    assert not world.open()["changed"]
    where = Reference.parse(f"{IMAGE}@{world.digest}")
    assert why_unsigned(client(world.far), where, ImageKeys.parse(own.public)) == ""
    only = world.far.put(THERE, tag, MANIFEST, theirs)
    assert (world.open()["changed"], there.tags[tag]) == (False, only), "a tag is never moved to what lacks something"
    world.far.put(THERE, tag, MANIFEST, {**ours, "layers": []})
    world.open()
    assert json.loads(there.manifests[there.tags[tag]][1]) == ours, "what had less is replaced"


def test_an_older_bundle_says_so(world: Far) -> None:
    world.build()
    first = world.open()
    record(world, first["origin"].replace("set 1", "set 3"))
    (_unsigned, warning) = world.open(check=True)["warnings"]
    assert warning.startswith("The bundle is older than what is here: it is set 1 of staging, and set 3 of it was ")
    record(world, first["origin"].replace("set 1 of staging", "set 3 of another"), 2)
    assert len(world.open()["warnings"]) == 1
    record(world, first["origin"], 3)
    assert len(world.open()["warnings"]) == 1
    record(world, "anything", 4)
    assert len(world.open()["warnings"]) == 1


def record(world: Far, origin: str, number: int = 1) -> None:
    found = Record(number, "acme", "2026-11-23T12:00:00Z", "ada@ci", "1f3c5a7", {"origin": origin}, {})
    RecordStore(world.kube, "far", "acme").write(found)


def test_a_registry_that_is_not_among_those_to_write_to_is_named(world: Far) -> None:
    world.build()
    failure = world.fails(world.open, push_registries=[{"host": "other.example", "endpoint": world.far.url}])
    assert "add it to bundle_registries" in failure.message
    assert failure.details["option"] == "push_registries"


def test_a_medium_that_fails_is_a_bundle_that_is_damaged(world: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    world.build()
    with Layout(world.file) as layout:

        class Broken(io.BytesIO):
            def read(self, *_args: Any) -> bytes:
                raise OSError(errno.EIO, "Input/output error")

        layout._file.close()
        monkeypatch.setattr(layout, "_file", Broken())
        with pytest.raises(TodoCloudError, match="Input/output error") as caught:
            layout.verify()
        assert caught.value.failure.code is Code.BUNDLE_DAMAGED


def test_a_repository_that_is_not_there_yet_is_made_where_a_registry_hides_it(world: Far) -> None:
    """Quay tells only those who ask to push that there is none."""
    world.far.auth, world.far.users, world.far.pushers, world.far.hides = "token", {"ci": "secret"}, {"ci"}, True
    there = [{"host": "*", "endpoint": world.far.url, "username": "ci", "password": "secret"}]
    world.build()
    assert world.open(push_registries=there)["changed"]
    assert not world.open(push_registries=there)["changed"]
    place = "oci://registry.acme.example/bundle:v1"
    assert world.build(bundle=place, push_registries=there)["changed"]
    world.far.repositories.clear()
    reading = [{**there[0], "username": "", "password": ""}]
    assert world.fails(world.open, push_registries=reading).code is Code.REGISTRY_DENIED
