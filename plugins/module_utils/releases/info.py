# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Helm releases of a namespace as they are stored; reads only, and never shows values."""

from __future__ import annotations

from typing import Any

from ..helm.storage import HelmReader
from ..helm.stored import CorruptRelease, History, ReleaseStatus
from ..kube.api import KubeReader
from ..labels import INPUTS
from ..planning.plan import origin_of


def releases_info(kube: KubeReader, namespace: str, name: str = "") -> list[dict[str, Any]]:
    """All releases of a namespace, or one: newest revision, chart, digest of its inputs, and the history."""
    storage = HelmReader(kube, namespace)
    return [_info(storage, history) for _name, history in sorted(storage.histories(name).items())]


def _info(storage: HelmReader, history: History) -> dict[str, Any]:
    newest = history[-1]
    info: dict[str, Any] = {
        "name": newest.name,
        "namespace": newest.namespace,
        "revision": newest.revision,
        "status": newest.status.value,
        "labels": dict(newest.labels),
        "input_digest": newest.labels.get(INPUTS, ""),
        "history": [{"revision": r.revision, "status": r.status.value} for r in history],
    }
    try:
        stored = storage.read(newest.name, newest.revision)
    except CorruptRelease as exc:
        return {**info, "status": "corrupt", "description": str(exc)}
    manual = newest.status is ReleaseStatus.DEPLOYED and origin_of(history, None, storage.read).manual
    return {
        **info,
        "input_digest": "" if manual else info["input_digest"],
        "by_hand": manual,
        "chart": stored.chart_name,
        "chart_version": stored.chart_version,
        "app_version": stored.app_version,
        "description": stored.description,
    }
