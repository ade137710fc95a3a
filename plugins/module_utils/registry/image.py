# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images in a registry: indexes, manifests and configurations (OCI Image Specification 1.1); pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .reference import Reference

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
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
    """What a reference points to. ``platforms``: ``os/architecture[/variant]`` -> digest of its manifest."""

    reference: Reference
    digest: str
    media_type: str
    platforms: Mapping[str, str]
    labels: Mapping[str, str]
    created: str

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
    for entry in index.content.get("manifests") or ():
        name = platform_name(entry.get("platform") or {})
        if name and "unknown" not in name.split("/"):
            found.setdefault(name, str(entry.get("digest") or ""))
    return found


def platform_name(parts: Mapping[str, Any]) -> str:
    """``linux/arm/v7`` from a platform's or a configuration's parts; empty without them."""
    names = [str(parts.get(key) or "") for key in ("os", "architecture", "variant")]
    return "/".join(name for name in names if name) if names[0] and names[1] else ""
