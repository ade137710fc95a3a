# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects that a failed or killed revision made and that no later manifest holds. Helm forgets them; here they go.

Helm compares a new manifest with the last *deployed* one, so it never removes what only a failed revision brought.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..helm.storage import CorruptRelease, History, ReleaseStatus, StoredRelease, read_release
from ..kube.errors import KubeError
from ..kube.session import KubeSession
from .manifest import objects_of

_GOOD = (ReleaseStatus.DEPLOYED, ReleaseStatus.SUPERSEDED)
# Never taken away for tidiness: what holds data, or others' objects.
_KEPT_KINDS = frozenset({"PersistentVolumeClaim", "PersistentVolume", "Namespace", "CustomResourceDefinition"})

Key = tuple[str, str, str, str]  # (apiVersion, kind, namespace, name)


def failed_since_good(history: History) -> list[int]:
    """Revisions newer than the last one that Helm deployed; they may have made objects that nobody knows any more."""
    found: list[int] = []
    for revision in reversed(history):
        if revision.status in _GOOD:
            break
        found.append(revision.revision)
    return found


def remove_orphans(kube: KubeSession, namespace: str, name: str, failed: Iterable[int], newest: int) -> list[str]:
    """Deletes what only the ``failed`` revisions hold and what still belongs to this release; names of what went.

    An object is only deleted if its annotations say that it is this release's and nothing says to keep it.
    """
    kept = _keys(kube, namespace, name, newest)
    if kept is None:
        return []
    candidates = {key for revision in failed for key in (_keys(kube, namespace, name, revision) or {})} - kept.keys()
    return [f"{key[1]} {key[3]}" for key in sorted(candidates) if _delete(kube, key, name, namespace)]


def _keys(kube: KubeSession, namespace: str, name: str, revision: int) -> dict[Key, dict[str, Any]] | None:
    try:
        stored: StoredRelease = read_release(kube, namespace, name, revision)
    except (CorruptRelease, KubeError):
        return None  # pruned or unreadable: nothing is known of it, so nothing is removed
    return {
        (
            str(item.get("apiVersion", "")),
            str(item.get("kind", "")),
            str(item["metadata"].get("namespace") or namespace),
            str(item["metadata"].get("name", "")),
        ): item
        for item in objects_of(stored.manifest)
        if isinstance(item.get("metadata"), dict)
    }


def _delete(kube: KubeSession, key: Key, release: str, namespace: str) -> bool:
    api_version, kind, where, name = key
    if kind in _KEPT_KINDS:
        return False
    resource = kube.resource(api_version, kind)
    where = where if resource.namespaced else ""
    found = kube.find(resource, where, name, metadata_only=True)
    notes = ((found or {}).get("metadata") or {}).get("annotations") or {}
    owner = (notes.get("meta.helm.sh/release-name"), notes.get("meta.helm.sh/release-namespace"))
    if found is None or owner != (release, namespace) or notes.get("helm.sh/resource-policy") == "keep":
        return False
    return kube.delete(resource, where, name, uid=found["metadata"]["uid"])
