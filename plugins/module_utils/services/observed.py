# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What monitoring has to know of services: ``services`` of charts/observability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .pods import labels_of
from .spec import FOREIGN, PODS
from .values import PORT, RUN_ONCE, dapr_of, metrics_of

_PATH = "/metrics"


def observed(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By service the labels of its pods, where their metrics are and whether they have a sidecar.

    Without ``metrics`` in its entry a service that listens is asked at its port for /metrics. Left out is what ends by
    itself, and what comes by a chart or manifests of others of whose pods nothing is said.
    """
    return {
        name: _observed(name, entry)
        for name, entry in entries.items()
        if entry.get("kind") not in RUN_ONCE and (not FOREIGN & set(entry) or PODS in entry)
    }


def _observed(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"pods": labels_of(name, entry)}
    told = metrics_of(entry)
    if told is None and not FOREIGN & set(entry) and entry.get("port", PORT) != "none":
        told = {"port": entry.get("port", PORT)}
    if told is not None:
        found["metrics"] = {"path": _PATH, **told}
    if dapr_of(entry) is not None:
        found["dapr"] = True
    return found
