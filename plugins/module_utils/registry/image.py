# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images in a registry: indexes, manifests and configurations (OCI Image Specification 1.1); pure.

What is malformed counts as not there; names and texts are such that they can be shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .answers import shown
from .reference import Reference, is_digest

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_NAME = re.compile(r"[A-Za-z0-9_.-]{0,64}")
CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")


@dataclass(frozen=True)
class Manifest:
    """One manifest or index; its digest is of the bytes that the registry stores."""

    digest: str
    media_type: str
    raw: bytes = field(repr=False)
    content: Mapping[str, Any] = field(repr=False)

    @property
    def is_index(self) -> bool:
        """Whether it is an index of several platforms."""
        return self.media_type in INDEXES


@dataclass(frozen=True)
class Image:
    """What a reference points to. ``platforms``: ``os/architecture[/variant]`` -> digest of its manifest; ``user``: as
    whom it runs, empty for root, None for what does not say it is an image.
    """

    reference: Reference
    digest: str
    media_type: str
    platforms: Mapping[str, str]
    labels: Mapping[str, str]
    created: str
    user: str | None = None

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        pinned = Reference(self.reference.registry, self.reference.repository, self.reference.tag, self.digest)
        return {
            "image": str(pinned),
            "digest": self.digest,
            "media_type": self.media_type,
            "platforms": [{"platform": name, "digest": digest} for name, digest in self.platforms.items()],
            "labels": dict(self.labels),
            "created": self.created,
        }


def platforms_of(index: Manifest) -> dict[str, str]:
    """Platforms of an index, in its order; entries without a platform (attestations) are left out."""
    found: dict[str, str] = {}
    for entry in entries_of(index):
        name = platform_name(mapping(entry, "platform"))
        if name and "unknown" not in name.split("/"):
            found.setdefault(name, entry["digest"])
    return found


def entries_of(index: Manifest) -> list[Mapping[str, Any]]:
    """Entries of an index that have a digest; none for the manifest of one image."""
    entries = index.content.get("manifests")
    return [entry for entry in entries if is_digest(text(entry, "digest"))] if isinstance(entries, list) else []


def platform_name(parts: Mapping[str, Any]) -> str:
    """``linux/arm/v7`` from a platform's or a configuration's parts; empty without them."""
    names = [text(parts, key) for key in ("os", "architecture", "variant")]
    if not (names[0] and names[1]) or not all(_NAME.fullmatch(name) for name in names):
        return ""
    return "/".join(filter(None, names))


def labels_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Labels of an image's configuration."""
    labels = mapping(mapping(config, "config"), "Labels")
    return {shown(name): shown(value) for name, value in labels.items() if isinstance(value, str)}


def mapping(parent: object, key: str) -> Mapping[str, Any]:
    """A part that is a mapping; empty if it is something else."""
    found = parent.get(key) if isinstance(parent, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def text(parent: object, key: str) -> str:
    """A part that is text; empty if it is something else."""
    found = parent.get(key) if isinstance(parent, Mapping) else None
    return found if isinstance(found, str) else ""
