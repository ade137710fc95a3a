from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from tests.cluster.build import archive
from tests.cluster.build.images import Image
from tests.cluster.build.layers import Layer
from tests.cluster.build.oci import Entry, write_layer


@pytest.fixture
def layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layer:
    monkeypatch.setattr(archive, "IMAGES", tmp_path)
    monkeypatch.setattr("tests.cluster.build.layers.IMAGES", tmp_path)
    monkeypatch.setattr(archive, "known_blobs", dict)
    return Layer("key", lambda target: write_layer([Entry("a", data=b"text")], target))


def test_an_archive_names_its_images_and_holds_a_shared_layer_once(tmp_path: Path, layer: Layer) -> None:
    images = [Image(f"ghcr.io/acme/{name}:v1", (layer,), {"User": name}) for name in ("one", "two")]
    archive.write_archive(images, tmp_path / "images.tar")

    with tarfile.open(tmp_path / "images.tar") as tar:
        found = {member.name: tar.extractfile(member) for member in tar}
        content = {name: file.read() for name, file in found.items() if file}
    manifest = json.loads(content["manifest.json"])
    assert [entry["RepoTags"] for entry in manifest] == [["ghcr.io/acme/one:v1"], ["ghcr.io/acme/two:v1"]]
    assert manifest[0]["Layers"] == manifest[1]["Layers"]
    (name,) = manifest[0]["Layers"]
    assert name == hashlib.sha256(content[name]).hexdigest() + ".tar"
    for entry in manifest:
        assert entry["Config"] == hashlib.sha256(content[entry["Config"]]).hexdigest() + ".json"
        assert json.loads(content[entry["Config"]])["rootfs"]["diff_ids"] == [f"sha256:{name.removesuffix('.tar')}"]
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tar"] == ["images.tar"]
    names = list(found)
    assert names.index("repositories") < names.index("manifest.json"), "kind reads the first, all of it"
    assert set(json.loads(content["repositories"])) == {"ghcr.io/acme/one", "ghcr.io/acme/two"}
