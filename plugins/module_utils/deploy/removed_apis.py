# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stored manifests that name APIs which the cluster no longer serves: Helm can neither upgrade nor uninstall them.

They are mended as the plugin mapkubeapis does it: an object gets the version that its group serves now, and one whose
kind is gone, and that therefore cannot exist, leaves the manifest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..helm.manifest import documents_of
from ..kube.api import KubeReader
from ..kube.errors import NotFound
from ..kube.resources import Resource

_BETWEEN = re.compile(r"(?:^|\s*\n)---[^\S\n]*(?:\n|$)")  # as Helm splits manifests (pkg/release/v1/util)
_API_VERSION = re.compile(r"""^(["']?apiVersion["']?\s*:).*$""", re.MULTILINE)
# Where the kinds of the oldest group went.
_MOVED = {"extensions": ("apps", "networking.k8s.io", "policy")}


def with_served_apis(kube: KubeReader, manifest: str) -> tuple[str, list[str]]:
    """The mended manifest, and what was changed, as text; the same manifest and nothing when all of it is served."""
    kept: list[str] = []
    changes: list[str] = []
    for text in filter(str.strip, _BETWEEN.split(manifest)):
        api, kind, name = _identity(text)
        if not api or _is_served(kube, api, kind):
            kept.append(text)
            continue
        served = _successor(kube.served(), api, kind)
        changes.append(f"{kind} {name}: {api} -> {served or 'removed'}")
        if served:
            kept.append(_API_VERSION.sub(rf"\g<1> {served}", text, count=1))
    return ("".join(f"---\n{text.strip(chr(10))}\n" for text in kept), changes) if changes else (manifest, [])


def _identity(text: str) -> tuple[str, str, str]:
    """API version, kind and name of one document."""
    item = next(iter(documents_of(text)), None)
    if not isinstance(item, dict):
        return "", "", ""
    about = item.get("metadata")
    name = about.get("name") if isinstance(about, dict) else ""
    return str(item.get("apiVersion") or ""), str(item.get("kind") or ""), str(name or "")


def _is_served(kube: KubeReader, api: str, kind: str) -> bool:
    try:
        kube.resource(api, kind)
    except NotFound:
        return False
    return True


def _successor(served: Sequence[Resource], api: str, kind: str) -> str:
    """The version in which the kind is served now; empty when it is not."""
    group = api.rpartition("/")[0]
    groups = (group, *_MOVED.get(group, ()))
    return next((one.api_version for one in served if one.kind == kind and one.group in groups), "")
