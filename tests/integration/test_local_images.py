# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The local cluster's images in the real registry: what is there already stays, what is not ours is pushed again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.build import images, layers, registry
from tests.cluster.build.images import Image
from tests.cluster.build.layers import Layer, files_layer
from tests.cluster.build.oci import Entry, Reference, write_layer

NAME = "ghcr.io/acme/app:v1"


def image(content: bytes) -> Image:
    return Image(NAME, (files_layer([Entry("app", data=content)]),), {"User": "1"})


@pytest.fixture(autouse=True)
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of this test's own."""
    for module in (images, layers, registry):
        monkeypatch.setattr(module, "REGISTRY", tmp_path / "registry")
    for module in (images, layers):
        monkeypatch.setattr(module, "IMAGES", tmp_path / "images")
    return tmp_path / "registry"


def push_another(reference: Reference) -> None:
    with registry.serving() as served:
        served.push_image(reference, {"User": "2"}, [])


def remove(reference: Reference) -> None:
    with registry.serving() as served:
        assert served._http.delete(f"/v2/{reference.repository}/manifests/{reference.tag}").status_code == 202


def test_an_image_is_pushed_once() -> None:
    assert images.build([image(b"one")]) == [NAME]
    assert images.build([image(b"one")]) == []
    assert images.build([image(b"two")]) == [NAME]


@pytest.mark.parametrize("happens", [push_another, remove])
def test_a_tag_that_is_not_what_was_built_is_pushed_again(happens: Callable[[Reference], None]) -> None:
    reference = Reference.parse(NAME)
    images.build([image(b"one")])
    ours = registry.pushed_digest(reference)
    happens(reference)
    assert registry.pushed_digest(reference) != ours

    assert images.build([image(b"one")]) == [NAME]
    assert registry.pushed_digest(reference) == ours


def test_a_note_of_an_earlier_version_is_not_believed(storage: Path) -> None:
    storage.mkdir()
    (storage / "images.json").write_text(f'{{"{NAME}": "{image(b"one").key}"}}')

    assert images.build([image(b"one")]) == [NAME]


def test_a_layer_that_was_written_ahead_is_not_written_again(storage: Path) -> None:
    times: list[Path] = []

    def write(target: Path) -> None:
        times.append(target)
        write_layer([Entry("app", data=b"one")], target)

    layer = Layer("a-key", write)
    images.IMAGES.mkdir()
    layers.written(layer)

    assert images.build([Image(NAME, (layer,))]) == [NAME]

    assert len(times) == 1
    assert "a-key" in layers.known_blobs()
    assert list(images.IMAGES.glob("*.tar")) == []
