"""A verified set becomes a bundle: a file with the images, or an artefact in a registry."""

from __future__ import annotations

import json
import os
import tarfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digest import chart_archive
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.helm.process import Completed
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET
from ansible_collections.todo.cloud.plugins.module_utils.releases import bundle_build as module

from tests.support.fake_registry import digest_of
from tests.unit.plugins.module_utils.bundle.samples import CHART, COMMIT, KEY, LAYER, NAME, SPDX, Far


def code(run: Any, **params: Any) -> Code:
    with pytest.raises(TodoCloudError) as caught:
        run(**params)
    return caught.value.failure.code


def test_a_file_holds_everything(world: Far) -> None:
    found = world.build()
    assert (found["set"]["commit"], found["missing"], found["signed"]) == (COMMIT, {}, False)
    assert found["images"] == [{"image": f"ghcr.io/{NAME}@{world.digest}", "releases": ["api"]}]
    with tarfile.open(world.file) as tar:
        names = set(tar.getnames())
        index = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type]  # it is there
        manifest = json.load(tar.extractfile("blobs/" + found["digest"].replace(":", "/")))  # type: ignore[arg-type]
    assert f"blobs/{digest_of(LAYER).replace(':', '/')}" in names
    assert len(index["manifests"]) == 4, "the bundle, its image, and two signatures"
    titles = [each["annotations"]["org.opencontainers.image.title"] for each in manifest["layers"]]
    assert [title.partition("-")[0] for title in titles] == [
        "release",
        "charts/sleeper",
        "values.json",
        "sbom/todo_api",
    ]
    assert digest_of(SPDX) in [each["digest"] for each in manifest["layers"]]
    assert not list(world.folder.glob(".bundle*"))


def test_the_same_set_is_the_same_file_and_is_not_written_twice(world: Far) -> None:
    first = world.build()
    written, requests = world.file.read_bytes(), world.file.stat().st_mtime_ns
    again = world.build()
    assert (again["changed"], again["digest"], world.file.stat().st_mtime_ns) == (False, first["digest"], requests)
    world.file.write_bytes(written[:-5000])
    assert world.build()["changed"]
    assert world.file.read_bytes() == written


def test_check_mode_writes_nothing(world: Far) -> None:
    found = world.build(check=True)
    assert (found["changed"], world.file.exists()) == (True, False)
    assert world.digest in found["diff"]["after"]
    place = "oci://ghcr.io/todo/bundle:v1"
    assert world.build(check=True, bundle=place)["changed"]
    assert "todo/bundle" not in world.near.repositories


def test_a_tag_is_never_moved(world: Far) -> None:
    place = "oci://ghcr.io/todo/bundle:v1"
    first = world.build(bundle=place)
    assert world.near.repositories["todo/bundle"].tags == {"v1": first["digest"]}
    assert not world.build(bundle=place)["changed"]
    world.record(world.member(values={**world.member().values, "text": "new"}), number=2)
    assert code(world.build, bundle=place) is Code.IMAGE_TAG_TAKEN
    assert code(world.build, bundle="oci://ghcr.io/todo/bundle") is Code.INVALID_INPUT
    assert code(world.build, bundle="oci://") is Code.INVALID_INPUT


def test_who_may_push_pushes(world: Far) -> None:
    place = "oci://registry.acme.example/bundle:v1"
    world.build(bundle=place, push_registries=[{"host": "registry.acme.example", "endpoint": world.far.url}])
    assert set(world.far.repositories["bundle"].tags) == {"v1"}


def test_a_canary_of_a_secret_is_not_bundled(world: Far) -> None:
    canary = "c4nary-Of-A-Secret-9"
    data = {"password": "YzRuYXJ5LU9mLUEtU2VjcmV0LTk=", "user": "bmVhcg=="}
    world.kube.put(SECRET, "near", {"metadata": {"name": "database"}, "type": "Opaque", "data": data})
    assert world.build()["changed"]
    assert canary.encode() not in world.file.read_bytes()
    world.record(world.member(values={**world.member().values, "text": f"x{canary}"}), number=2)
    with pytest.raises(TodoCloudError, match="Secret database") as caught:
        world.build()
    assert (caught.value.failure.code, canary in str(caught.value)) == (Code.BUNDLE_REFUSED, False)


def test_secret_values_are_recorded_elsewhere_and_stay_there(world: Far) -> None:
    canary = "c4nary-Of-A-Secret-9"
    values = {**world.member().values, "auth": {"password": canary}}
    world.record(world.member(values=values, secret_values=(("auth", "password"),)), number=2)
    assert world.build()["set"]["id"] == 2
    assert canary.encode() not in world.file.read_bytes()


def test_a_set_of_a_commit(world: Far) -> None:
    world.record(number=2, commit="2222222222")
    assert world.build(commit=COMMIT[:7])["set"]["id"] == 1
    assert code(world.build, commit="3333333") is Code.PROMOTION_REFUSED


def test_a_chart_that_is_elsewhere_is_pulled(world: Far) -> None:
    asked: list[Sequence[str]] = []

    def run(argv: Sequence[str], **_more: Any) -> Completed:
        asked.append(argv)
        (Path(argv[argv.index("--destination") + 1]) / "redis-1.2.3.tgz").write_bytes(chart_archive(CHART))
        return Completed(0, "", "")

    chart = "oci://ghcr.io/acme/charts/redis"
    member = world.member(chart=chart, chart_version="1.2.3", chart_digest="r" * 40, local=False)
    world.record(member, number=2)
    world.build(helm=HelmCli(dict, run=run))
    assert [argv[1:3] for argv in asked] == [["pull", chart]]
    assert asked[0][-2:] == ["--version", "1.2.3"]
    (release,) = world.open(waves=[[world.raw(chart=chart, chart_version="1.2.3")]])["waves"][0]
    assert (release["chart"].endswith(".tgz"), "chart_version" in release) == (True, False)


def test_a_set_that_lacks_what_is_needed(world: Far) -> None:
    world.record(number=2, charts={})
    assert code(world.build) is Code.BUNDLE_REFUSED
    images = {**world.member().images, "Deployment/api/cache": {"image": "redis:8", "digest": ""}}
    world.record(world.member(images=images), number=3)
    assert code(world.build) is Code.BUNDLE_REFUSED
    world.record(number=4)
    assert code(world.build, registries=[]) is Code.INVALID_INPUT
    world.near.repositories[NAME].manifests.pop(world.digest)
    assert code(world.build) is Code.IMAGE_NOT_FOUND
    assert not world.file.exists()


def test_a_registry_that_is_lost_halfway_leaves_no_file(world: Far) -> None:
    world.near.repositories[NAME].blobs.pop(digest_of(LAYER))
    assert code(world.build) is Code.IMAGE_NOT_FOUND
    assert list(world.folder.iterdir()) == []
    assert code(world.build, bundle=str(world.folder / "no" / "b.tar")) is Code.INVALID_INPUT


def test_it_is_signed_by_the_key_of_the_release_sets(world: Far) -> None:
    assert code(world.build, record_key=KEY) is Code.PROMOTION_REFUSED, "its set is not signed"
    world.kube.objects.clear()
    world.record(key=KEY)
    found = world.build(record_key=KEY)
    assert (found["signed"], found["warnings"]) == (True, [])


def test_what_a_file_cannot_replace_is_refused_before_anything_is_read_to_it(world: Far) -> None:
    folder, pipe = world.folder / "folder", world.folder / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    for place in (folder, pipe, world.folder / "no" / "b.tar"):
        for check in (True, False):
            assert code(world.build, bundle=str(place), check=check) is Code.INVALID_INPUT, (place, check)
    assert set(world.folder.iterdir()) == {folder, pipe}


def test_each_manifest_is_asked_for_once(world: Far) -> None:
    world.near.requests.clear()
    world.build()
    asked = Counter(path for method, path, _auth in world.near.requests if method == "GET" and "/manifests/" in path)
    assert asked.most_common(1)[0][1] == 1, asked


def test_a_list_of_parts_that_is_too_large_is_left_out(world: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", len(SPDX) - 1)
    world.near.requests.clear()
    found = world.build(bundle="oci://ghcr.io/todo/bundle:v1")
    assert "is not among the bundle's lists" in " ".join(found["warnings"])
    assert not any(method == "GET" and digest_of(SPDX) in path for method, path, _auth in world.near.requests)


def test_a_chart_that_cannot_be_looked_through_is_refused(world: Far) -> None:
    def run(argv: Sequence[str], **_more: Any) -> Completed:
        place = Path(argv[argv.index("--destination") + 1]) / "redis-1.2.3.tgz"
        place.write_bytes(chart_archive(CHART)[:-20])
        return Completed(0, "", "")

    secret = {"metadata": {"name": "s"}, "type": "Opaque", "data": {"password": "YzRuYXJ5LU9mLUEtU2VjcmV0LTk="}}
    world.kube.put(SECRET, "near", secret)
    member = world.member(chart="oci://ghcr.io/redis", chart_version="1.2.3", chart_digest="r" * 40, local=False)
    world.record(member, number=2)
    with pytest.raises(TodoCloudError, match="gzip") as caught:
        world.build(helm=HelmCli(dict, run=run))
    assert caught.value.failure.code is Code.BUNDLE_REFUSED


def test_what_the_registry_spoils_is_no_damaged_bundle(world: Far) -> None:
    """Whoever makes it cannot get it once more."""
    world.near.repositories[NAME].blobs[digest_of(LAYER)] = LAYER[:-1] + b"!"
    with pytest.raises(TodoCloudError) as caught:
        world.build()
    assert caught.value.failure.code is Code.BUNDLE_REFUSED
    assert caught.value.failure.message == (
        f"The bundle cannot be made: the registry sends something else than {digest_of(LAYER)}. Nothing was changed."
    )
    assert list(world.folder.iterdir()) == []
