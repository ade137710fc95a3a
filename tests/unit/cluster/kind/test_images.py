from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cluster import state
from tests.cluster.kind import images
from tests.cluster.kind.images import Source
from tests.cluster.kind.program import Program
from tests.cluster.state import Cluster


def test_an_image_is_built_under_its_real_name() -> None:
    argv = images.build_arguments("backend-api", "v1.1.0", "crash")

    assert argv[:2] == ["build", "--quiet"]
    assert argv[2:-1] == [
        "--build-arg",
        "SERVICE=backend-api",
        "--build-arg",
        "VERSION=v1.1.0-crash",
        "--build-arg",
        "FAULT=crash",
        "--tag",
        "ghcr.io/todo-app/backend-api:v1.1.0-crash",
    ]
    assert argv[-1].endswith("examples/todo-app")


def test_all_services_in_both_versions_and_the_broken_ones() -> None:
    names = [images.reference(*image) for image in images.app_images()]

    assert len(names) == len(set(names)) == 17
    assert "ghcr.io/todo-app/sse-gateway:v1.1.0" in names


def test_an_image_is_loaded_once_per_content_and_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "CLUSTERS", tmp_path)
    cluster = Cluster("one", "kind", -1, "", "", "", "", "")
    cluster.folder.mkdir()
    keys = {"a": "1", "b": "1"}
    loaded: list[list[str]] = []

    def write(references: list[str], target: Path) -> None:
        target.write_text(json.dumps(references))

    source = Source(keys, write)
    monkeypatch.setattr(images, "_engine_source", lambda program: source)
    monkeypatch.setattr(
        images, "load_archive", lambda name, program, archive: loaded.append(json.loads(archive.read_text()))
    )

    for node in ("first", "first"):
        images.load(cluster, Program("docker"), node)
    assert loaded == [["a", "b"]]
    keys["b"] = "2"
    images.load(cluster, Program("docker"), "first")
    assert loaded == [["a", "b"], ["b"]]
    images.load(cluster, Program("docker"), "second")
    assert loaded == [["a", "b"], ["b"], ["a", "b"]]
    assert [path.name for path in cluster.folder.iterdir()] == ["images.json"]


def test_published_images_are_pulled_by_digest_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, ...]] = []
    there: list[bool] = [False]
    monkeypatch.setattr(Program, "run", lambda self, *words: calls.append(words))
    monkeypatch.setattr(Program, "there", lambda self, *words: there[0])

    images.build(Program("docker"))
    ((name, digest),) = images.PUBLISHED.items()
    pinned = f"{name.rpartition(':')[0]}@{digest}"
    assert [words for words in calls if words[0] != "build"] == [("pull", "--quiet", pinned), ("tag", pinned, name)]
    there[0] = True
    calls.clear()
    images.build(Program("docker"))
    assert [words for words in calls if words[0] != "build"] == [("tag", pinned, name)]


@pytest.mark.parametrize(("there", "built"), [(True, 0), (False, 1)])
def test_images_that_were_not_built_before_are_built(monkeypatch: pytest.MonkeyPatch, there: bool, built: int) -> None:
    builds: list[Program] = []
    monkeypatch.setattr(Program, "there", lambda self, *words: there)
    monkeypatch.setattr(images, "build", lambda program, https: builds.append(program))

    images.ensure(Program("docker"))
    assert len(builds) == built
