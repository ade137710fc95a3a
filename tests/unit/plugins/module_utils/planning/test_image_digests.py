"""Tags become digests where the registry can be asked; where not, what is deployed stays, and it is reported."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import StoredRelease, histories_of
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET
from ansible_collections.todo.cloud.plugins.module_utils.planning.image_digests import (
    ImageDigests,
    as_deployed,
    image_of,
    not_found,
    with_digest,
)
from ansible_collections.todo.cloud.plugins.module_utils.planning.plan import changes_of
from ansible_collections.todo.cloud.plugins.module_utils.planning.snapshot import Snapshot
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference

from tests.support.fake_environment import World
from tests.support.fake_kube import FakeKube
from tests.support.fake_registry import FakeRegistry
from tests.support.stored_releases import store
from tests.unit.plugins.module_utils.records.samples import MEMBER, RECORD

IMAGE = "ghcr.io/todo-app/web:v1"
GONE = {"host": "ghcr.io", "endpoint": "http://127.0.0.1:1"}


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().serving() as served:
        yield served


def spec(name: str = "web", image: Any = IMAGE, **values: Any) -> ReleaseSpec:
    return ReleaseSpec(name, "ns", "chart", {"image": image, **values}, chart_digest="c").with_values(
        {"image": image, **values}
    )


def image_digests(*registries: Mapping[str, Any], kube: FakeKube | None = None, timeout: float = 10.0) -> ImageDigests:
    return ImageDigests(kube or FakeKube(), "ns", registries, timeout)


def empty() -> Snapshot:
    return Snapshot({}, {}, [], None)


def deployed(image: str) -> tuple[Snapshot, Any]:
    """The release web at revision 1 with this image, and what reads it."""
    kube = FakeKube()
    store(kube, "web", config={"image": image})
    items, _ = kube.list_(SECRET, "ns")

    def read(name: str, revision: int) -> StoredRelease:
        return HelmReader(kube, "ns").read(name, revision)

    return Snapshot(histories_of(item["metadata"] for item in items), {}, [], None), read


def nothing(name: str, revision: int) -> StoredRelease:
    raise AssertionError(f"{name} {revision} is not needed")


def image(waves: list[list[ReleaseSpec]]) -> Any:
    return waves[0][0].values["image"]


def test_the_digest_is_part_of_the_inputs_and_reaches_the_image(registry: FakeRegistry) -> None:
    first = registry.push("todo-app/web", "v1", text="first")
    options = {"host": "ghcr.io", "endpoint": registry.url}
    was = image_digests(options).resolve([[spec()]], empty(), nothing)
    assert image(was) == f"{IMAGE}@{first}"

    moved = registry.push("todo-app/web", "v1", text="second")
    now = image_digests(options).resolve([[spec()]], empty(), nothing)
    assert image(now) == f"{IMAGE}@{moved}"
    assert now[0][0].inputs != was[0][0].inputs
    again = image_digests(options).resolve([[spec()]], empty(), nothing)
    assert again[0][0].inputs == now[0][0].inputs, "equal answers are equal inputs"


def test_each_tag_is_asked_for_once_in_a_run(registry: FakeRegistry) -> None:
    registry.push("todo-app/web", "v1")
    run = image_digests({"host": "*", "endpoint": registry.url})
    for _ in range(2):
        run.resolve([[spec("a"), spec("b")], [spec("c")]], empty(), nothing)
    assert len(registry.requests) == 1
    assert (run.notes, run.warnings) == ([], [])


def test_which_registries_are_asked_is_said_before(registry: FakeRegistry) -> None:
    registry.push("todo-app/web", "v1")
    run, lines = image_digests({"host": "*", "endpoint": registry.url}), list[tuple[str, int]]()
    run.progress = lambda line: lines.append((line, len(registry.requests)))
    images = [IMAGE, "quay.io/todo-app/web:v1", "not an image"]
    run.resolve([[spec(image, image) for image in images[:2]]], empty(), nothing)
    assert lines == [("registries ghcr.io, quay.io are asked for images", 0)]
    lines.clear()
    run.resolve([[spec()]], empty(), nothing)
    run.absent(images)
    assert lines == [], "they were asked"
    for ask in (run.platforms, run.users):
        ask([f"{IMAGE}@sha256:{'0' * 64}", "not an image"])
    assert [line for line, _asked in lines] == ["registry ghcr.io is asked for images"] * 2
    quiet = image_digests({"host": "quay.io"})
    quiet.progress = lambda line: lines.append((line, 0))
    quiet.platforms([IMAGE])
    quiet.resolve([[spec()]], empty(), nothing)
    assert len(lines) == 2, "nobody is asked"


def test_what_is_given_by_digest_is_not_asked_for(registry: FakeRegistry) -> None:
    by_digest = f"{IMAGE}@sha256:{'0' * 64}"
    run = image_digests({"host": "ghcr.io", "endpoint": registry.url})
    assert image(run.resolve([[spec(image=by_digest)]], empty(), nothing)) == by_digest
    assert registry.requests == []


def test_a_registry_that_is_not_named_is_noted_in_one_line() -> None:
    run = image_digests({"host": "quay.io"})
    assert image(run.resolve([[spec("web"), spec("api")]], empty(), nothing)) == IMAGE
    assert run.notes == ["ghcr.io is not asked for digests. By tag: web, api."]
    assert run.warnings == []


def test_a_registry_that_is_down_keeps_what_is_deployed_for_the_same_tag() -> None:
    digest = "sha256:" + "1" * 64
    for there, expected in ((f"{IMAGE}@{digest}", f"{IMAGE}@{digest}"), (f"ghcr.io/todo-app/web:v0@{digest}", IMAGE)):
        run = image_digests(GONE, timeout=0.1)
        assert image(run.resolve([[spec()]], *deployed(there))) == expected
        assert len(run.warnings) == 1
        assert "ghcr.io is unreachable" in run.warnings[0]
        assert run.warnings[0].endswith("Kept at the deployed digest: web." if "@" in expected else "By tag: web.")


def test_an_image_that_is_not_there_ends_the_run_unless_it_is_deployed(registry: FakeRegistry) -> None:
    options = {"host": "ghcr.io", "endpoint": registry.url}
    run = image_digests(options)
    run.resolve([[spec(), spec("api")]], empty(), nothing)
    failure = not_found(run.missing).failure
    assert failure.code is Code.IMAGE_NOT_FOUND
    assert failure.details["images"] == {"web": IMAGE, "api": IMAGE}
    assert run.absent([IMAGE, "quay.io/not/asked:v1", f"{IMAGE}@sha256:{'1' * 64}", "no image"]) == [IMAGE]
    there = f"{IMAGE}@sha256:{'1' * 64}"
    run = image_digests(options)
    assert image(run.resolve([[spec()]], *deployed(there))) == there
    assert "There is no image" in run.warnings[0]


def test_platforms_are_told_of_images_whose_registry_can_be_asked(registry: FakeRegistry) -> None:
    digest = registry.push("todo-app/web", "v1")
    run = image_digests({"host": "ghcr.io", "endpoint": registry.url})
    there, gone = f"{IMAGE}@{digest}", f"{IMAGE}-gone"
    found = run.platforms([IMAGE, there, gone, "quay.io/not/asked:v1", "no image"])
    assert found == {IMAGE: ("linux/amd64",), there: ("linux/amd64",)}


def test_users_of_images_whose_registry_can_be_asked(registry: FakeRegistry) -> None:
    registry.push_config("todo-app/web", "v1", b'{"config": {"User": "node"}}')
    registry.push("todo-app/web", "v2")
    run = image_digests({"host": "ghcr.io", "endpoint": registry.url})
    root = "ghcr.io/todo-app/web:v2"
    assert run.users([IMAGE, root, f"{IMAGE}-gone", "quay.io/not/asked:v1", "no image"]) == {IMAGE: "node", root: ""}


def test_a_registry_that_did_not_answer_is_not_asked_for_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    run = image_digests({"host": "ghcr.io", "endpoint": "http://127.0.0.1:9"})
    run.timeout = 0.1
    run.resolve([[spec()]], empty(), nothing)
    monkeypatch.setattr(run, "client", None)
    assert run.platforms([IMAGE]) == {}


def test_the_pull_secret_of_the_namespace_signs_in(registry: FakeRegistry) -> None:
    registry.auth, registry.users = "token", {"todo": "hidden"}
    digest = registry.push("todo-app/web", "v1")
    options = {"host": "ghcr.io", "endpoint": registry.url, "pull_secret": "registry"}
    kube = FakeKube()
    run = image_digests(options, kube=kube)
    assert image(run.resolve([[spec()]], empty(), nothing)) == IMAGE, "without the Secret nobody may read it"
    assert "does not let an anonymous client" in run.warnings[0]
    auths = {"auths": {"ghcr.io": {"username": "todo", "password": "hidden"}}}
    data = {".dockerconfigjson": base64.b64encode(json.dumps(auths).encode()).decode()}
    kube.put(SECRET, "ns", {"metadata": {"name": "registry"}, "data": data})
    assert image(image_digests(options, kube=kube).resolve([[spec()]], empty(), nothing)) == f"{IMAGE}@{digest}"


@pytest.mark.parametrize(
    ("value", "reference"),
    [
        ("ghcr.io/a/b:v1", "ghcr.io/a/b:v1"),
        ({"repository": "ghcr.io/a/b", "tag": "v1", "digest": ""}, "ghcr.io/a/b:v1"),
        ({"registry": "ghcr.io", "repository": "a/b", "tag": "v1", "digest": None}, "ghcr.io/a/b:v1"),
        ({"repository": "ghcr.io/a/b", "tag": "v1"}, None),
        ("not an image", None),
        (None, None),
    ],
)
def test_where_the_image_stands_in_the_values(value: Any, reference: str | None) -> None:
    found = image_of({"image": value})
    assert (str(found) if found else None) == reference
    if found:
        digest = "sha256:" + "2" * 64
        assert str(image_of(with_digest({"image": value}, digest))) == f"{reference}@{digest}"


@pytest.mark.parametrize(
    ("was", "now", "change"),
    [
        ("r.io/a:v1@sha256:1111111111112", "r.io/a:v2@sha256:2", "image r.io/a:v1 -> r.io/a:v2"),
        ("r.io/a:v1@sha256:1", "r.io/a:v1@sha256:222222222222333", "image r.io/a:v1 now points to sha256:222222222222"),
        ("r.io/a:v1", "r.io/a:v1@sha256:2222222222223", "image r.io/a:v1 is deployed by digest sha256:222222222222"),
        ("r.io/a:v1@sha256:2", "r.io/a:v1", "image r.io/a:v1 is deployed by tag, not by the digest sha256:2"),
    ],
)
def test_a_moved_tag_is_reported(was: str, now: str, change: str) -> None:
    snapshot, read = deployed(was)
    history = snapshot.history("web")
    assert change in changes_of(spec(image=now), history, snapshot, read("web", 1), manual=False)


ONE, OTHER = (f"sha256:{number * 64}" for number in "12")


def parts(tag: str, digest: str) -> dict[str, str]:
    return {"repository": "ghcr.io/todo-app/web", "tag": tag, "digest": digest}


@pytest.mark.parametrize("image", [lambda tag, digest: f"ghcr.io/todo-app/web:{tag}@{digest}", parts])
def test_a_new_tag_of_the_image_that_is_deployed_changes_nothing(image: Any) -> None:
    snapshot, read = deployed(image("v1", ONE))
    was = spec(image=image("v1", ONE))
    kept = as_deployed(spec(image=image("v2", ONE)), snapshot, read)
    assert (kept.values, kept.inputs, kept.tag) == (was.values, was.inputs, "v2")
    scaled = as_deployed(spec(image=image("v2", ONE), replicas=2), snapshot, read)
    assert (scaled.values, scaled.tag) == ({**was.values, "replicas": 2}, "v2"), "pods don't restart for that either"
    assert as_deployed(was, snapshot, read) == was
    for other in (image("v2", OTHER), f"ghcr.io/todo-app/other:v2@{ONE}", f"ghcr.io/todo-app/web@{ONE}", IMAGE):
        assert as_deployed(spec(image=other), snapshot, read) == spec(image=other)
    assert as_deployed(was, empty(), nothing) == was


def test_the_tag_that_was_asked_for_last_is_known_while_the_registry_is_down() -> None:
    history = deployed(IMAGE)[0].history("web")
    verified = replace(
        MEMBER, name="web", revision=1, uid=history[-1].uid, values={"image": f"{IMAGE}@{ONE}"}, tag="v2"
    )
    snapshot = Snapshot({"web": history}, {}, [], replace(RECORD, members={"web": verified}))
    for tag, found in (("v1", f"v1@{ONE}"), ("v2", f"v2@{ONE}"), ("v3", "v3")):
        waves = [[spec(image=f"ghcr.io/todo-app/web:{tag}")]]
        assert image(image_digests(GONE, timeout=0.1).resolve(waves, snapshot, nothing)).endswith(f":{found}")


def running(digest: str, image: str = IMAGE, place: str = "Deployment/web/app") -> Snapshot:
    """A verified set whose pods run this image."""
    member = replace(MEMBER, name="web", images={place: {"image": image, "digest": digest}})
    return replace(empty(), newest=replace(RECORD, members={"web": member}))


def by_parts() -> list[list[ReleaseSpec]]:
    """A chart whose values have no place for a digest."""
    return [[spec(image={"repository": "ghcr.io/todo-app/web", "tag": "v1"})]]


def test_a_moved_tag_of_a_chart_without_a_digest_is_seen(registry: FakeRegistry) -> None:
    was, now = registry.push("todo-app/web", "v1", text="old"), registry.push("todo-app/web", "v1", text="new")
    digests = image_digests({"host": "ghcr.io", "endpoint": registry.url})
    digests.resolve(by_parts(), running(was), nothing)
    (warning,) = digests.warnings
    assert f"web: {IMAGE} now points to {now[:19]}, its pods run {was[:19]}" in warning
    digests.resolve(by_parts(), running(now), nothing)
    assert digests.warnings == []


def test_a_moved_tag_of_a_container_beside_it_is_seen(registry: FakeRegistry) -> None:
    registry.push("todo-app/web", "v1")
    was = registry.push("todo-app/proxy", "v1", text="old")
    now = registry.push("todo-app/proxy", "v1", text="new")
    beside = "ghcr.io/todo-app/proxy:v1"
    waves = [[spec(containers=[{"name": "proxy", "image": beside}])]]
    digests = image_digests({"host": "ghcr.io", "endpoint": registry.url})
    digests.resolve(waves, running(was, beside, "Deployment/web/proxy"), nothing)
    (warning,) = digests.warnings
    assert f"web: {beside} now points to {now[:19]}, its pods run {was[:19]}" in warning
    assert "name this one by digest" in warning


def test_the_main_image_that_is_resolved_now_is_not_told_of(registry: FakeRegistry) -> None:
    registry.push("todo-app/web", "v1", text="new")
    digests = image_digests({"host": "ghcr.io", "endpoint": registry.url})
    digests.resolve([[spec()]], running("sha256:1"), nothing)
    assert digests.warnings == []


@pytest.mark.parametrize(
    "snapshot",
    [empty(), running(""), running("sha256:1", f"{IMAGE}@sha256:{'1' * 64}"), running("sha256:1", "no reference!"),
     running("sha256:1", place="Deployment/web/daprd")],
)  # fmt: skip
def test_what_runs_by_digest_or_cannot_be_told_is_not_asked_for(registry: FakeRegistry, snapshot: Snapshot) -> None:
    digests = image_digests({"host": "ghcr.io", "endpoint": registry.url})
    digests.resolve(by_parts(), snapshot, nothing)
    assert (digests.warnings, registry.requests) == ([], [])


def test_a_registry_that_may_not_be_asked_about_it_is_not_told_of() -> None:
    for registries in ((), (GONE,)):
        digests = image_digests(*registries)
        digests.resolve(by_parts(), running("sha256:1"), nothing)
        assert digests.warnings == []


def test_a_plan_names_the_images_that_are_and_that_will_be() -> None:
    world = World()
    world.apply({"components": {"component": "pubsub"}, "api": {"image": "r.example/t/api:v1"}})
    wanted = {
        "components": {"component": "pubsub"},
        "api": {"image": "r.example/t/api:v2"},
        "new": {"image": "r.example/t/new:v1"},
    }
    rows = {row["name"]: row for row in world.apply(wanted, check=True).as_result()["plan"]}
    assert (rows["api"]["image_before"], rows["api"]["image"]) == ("r.example/t/api:v1", "r.example/t/api:v2")
    assert "image_before" not in rows["new"]
    assert not {"image", "image_before"} & rows["components"].keys()


def test_a_password_for_all_registries_goes_to_none_of_them(registry: FakeRegistry) -> None:
    """Whoever names an image would name who gets it."""
    image = Reference.parse("evil.example/x:v1")
    entry = {"host": "*", "username": "u", "password": "p"}
    with pytest.raises(TodoCloudError, match=r"would go to evil\.example") as caught:
        image_digests(entry).client(image)
    assert (caught.value.failure.code, "password" in caught.value.failure.message) == (Code.INVALID_INPUT, True)
    assert image_digests({**entry, "endpoint": registry.url}).client(image)
    assert image_digests({"host": "*", "pull_secret": "all"}).client(image)
    assert image_digests({**entry, "host": "evil.example"}).client(image)
