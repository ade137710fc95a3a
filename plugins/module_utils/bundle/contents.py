# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is in a bundle: its list of contents, and the OCI manifest around it; pure.

The list (the manifest's configuration) names everything by digest and is what is signed. The signature is a layer, so
it goes wherever the bundle is copied to. Equal contents and keys give equal bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..digest import canonical
from ..failure import Code, TodoCloudError, error
from ..parsing import Malformed, load_json, parse, quoted
from ..registry.image import mapping, text
from ..registry.reference import Reference, is_digest, is_tag

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_FORMAT = 1
_TYPE = "application/vnd.todo.cloud.bundle.v{}+json"
ARTIFACT = _TYPE.format(_FORMAT)
_ANY_TYPE = re.compile(re.escape(_TYPE).replace(r"\{\}", r"([1-9][0-9]{0,5})"))
_CONFIG = "application/vnd.todo.cloud.bundle.contents.v1+json"
RECORD = "application/vnd.todo.cloud.release-set.v1+json"
CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
VALUES = "application/vnd.todo.cloud.values.v1+json"
SIGNATURE = "application/vnd.todo.cloud.bundle.signature.v1"
_TITLE = "org.opencontainers.image.title"
_LONGEST_NAME = 253
LARGEST = 32 << 20  # bytes of one part of the bundle itself, images apart


@dataclass(frozen=True)
class Part:
    """One content. ``title``: its name as a file, for whoever unpacks the bundle with another tool."""

    title: str
    media_type: str
    digest: str
    size: int

    def as_layer(self) -> dict[str, Any]:
        """As a descriptor."""
        described = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        return {**described, "annotations": {_TITLE: self.title}}


@dataclass(frozen=True)
class Chart:
    """``digest``: of the release set, by which its members name their chart."""

    digest: str
    part: Part


@dataclass(frozen=True)
class Attached:
    """What belongs to an image: a signature, an attestation. ``suffix``: of its tag, where it has one (``.sig``)."""

    digest: str
    suffix: str = ""


@dataclass(frozen=True)
class Image:
    """``image`` by digest; ``accepted``: digests that pods may report for it; ``releases``: who runs it; ``tags``: by
    which those ask for it whose own image is another one.
    """

    image: str
    accepted: tuple[str, ...]
    releases: tuple[str, ...]
    attached: tuple[Attached, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def reference(self) -> Reference:
        """Checked when the contents are read."""
        return Reference.parse(self.image)


@dataclass(frozen=True)
class Contents:
    """Of which environment's set, and all that it needs. ``whole``: the images are inside."""

    format: int
    environment: str
    namespace: str
    set: int
    commit: str
    time: str
    record: Part
    charts: tuple[Chart, ...]
    images: tuple[Image, ...]
    others: tuple[Part, ...] = ()  # for people and their tools: values, SBOMs

    @property
    def parts(self) -> list[Part]:
        """All but the images."""
        return [self.record, *(each.part for each in self.charts), *self.others]

    def packed(self) -> bytes:
        """The list as it is stored and signed."""
        return canonical(asdict(self))

    def statement(self) -> bytes:
        """What is signed."""
        return statement(self.packed())


def contents_of(raw: bytes) -> Contents:
    """From the stored list. Raises bundle_damaged, bundle_refused."""
    try:
        found = load_json(raw)
        _check_format(found.get("format") if isinstance(found, Mapping) else None)
        contents = parse(Contents, found)
        for name in (contents.environment, contents.namespace, contents.commit, contents.time):
            if len(name) > _LONGEST_NAME or not name.isprintable():
                raise Malformed(f"{quoted(name)} is no name")
        for part in contents.parts:
            _check_part(part)
        for image in contents.images:
            _check_image(image)
    except Malformed as exc:
        raise damaged(f"its list of contents cannot be read: {exc}") from exc
    return contents


def _check_format(version: object) -> None:
    if not isinstance(version, int) or isinstance(version, bool):
        raise Malformed("it does not say its format")
    if version != _FORMAT:
        raise newer(version)


def _check_part(part: Part) -> None:
    if not part.digest.startswith("sha256:") or not is_digest(part.digest):
        raise Malformed(f"{quoted(part.digest)} is no digest")
    if not 0 <= part.size <= LARGEST:
        raise Malformed(f"{quoted(part.title)} has {part.size} bytes")


def _check_image(image: Image) -> None:
    try:
        reference = image.reference
    except ValueError:
        raise Malformed(f"{quoted(image.image)} is no image") from None
    digests = [reference.digest, *image.accepted, *(each.digest for each in image.attached)]
    if not all(is_digest(each) and each.startswith("sha256:") for each in digests):
        raise Malformed(f"{quoted(image.image)} has a digest that is none")
    if not image.releases:
        raise Malformed(f"{quoted(image.image)} is nobody's")
    if not all(map(is_tag, image.tags)):
        raise Malformed(f"{quoted(image.image)} has a tag that is none")
    if any(not re.fullmatch(r"(\.[a-z]{1,10})?", each.suffix) for each in image.attached):
        raise Malformed(f"{quoted(image.image)} has something attached under a name that is none")


def contents(**fields: Any) -> Contents:
    """Of the format that this version writes."""
    return Contents(format=_FORMAT, **fields)


def statement(packed: bytes) -> bytes:
    """What is signed: the list of contents, and what it is."""
    return canonical(["todo.cloud/bundle/1", digest_of(packed)])


def digest_of(content: bytes) -> str:
    """``sha256:…``"""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def part(title: str, media_type: str, content: bytes) -> Part:
    """The part that some content is."""
    return Part(title, media_type, digest_of(content), len(content))


def manifest(listed: Contents, signature: bytes) -> bytes:
    """The bundle's manifest. ``signature``: empty for none."""
    packed = listed.packed()
    layers = [each.as_layer() for each in listed.parts]
    if signature:
        layers.append(part("bundle.signature", SIGNATURE, signature).as_layer())
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ARTIFACT,
            "config": {"mediaType": _CONFIG, "digest": digest_of(packed), "size": len(packed)},
            "layers": layers,
            "annotations": {
                "org.opencontainers.image.created": listed.time,
                "org.opencontainers.image.revision": listed.commit,
                _TITLE: f"release set {listed.set} of {listed.environment}",
            },
        }
    )


def read_manifest(content: Mapping[str, Any]) -> tuple[Part, Part | None]:
    """The list of contents and the signature that a manifest names. Raises bundle_damaged, bundle_refused."""
    kind = _ANY_TYPE.fullmatch(text(content, "artifactType"))
    if not kind:
        raise refused("it is no bundle of todo.cloud")
    if int(kind[1]) != _FORMAT:
        raise newer(int(kind[1]))
    layers = content.get("layers")
    signatures = [
        each
        for each in (layers if isinstance(layers, Sequence) and not isinstance(layers, str) else ())
        if text(each, "mediaType") == SIGNATURE
    ]
    try:
        listed = _described(mapping(content, "config"), "contents.json")
        return listed, _described(signatures[0], "bundle.signature") if signatures else None
    except Malformed as exc:
        raise damaged(f"its manifest cannot be read: {exc}") from exc


def _described(descriptor: Mapping[str, Any], title: str) -> Part:
    size = descriptor.get("size")
    if not isinstance(size, int) or isinstance(size, bool):
        raise Malformed(f"{title} has no size")
    found = Part(title, text(descriptor, "mediaType"), text(descriptor, "digest"), size)
    _check_part(found)
    return found


def damaged(why: str) -> TodoCloudError:
    """The error for a bundle that is not as it was written."""
    return error(Code.BUNDLE_DAMAGED, f"The bundle is damaged: {why}. Nothing was changed; get it once more.", why=why)


def refused(why: str) -> TodoCloudError:
    """The error for what is sound, but not taken."""
    return error(Code.BUNDLE_REFUSED, f"The bundle is refused: {why}. Nothing was changed.")


def newer(version: int) -> TodoCloudError:
    """The error for a format that this version does not know."""
    return refused(f"it has the format {version}, and this version of the collection knows {_FORMAT}: update it")
