# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects that nothing holds any more after a revision that failed or was killed. Helm forgets them; here they go.

Helm's upgrade compares the new manifest with that of the last *deployed* revision, so it never removes what only a
failed one brought. Its rollback compares with the *last* revision: after one that was killed, the next never removes
what only the good revision before it held (pkg/action: upgrade.go, rollback.go).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..helm.manifest import objects_of
from ..helm.storage import CorruptRelease, HelmReader, History, ReleaseStatus, Revision
from ..kube.api import KubeApi
from ..kube.errors import KubeError, NotFound
from ..kube.resources import SECRET

LEFT = "todo.cloud/left"  # label of a failed revision's Secret: what it may have left behind
_MAYBE, _NOTHING = "maybe", "nothing"
# Never taken away for tidiness: what holds data, or others' objects.
_KEPT_KINDS = frozenset({"PersistentVolumeClaim", "PersistentVolume", "Namespace", "CustomResourceDefinition"})

Key = tuple[str, str, str, str]  # (apiVersion, kind, namespace, name)


def left_behind(history: History) -> list[Revision]:
    """Revisions below a deployed one that failed and that nobody has looked after yet; they may have made objects that
    nobody knows any more. Empty while the newest revision is not deployed.
    """
    if not history or history[-1].status is not ReleaseStatus.DEPLOYED:
        return []
    return [r for r in history[:-1] if _mark(r) == _MAYBE or r in unmarked(history)]


def unmarked(history: History) -> list[Revision]:
    """Failed revisions that carry no mark of their own yet."""
    return [r for r in history if r.status is ReleaseStatus.FAILED and not _mark(r)]


def mark_failed_ones(kube: KubeApi, namespace: str, history: History) -> None:
    """Notes on failed revisions that they may have left something: a rollback that fails as well makes Helm call them
    superseded, as if they had been good ones.
    """
    for revision in unmarked(history):
        _set_mark(kube, namespace, revision, _MAYBE)


def _mark(revision: Revision) -> str:
    # Helm hands a revision's labels on to the next: a mark counts only with the number of its own revision.
    word, _dash, number = revision.labels.get(LEFT, "").rpartition("-")
    return word if number == str(revision.revision) else ""


def _set_mark(kube: KubeApi, namespace: str, revision: Revision, word: str) -> None:
    try:
        labels = {LEFT: f"{word}-{revision.revision}"}
        kube.patch(SECRET, namespace, revision.secret, {"metadata": {"labels": labels}})
    except NotFound:
        return  # pruned by Helm meanwhile


def remove_orphans(kube: KubeApi, namespace: str, name: str, history: History) -> list[str]:
    """Deletes what only failed revisions and those just before them hold, if it is still this release's; names of it.

    An object is only deleted if its annotations say that it is this release's and nothing says to keep it. Then the
    revisions are marked: a run that was killed before that is made up for by the next one.
    """
    failed = left_behind(history)
    kept = _keys(kube, namespace, name, history[-1].revision) if failed else None
    if kept is None:
        return []
    suspects = {r.revision for r in failed} | {a.revision for a, b in pairwise(history) if b in failed}
    candidates = {key for number in suspects for key in (_keys(kube, namespace, name, number) or {})} - kept.keys()
    removed = [f"{key[1]} {key[3]}" for key in sorted(candidates) if _delete(kube, key, name, namespace)]
    for revision in failed:
        _set_mark(kube, namespace, revision, _NOTHING)
    return removed


def _keys(kube: KubeApi, namespace: str, name: str, revision: int) -> dict[Key, dict[str, Any]] | None:
    try:
        stored = HelmReader(kube, namespace).read(name, revision)
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


def _delete(kube: KubeApi, key: Key, release: str, namespace: str) -> bool:
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
