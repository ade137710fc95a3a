"""Container images from plain files, without a daemon: deterministic tar layers, OCI manifests, and a push over HTTP.

Formats: OCI Image Format 1.1 (manifest, config, layer) and OCI Distribution 1.1 (blob upload, cross-repository mount).
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.cluster.errors import ClusterError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # the kernel's names and Go's
_EPOCH = "1970-01-01T00:00:00Z"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One entry of a layer: a file with the content of ``source`` or ``data``, a link to ``link``, or a folder."""

    path: str
    source: Path | None = None
    data: bytes | None = None
    link: str = ""
    mode: int = 0o755


@dataclass(frozen=True)
class Blob:
    """A stored blob: its digest (``sha256:…``), bytes, and a repository of the registry that holds it."""

    digest: str
    size: int
    repository: str = ""


@dataclass(frozen=True)
class Reference:
    """An image reference as pods write it, ``host/repository:tag``."""

    host: str
    repository: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse a complete reference; the host must be given.

        Raises:
            ValueError: host or tag is missing.
        """
        host, _, rest = text.partition("/")
        repository, _, tag = rest.rpartition(":")
        if not repository or not tag or "." not in host:
            raise ValueError(f"{text!r} is not host/repository:tag")
        return cls(host, repository, tag)


def tree(source: Path, target: str, skip: Iterable[str] = ()) -> Iterator[Entry]:
    """All files under a folder as entries under ``target``; names in ``skip`` are left out with all below them."""
    left_out = set(skip)
    for path in sorted(source.iterdir()):
        name = f"{target.rstrip('/')}/{path.name}"
        if path.name in left_out:
            continue
        if path.is_symlink():
            yield Entry(name, link=str(path.readlink()))
        elif path.is_dir():
            yield from tree(path, name, left_out)
        elif path.is_file():
            yield Entry(name, source=path, mode=0o755 if path.stat().st_mode & 0o111 else 0o644)


def write_layer(entries: Iterable[Entry], target: Path) -> None:
    """Write a layer: sorted, owned by root, time 0, parents included, so that equal files give an equal digest."""
    found = {entry.path.strip("/"): entry for entry in entries}
    for path in list(found):
        for parent in list(Path(path).parents)[:-1]:
            found.setdefault(str(parent), Entry(str(parent)))
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for path, entry in sorted(found.items()):
            _add(tar, path, entry)


def _add(tar: tarfile.TarFile, path: str, entry: Entry) -> None:
    info = tarfile.TarInfo(path)
    info.mode = entry.mode
    if entry.link:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
        tar.addfile(info)
    elif entry.source:
        info.size = entry.source.stat().st_size
        with entry.source.open("rb") as content:
            tar.addfile(info, content)
    elif entry.data is not None:
        info.size = len(entry.data)
        tar.addfile(info, io.BytesIO(entry.data))
    else:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)


def digest_of(path: Path) -> str:
    """The sha256 digest of a file."""
    with path.open("rb") as content:
        return "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()


def config_document(config: Mapping[str, Any], layers: Iterable[Blob]) -> bytes:
    """The image configuration; ``config`` is what a container inherits (Entrypoint, Env, User, …)."""
    digests = [layer.digest for layer in layers]
    document = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": _EPOCH,
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": digests},
        "history": [{"created": _EPOCH}] * len(digests),  # buildah builds on no image that lacks it
    }
    return json.dumps(document, sort_keys=True).encode()


def manifest_document(config: bytes, layers: Iterable[Blob]) -> bytes:
    """The manifest that joins a configuration and its layers."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": "sha256:" + hashlib.sha256(config).hexdigest(), "size": len(config)},
        "layers": [{"mediaType": LAYER, "digest": layer.digest, "size": layer.size} for layer in layers],
    }
    return json.dumps(document, sort_keys=True).encode()


class Registry:
    """A registry's HTTP interface, as far as pushing needs it.

    Args:
        url: such as ``http://127.0.0.1:5000``.
    """

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.close()

    def has(self, repository: str, kind: str, name: str) -> bool:
        """Whether a blob (kind ``blobs``, by digest) or an image (kind ``manifests``, by tag) is there."""
        return self._http.head(f"/v2/{repository}/{kind}/{name}", headers={"Accept": MANIFEST}).status_code == 200

    def push_file(self, repository: str, path: Path) -> Blob:
        """Upload a file as a blob unless it is there."""
        blob = Blob(digest_of(path), path.stat().st_size, repository)
        if not self.has(repository, "blobs", blob.digest):
            with path.open("rb") as content:
                self._upload(repository, blob.digest, iter(lambda: content.read(_CHUNK), b""))
        return blob

    def mount(self, repository: str, blob: Blob) -> bool:
        """Make a blob of another repository part of this one; False when the registry no longer has it."""
        if self.has(repository, "blobs", blob.digest):
            return True
        query = {"mount": blob.digest, "from": blob.repository}
        answer = self._http.post(f"/v2/{repository}/blobs/uploads/", params=query)
        if answer.status_code == 202:  # refused: an upload was opened instead
            self._http.delete(answer.headers["Location"])
        return answer.status_code == 201

    def push_image(self, reference: Reference, config: Mapping[str, Any], layers: list[Blob]) -> str:
        """Upload configuration and manifest, and return the manifest's digest; the layers are there already."""
        document = config_document(config, layers)
        digest = "sha256:" + hashlib.sha256(document).hexdigest()
        if not self.has(reference.repository, "blobs", digest):
            self._upload(reference.repository, digest, iter([document]))
        path = f"/v2/{reference.repository}/manifests/{reference.tag}"
        body = manifest_document(document, layers)
        self._expect(self._http.put(path, content=body, headers={"Content-Type": MANIFEST}), 201)
        return "sha256:" + hashlib.sha256(body).hexdigest()

    def _upload(self, repository: str, digest: str, content: Iterator[bytes]) -> None:
        begun = self._expect(self._http.post(f"/v2/{repository}/blobs/uploads/"), 202)
        place = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": digest})
        headers = {"Content-Type": "application/octet-stream"}
        self._expect(self._http.put(place, content=content, headers=headers), 201)

    @staticmethod
    def _expect(answer: httpx.Response, status: int) -> httpx.Response:
        if answer.status_code != status:
            asked = f"{answer.request.method} {answer.request.url.path}"
            raise ClusterError(f"The local registry answers {answer.status_code} to {asked}: {answer.text[:200]}")
        return answer
