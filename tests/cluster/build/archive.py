"""Archives as ``docker save`` writes them: read to push images made elsewhere, written where no registry is asked."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.cluster.build.images import Image
from tests.cluster.build.layers import Layer, known_blobs, written
from tests.cluster.build.oci import Blob, Reference, config_document, digest_of
from tests.cluster.build.registry import blob_file, serving
from tests.cluster.errors import ClusterError
from tests.cluster.locks import locked
from tests.cluster.paths import IMAGES


def push_archive(path: Path) -> list[str]:
    """Push all tagged images of a docker archive under their own names; returns these.

    Raises:
        ClusterError: the file is not a docker archive, or an image in it has no complete name.
    """
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        locked(IMAGES / ".lock", "building images"),
        tempfile.TemporaryDirectory(dir=IMAGES) as name,
        serving() as registry,
    ):
        folder = Path(name)
        try:
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")
            images = json.loads((folder / "manifest.json").read_text())
        except (OSError, KeyError, ValueError, tarfile.TarError) as error:
            raise ClusterError(f"{path} is not an archive of `docker save`: {error}") from error
        pushed = []
        for image in images:
            config = json.loads((folder / image["Config"]).read_text())["config"]
            for tag in image["RepoTags"] or []:
                reference = _reference(tag)
                blobs = [registry.push_file(reference.repository, folder / layer) for layer in image["Layers"]]
                registry.push_image(reference, config, blobs)
                pushed.append(tag)
    if not pushed:
        raise ClusterError(f"{path} holds no image with a tag: save it by name, `docker save NAME:TAG`.")
    return pushed


def write_archive(images: Iterable[Image], target: Path) -> None:
    """Write images into one archive; layers come from the local registry's storage, or are built for it and removed.

    Format: https://github.com/moby/docker-image-spec/blob/main/v1.2.md
    """
    IMAGES.mkdir(parents=True, exist_ok=True)
    with locked(IMAGES / ".lock", "building images"), tarfile.open(target, "w") as archive:
        manifest, there, stored = [], set(), known_blobs()
        before = set(IMAGES.iterdir())
        names_by_repository: dict[str, dict[str, str]] = {}  # all that kind reads of an archive
        for image in images:
            layers = [_layer_file(layer, stored) for layer in image.layers]
            blobs = [Blob(digest_of(file), file.stat().st_size) for file in layers]
            names = [f"{blob.digest.removeprefix('sha256:')}.tar" for blob in blobs]
            for name, file in zip(names, layers, strict=True):
                if name not in there:
                    archive.add(file, name)
                    there.add(name)
            config = config_document(image.config, blobs)
            config_name = f"{hashlib.sha256(config).hexdigest()}.json"
            _add(archive, config_name, config)
            repository, _, tag = image.reference.rpartition(":")
            names_by_repository.setdefault(repository, {})[tag] = config_name.removesuffix(".json")
            manifest.append({"Config": config_name, "RepoTags": [image.reference], "Layers": names})
        _add(archive, "repositories", json.dumps(names_by_repository).encode())
        _add(archive, "manifest.json", json.dumps(manifest).encode())
        for file in {*IMAGES.glob("*.tar")} - {*before, target}:
            file.unlink()


def _layer_file(layer: Layer, stored: dict[str, Blob]) -> Path:
    if layer.key in stored and (file := blob_file(stored[layer.key].digest)).exists():
        return file
    return written(layer)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _reference(tag: str) -> Reference:
    """A complete reference; as in Docker, a name without a host is Docker Hub's."""
    first, _, rest = tag.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost"):
        return Reference(first, *_split(rest))
    return Reference("docker.io", *_split(tag if rest else f"library/{tag}"))


def _split(text: str) -> tuple[str, str]:
    repository, _, tag = text.rpartition(":")
    return repository, tag
