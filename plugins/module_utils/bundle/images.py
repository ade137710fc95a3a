# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images with all their platforms and what is attached to them: followed from a digest, and copied to a registry.

The same for both places that they come from, a registry and a layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from ..digest import canonical
from ..parsing import Malformed, load_json
from ..registry.client import PART, RegistryClient
from ..registry.image import INDEXES, MANIFESTS, Manifest, mapping, text
from ..registry.reference import Reference, is_digest, tag_of_referrers
from .contents import Attached, Image, damaged, digest_of
from .layout import Layout

_SUFFIXES = (".sig", ".att", ".sbom")  # tags that cosign 2 gives to what it attaches
_DEEPEST, _MOST = 3, 2000
_LARGEST_MANIFEST = 4 << 20
_SBOM = ("spdx", "cyclonedx")


class Source(Protocol):
    """Where the manifests and contents of one image come from."""

    def manifest(self, digest: str) -> Manifest:
        """Verified."""

    def read(self, digest: str, start: int, length: int) -> bytes:
        """Some bytes of a content."""


@dataclass(frozen=True)
class FromRegistry:
    """A repository of a registry."""

    client: RegistryClient
    repository: Reference

    def manifest(self, digest: str) -> Manifest:
        """Raises as RegistryClient.digest does."""
        return self.client.manifest(replace(self.repository, tag="", digest=digest))

    def read(self, digest: str, start: int, length: int) -> bytes:
        """Raises as RegistryClient.digest does."""
        ends = range(start, start + length, PART)
        parts = [
            self.client.blob_part(self.repository, digest, at, min(PART, start + length - at)) for at in ends
        ]  # fmt: skip
        return b"".join(parts)


@dataclass(frozen=True)
class FromLayout:
    """A file."""

    layout: Layout

    def manifest(self, digest: str) -> Manifest:
        """Raises bundle_damaged."""
        size = self.layout.size(digest)
        if size > _LARGEST_MANIFEST:
            raise damaged(f"the manifest {digest} is too large")
        raw = self.layout.read(digest, 0, size)
        try:
            content = load_json(raw)
        except Malformed as exc:
            raise damaged(f"the manifest {digest} cannot be read: {exc}") from exc
        if not isinstance(content, Mapping) or digest_of(raw) != digest:
            raise damaged(f"{digest} is no manifest of an image")
        kind = text(content, "mediaType") or (INDEXES if "manifests" in content else MANIFESTS)[0]
        both = "manifests" in content and ("layers" in content or "config" in content)  # CVE-2021-41190
        if kind not in INDEXES + MANIFESTS or both:
            raise damaged(f"{digest} is no manifest of an image")
        return Manifest(digest, kind, raw, content)

    def read(self, digest: str, start: int, length: int) -> bytes:
        """Raises bundle_damaged."""
        return self.layout.read(digest, start, length)


@dataclass
class Tree:
    """All manifests below a digest, each after what it needs, and their contents with their sizes."""

    manifests: list[Manifest] = field(default_factory=list)
    blobs: dict[str, int] = field(default_factory=dict)


def tree(source: Source, digest: str) -> Tree:
    """Raises bundle_damaged for what no image is, and what the source raises."""
    found = Tree()
    _follow(source, digest, found, 0)
    return found


def _follow(source: Source, digest: str, found: Tree, depth: int) -> None:
    if any(each.digest == digest for each in found.manifests):
        return
    if depth >= _DEEPEST or len(found.manifests) >= _MOST:
        raise damaged(f"the image {digest} is nested too deeply, or too large")
    manifest = source.manifest(digest)
    for descriptor in _below(manifest):
        named, size = text(descriptor, "digest"), descriptor.get("size")
        if not is_digest(named) or not named.startswith("sha256:") or not isinstance(size, int) or size < 0:
            raise damaged(f"the manifest {digest} names something without a digest or size")
        if manifest.is_index:
            _follow(source, named, found, depth + 1)
        else:
            found.blobs[named] = size
    found.manifests.append(manifest)


def _below(manifest: Manifest) -> Iterator[Mapping[str, Any]]:
    listed = manifest.content.get("manifests" if manifest.is_index else "layers")
    yield from (each for each in (listed if isinstance(listed, list) else ()) if isinstance(each, Mapping))
    if not manifest.is_index and "config" in manifest.content:
        yield mapping(manifest.content, "config")


def attached_to(client: RegistryClient, image: Reference) -> tuple[Attached, ...]:
    """What is attached to an image by digest, as far as the registry tells. Raises as RegistryClient.digest does."""
    known = INDEXES + MANIFESTS  # whatever else refers to an image cannot be copied as one
    found = [
        Attached(text(each, "digest")) for each in client.referrers(image) if text(each, "mediaType") in known
    ]  # fmt: skip
    for suffix in _SUFFIXES:
        tagged = replace(image, tag=tag_of_referrers(image.digest) + suffix, digest="")
        if digest := client.find_digest(tagged):
            found.append(Attached(digest, suffix))
    return tuple(sorted(dict.fromkeys(found), key=lambda each: (each.suffix, each.digest)))


def sboms_of(manifest: Manifest) -> list[tuple[str, str, int]]:
    """Media type, digest and size of lists of parts (SPDX, CycloneDX) among the layers of what is attached."""
    found = []
    for layer in _below(manifest):
        notes = " ".join(str(value) for value in mapping(layer, "annotations").values())
        said, size = f"{text(layer, 'mediaType')} {notes}".lower(), layer.get("size")
        if any(word in said for word in _SBOM) and is_digest(text(layer, "digest")) and isinstance(size, int):
            found.append((text(layer, "mediaType"), text(layer, "digest"), size))
    return found


def whole(source: Source, image: Image) -> None:
    """Everything of an image is in a layout. Raises bundle_damaged."""
    for digest in (image.reference.digest, *(each.digest for each in image.attached)):
        found = tree(source, digest)
        for blob, size in found.blobs.items():
            if isinstance(source, FromLayout) and source.layout.size(blob) != size:
                raise damaged(f"{blob} of {image.image} does not have the size that its manifest names")


def copy(source: Source, image: Image, client: RegistryClient, to: Reference, told: Callable[[str], None]) -> bool:
    """Brings an image with what is attached to it to another repository; False if all of it was there.

    Raises registry_denied, registry_unreachable, registry_error, bundle_damaged, image_not_found.
    """
    to = replace(to, tag="", digest="")
    changed = _copy_tree(source, image.reference.digest, client, to, "", told)
    for each in image.attached:
        changed |= _copy_tree(source, each.digest, client, to, _tag(image, each), told)
    return _listed(source, _referring(image), client, replace(to, digest=image.reference.digest)) or changed


def _copy_tree(
    source: Source, digest: str, client: RegistryClient, to: Reference, tag: str, told: Callable[[str], None]
) -> bool:
    there = client.find_digest(replace(to, digest=digest))
    if there and (not tag or _is_tagged(client, to, tag, digest)):
        return False
    found = tree(source, digest)
    for blob, size in found.blobs.items():
        if not client.has_blob(to, blob):
            told(f"{to.name}: {blob[:19]} ({size / 2**20:.1f} MiB)")
            client.upload(to, blob, size, partial(source.read, blob))
    for manifest in found.manifests:
        client.put_manifest(to, manifest)
    if tag and not _is_tagged(client, to, tag, digest):
        client.put_manifest(to, found.manifests[-1], tag)
    return True


def _is_tagged(client: RegistryClient, to: Reference, tag: str, digest: str) -> bool:
    """Whether a tag of what is attached leads to it, or to what it may not replace: somebody there has attached more,
    or something else, below the same tag.
    """
    named = client.find_digest(replace(to, tag=tag))
    if named in ("", digest):
        return named == digest
    ours, theirs = (set(_layers(client.manifest(replace(to, digest=each)))) for each in (digest, named))
    return not theirs < ours


def _layers(manifest: Manifest) -> Iterator[bytes]:
    layers = manifest.content.get("layers")
    yield from map(canonical, layers if isinstance(layers, list) else ())


def _listed(source: Source, digests: list[str], client: RegistryClient, image: Reference) -> bool:
    """Where a registry keeps no list of what refers to an image, an index below a tag is that list."""
    known, missing = _unlisted(digests, client, image)
    if not missing:
        return False
    entries = [*known, *(_descriptor(source.manifest(digest)) for digest in sorted(missing))]
    raw = canonical({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": entries})
    listing = Manifest(digest_of(raw), INDEXES[0], raw, {})
    client.put_manifest(replace(image, digest=""), listing, tag_of_referrers(image.digest))
    return True


def _unlisted(
    digests: list[str], client: RegistryClient, image: Reference
) -> tuple[list[Mapping[str, Any]], set[str]]:  # fmt: skip
    """What is known to refer to an image, and what of the digests is not."""
    known = client.referrers(image) if digests else []
    return known, set(digests) - {text(each, "digest") for each in known}


def _descriptor(manifest: Manifest) -> dict[str, Any]:
    kind = text(manifest.content, "artifactType") or text(mapping(manifest.content, "config"), "mediaType")
    notes = mapping(manifest.content, "annotations")
    return {
        "mediaType": manifest.media_type, "digest": manifest.digest, "size": len(manifest.raw), "artifactType": kind,
        **({"annotations": dict(notes)} if notes else {}),
    }  # fmt: skip


def missing_at(client: RegistryClient, image: Image, to: Reference) -> bool:
    """Whether a repository lacks an image, something that is attached to it, or that by which it is found."""
    to, top = replace(to, tag="", digest=""), image.reference.digest
    if any(not client.find_digest(replace(to, digest=each)) for each in (top, *(a.digest for a in image.attached))):
        return True
    if any(not _is_tagged(client, to, _tag(image, each), each.digest) for each in image.attached if each.suffix):
        return True
    return bool(_unlisted(_referring(image), client, replace(to, digest=top))[1])


def _tag(image: Image, attached: Attached) -> str:
    """By which it is found; empty for what refers to the image itself."""
    return tag_of_referrers(image.reference.digest) + attached.suffix if attached.suffix else ""


def _referring(image: Image) -> list[str]:
    return [each.digest for each in image.attached if not each.suffix]
