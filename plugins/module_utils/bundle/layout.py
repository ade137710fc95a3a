# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An OCI image layout in one tar file: written in one pass, read without being unpacked.

A file is somebody else's: it may hold nothing but plain files under the names that a layout has, nothing is written
anywhere, and each content has the digest that it is called by, or the file is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..failure import TodoCloudError
from ..parsing import Malformed, load_json, quoted
from ..registry.image import text
from .contents import ARTIFACT, damaged, digest_of, refused

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
NAMED = "org.opencontainers.image.ref.name"
_BLOCK = 512
_CHUNK = 1 << 20
_MOST_FILES = 20_000
_LARGEST_JSON = 4 << 20
_FOLDERS = ("blobs", "blobs/sha256")
_NAME = re.compile(r"oci-layout|index\.json|blobs/sha256/[0-9a-f]{64}")
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)

Read = Callable[[int, int], bytes]  # bytes by start and length


@dataclass(frozen=True)
class Blob:
    """A content that is written: ``read`` gives it part by part."""

    digest: str
    size: int
    read: Read


def write(file: IO[bytes], index: Mapping[str, Any], blobs: Iterable[Blob], told: Callable[[Blob], None]) -> None:
    """Equal contents give equal bytes. ``told`` is called before each blob. Raises bundle_damaged for content that does
    not have its digest, and what ``read`` raises.
    """
    _add(file, "oci-layout", LAYOUT)
    _add(file, "index.json", json.dumps(index, sort_keys=True, separators=(",", ":")).encode())
    for blob in sorted(blobs, key=lambda each: each.digest):
        told(blob)
        file.write(_header(f"blobs/{blob.digest.replace(':', '/')}", blob.size))
        total = hashlib.sha256()
        for start in range(0, blob.size, _CHUNK * 4):
            content = blob.read(start, min(_CHUNK * 4, blob.size - start))
            total.update(content)
            file.write(content)
        if "sha256:" + total.hexdigest() != blob.digest:
            raise damaged(f"the registry sends something else than {blob.digest}")
        file.write(b"\0" * (-blob.size % _BLOCK))
    file.write(b"\0" * 2 * _BLOCK)


def _add(file: IO[bytes], name: str, content: bytes) -> None:
    file.write(_header(name, len(content)) + content + b"\0" * (-len(content) % _BLOCK))


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.GNU_FORMAT)


class Layout:
    """The layout that a file holds. Raises bundle_damaged, bundle_refused; OSError."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 closed by close()
        try:
            self._places = dict(_members(self._file, path.stat().st_size))
            if self._small("oci-layout").get("imageLayoutVersion") != "1.0.0":
                raise refused("its file is no OCI image layout of version 1.0.0")
            self.bundle = self._bundle(self._small("index.json"))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Layout:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    def size(self, digest: str) -> int:
        """Raises bundle_damaged for a content that is not there."""
        return self._place(digest)[1]

    def read(self, digest: str, start: int, length: int) -> bytes:
        """Some bytes of a content. Raises bundle_damaged."""
        at, size = self._place(digest)
        try:
            self._file.seek(at + start)
            found = self._file.read(max(0, min(length, size - start)))
        except OSError as exc:
            raise damaged(f"its file cannot be read: {exc.strerror}") from exc
        if len(found) != length:
            raise damaged(f"{digest} ends too early")
        return found

    def verify(self) -> None:
        """Reads everything once: each content has its digest. Raises bundle_damaged."""
        for name in self._places:
            if name.startswith("blobs/"):
                digest = name.removeprefix("blobs/").replace("/", ":")
                total, size = hashlib.sha256(), self.size(digest)
                for start in range(0, size, _CHUNK):
                    total.update(self.read(digest, start, min(_CHUNK, size - start)))
                if "sha256:" + total.hexdigest() != digest:
                    raise damaged(f"the content {digest} does not have its digest")

    def _place(self, digest: str) -> tuple[int, int]:
        place = self._places.get(f"blobs/{digest.replace(':', '/', 1)}")
        if place is None:
            raise damaged(f"{digest} is missing")
        return place

    def _small(self, name: str) -> Mapping[str, Any]:
        at, size = self._places.get(name, (0, 0))
        if name not in self._places or size > _LARGEST_JSON:
            raise refused(f"its file is no OCI image layout: {name} is missing or too large")
        self._file.seek(at)
        try:
            found = load_json(self._file.read(size))
        except Malformed as exc:
            raise damaged(f"{name} cannot be read: {exc}") from exc
        if not isinstance(found, Mapping):
            raise damaged(f"{name} is no JSON object")
        return found

    @staticmethod
    def _bundle(index: Mapping[str, Any]) -> str:
        """Digest of the only bundle in it."""
        entries = index.get("manifests")
        kinds = [
            (text(each, "artifactType"), text(each, "digest"))
            for each in (entries if isinstance(entries, list) else ())
        ]
        found = [digest for kind, digest in kinds if kind.startswith(ARTIFACT.partition(".v1")[0])]
        if len(found) != 1:
            raise refused(f"its file holds {len(found)} bundles of todo.cloud, not one")
        return found[0]


def _members(file: IO[bytes], total: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Names with place and size. Nothing but plain headers is known here: a layout needs no others."""
    at = 0
    seen: set[str] = set()
    while True:
        header = file.read(_BLOCK)
        if header == b"\0" * _BLOCK:
            return
        try:
            info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
        except (tarfile.TarError, ValueError):
            raise damaged(f"its file is no tar file, or ends after {at} bytes") from None
        at += _BLOCK
        name = info.name.removeprefix("./").rstrip("/")
        if info.type == tarfile.DIRTYPE and name in ("", ".", *_FOLDERS):
            continue
        if info.type not in _FILES or not _NAME.fullmatch(name):
            raise refused(f"its file holds {quoted(info.name)}, which no OCI image layout has")
        if name in seen or len(seen) >= _MOST_FILES:
            raise refused(f"its file holds {quoted(name)} twice, or too many files")
        if info.size < 0 or at + info.size > total:
            raise damaged(f"its file is too short: {total} bytes")
        seen.add(name)
        yield name, (at, info.size)
        at += info.size + -info.size % _BLOCK
        file.seek(at)


def entry(media_type: str, content: bytes, name: str, artifact_type: str = "") -> dict[str, Any]:
    """Of the layout's index, by which other tools find a manifest."""
    described = {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}
    kind = {"artifactType": artifact_type} if artifact_type else {}
    return {**described, **kind, "annotations": {NAMED: name}}


def same_bundle(path: Path, digest: str) -> bool:
    """Whether a file is whole and holds just this bundle."""
    try:
        with Layout(path) as layout:
            if layout.bundle != digest:
                return False
            layout.verify()
            return True
    except (OSError, TodoCloudError):
        return False
