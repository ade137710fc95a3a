"""Reads what ``docker save`` writes, so that an image made elsewhere can be pushed to the local registry."""

from __future__ import annotations

import json
import tarfile
import tempfile
from pathlib import Path

from tests.cluster.build.oci import Reference
from tests.cluster.build.registry import serving
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


def _reference(tag: str) -> Reference:
    """A complete reference; as in Docker, a name without a host is Docker Hub's."""
    first, _, rest = tag.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost"):
        return Reference(first, *_split(rest))
    return Reference("docker.io", *_split(tag if rest else f"library/{tag}"))


def _split(text: str) -> tuple[str, str]:
    repository, _, tag = text.rpartition(":")
    return repository, tag
