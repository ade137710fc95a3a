# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Removes orphaned objects: what a failed or killed revision created and no later manifest holds. Helm forgets them.

Helm's upgrade compares the new manifest with that of the last *deployed* revision, so it never removes what only a
failed one brought. Its rollback compares with the *last* revision: after one that was killed, the next never removes
what only the good revision before it held (pkg/action: upgrade.go, rollback.go).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..helm.manifest import is_kept, objects_of
from ..helm.storage import HelmReader
from ..helm.stored import CorruptRelease, History, ReleaseStatus, Revision
from ..kube.api import KubeApi
from ..kube.errors import KubeError, NotFound
from ..kube.resources import SECRET
from ..labels import OWNER_NAMESPACE, OWNER_RELEASE

LEFT = "todo.cloud/left"  # label of a failed revision's Secret: whether it may have left orphans
_MAYBE, _NOTHING = "maybe", "nothing"
# Never removed as orphans: what holds data or other objects.
_KEPT_KINDS = frozenset({"PersistentVolumeClaim", "PersistentVolume", "Namespace", "CustomResourceDefinition"})

Key = tuple[str, str, str, str]  # (apiVersion, kind, namespace, name)


def with_orphans(history: History) -> list[Revision]:
    """Failed revisions below a deployed one that were not cleaned up yet; they may have created objects that
    nobody knows any more. Empty while the newest revision is not deployed.
    """
    if not history or history[-1].status is not ReleaseStatus.DEPLOYED:
        return []
    return [r for r in history[:-1] if _word(r) == _MAYBE or r in unlabelled(history)]


def unlabelled(history: History) -> list[Revision]:
    """Failed revisions that are not labelled yet."""
    return [r for r in history if r.status is ReleaseStatus.FAILED and not _word(r)]


def label_failed(kube: KubeApi, namespace: str, history: History) -> None:
    """Labels failed revisions as possible owners of orphans: after another failed rollback Helm calls them
    superseded, as if they had been good ones.
    """
    for revision in unlabelled(history):
        _label(kube, namespace, revision, _MAYBE)


def _word(revision: Revision) -> str:
    # Helm copies a revision's labels to the next one: the label counts only with its own revision's number.
    word, _dash, number = revision.labels.get(LEFT, "").rpartition("-")
    return word if number == str(revision.revision) else ""


def _label(kube: KubeApi, namespace: str, revision: Revision, word: str) -> None:
    try:
        labels = {LEFT: f"{word}-{revision.revision}"}
        kube.patch(SECRET, namespace, revision.secret, {"metadata": {"labels": labels}})
    except NotFound:
        return  # Helm has pruned it


def remove_orphans(kube: KubeApi, storage: HelmReader, name: str, history: History) -> list[str]:
    """Deletes what only failed revisions and those just before them hold, and returns the names.

    An object is deleted only if its annotations name this release and do not ask to keep it. Then the revisions are
    labelled as cleaned up; if the run is killed before that, the next one repeats it.
    """
    failed = with_orphans(history)
    kept = _keys(storage, name, history[-1].revision) if failed else None
    if kept is None:
        return []
    suspects = {r.revision for r in failed} | {a.revision for a, b in pairwise(history) if b in failed}
    still = {_without_version(key) for key in kept}
    found = {key for number in suspects for key in (_keys(storage, name, number) or {})}
    candidates = {key for key in found if _without_version(key) not in still}
    removed = [f"{key[1]} {key[3]}" for key in sorted(candidates) if _delete(kube, key, name, storage.namespace)]
    for revision in failed:
        _label(kube, storage.namespace, revision, _NOTHING)
    return removed


def _without_version(key: Key) -> Key:
    """An object is the same in all versions of its API group."""
    return (key[0].rpartition("/")[0], *key[1:])


def _keys(storage: HelmReader, name: str, revision: int) -> dict[Key, dict[str, Any]] | None:
    try:
        stored = storage.read(name, revision)
    except (CorruptRelease, KubeError):
        return None  # pruned or unreadable: its objects are unknown, so none is removed
    return {
        (
            str(item.get("apiVersion", "")),
            str(item.get("kind", "")),
            str(item["metadata"].get("namespace") or storage.namespace),
            str(item["metadata"].get("name", "")),
        ): item
        for item in objects_of(stored.manifest)
        if isinstance(item.get("metadata"), dict)
    }


def _delete(kube: KubeApi, key: Key, release: str, namespace: str) -> bool:
    api_version, kind, where, name = key
    if kind in _KEPT_KINDS:
        return False
    try:
        resource = kube.resource(api_version, kind)
    except NotFound:
        return False  # the kind is gone, and its objects with it
    where = where if resource.namespaced else ""
    found = kube.find(resource, where, name, metadata_only=True)
    notes = ((found or {}).get("metadata") or {}).get("annotations") or {}
    owner = (notes.get(OWNER_RELEASE), notes.get(OWNER_NAMESPACE))
    if found is None or owner != (release, namespace) or is_kept(found):
        return False
    return kube.delete(resource, where, name, uid=found["metadata"]["uid"])
