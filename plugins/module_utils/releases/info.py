# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Helm releases of a namespace as they are stored; reads only, and never shows values."""

from __future__ import annotations

from typing import Any

from ..helm.storage import SELECTOR, CorruptRelease, History, ReleaseStatus, StoredRelease, histories, read_release
from ..kube.resources import SECRET
from ..kube.session import KubeSession
from ..labels import INPUTS
from ..planning.plan import origin_of


def releases_info(kube: KubeSession, namespace: str, name: str = "") -> list[dict[str, Any]]:
    """All releases of a namespace, or one: newest revision, chart, digest of its inputs, and the history."""
    selector = f"{SELECTOR},name={name}" if name else SELECTOR
    items = kube.list_(SECRET, namespace, label_selector=selector, metadata_only=True)[0]
    found = histories(item["metadata"] for item in items)
    return [_info(kube, namespace, found[each]) for each in sorted(found)]


def _info(kube: KubeSession, namespace: str, history: History) -> dict[str, Any]:
    newest = history[-1]

    def read(name: str, revision: int) -> StoredRelease:
        return read_release(kube, namespace, name, revision)

    info: dict[str, Any] = {
        "name": newest.name,
        "namespace": namespace,
        "revision": newest.revision,
        "status": newest.status.value,
        "labels": dict(newest.labels),
        "input_digest": newest.labels.get(INPUTS, ""),
        "history": [{"revision": r.revision, "status": r.status.value} for r in history],
    }
    try:
        stored = read(newest.name, newest.revision)
    except CorruptRelease as exc:
        return {**info, "status": "corrupt", "description": str(exc)}
    by_hand = newest.status is ReleaseStatus.DEPLOYED and origin_of(history, None, read).by_hand
    return {
        **info,
        "input_digest": "" if by_hand else info["input_digest"],
        "by_hand": by_hand,
        "chart": stored.chart_name,
        "chart_version": stored.chart_version,
        "app_version": stored.app_version,
        "description": stored.description,
    }
