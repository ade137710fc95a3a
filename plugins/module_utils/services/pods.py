# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections of pods that a team makes by its own charts: ``networkPolicies.services`` of charts/environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .graph import called, callers
from .spec import FOREIGN, PODS
from .values import PORT, access_of, internet_of, metrics_of
from .workload import port_of

Entries = Mapping[str, Mapping[str, Any]]
_INSTANCE = "app.kubernetes.io/instance"  # by which the policies of charts/service know services


def policies(entries: Entries) -> dict[str, Any]:
    """By service what its pods reach and who reaches them, as far as no policy of charts/service says it.

    That is all of it for those that have ``pods``, and of the others what they share with pods of other labels than
    the usual one, and the port of their metrics: only the environment knows who reads these.
    """
    calling = callers(entries)
    made = {name: _policy(name, entry, entries, calling.get(name, [])) for name, entry in entries.items()}
    return {name: policy for name, policy in made.items() if len(policy) > 1}


def relabelled(entries: Entries) -> list[str]:
    """Services whose pods have other labels than the usual one."""
    return [name for name in entries if _is_unusual(name, entries)]


def labels_of(name: str, entry: Mapping[str, Any]) -> dict[str, str]:
    """Labels by which the pods of a service are known."""
    return dict((entry.get(PODS) or {}).get("labels") or {_INSTANCE: name})


def _policy(name: str, entry: Mapping[str, Any], entries: Entries, calling: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"pods": labels_of(name, entry)}
    metrics = metrics_of(entry)
    if metrics:
        found["metrics"] = metrics["port"]
    own = PODS in entry
    if not own and FOREIGN & set(entry):
        return found
    out = [other for other in called(entry) if own or _is_unusual(other, entries)]
    into = [other for other in calling if own or _is_unusual(other, entries)]
    pods = entry.get(PODS) or {}
    access = [*access_of(entry), *(["public"] if pods.get("public") else [])] if own else []
    ports = list(pods.get("ports") or ()) if own else [port_of(entry) or PORT]
    said = {
        "ports": ports if into or access else [],
        "from": [labels_of(other, entries.get(other, {})) for other in into],
        "to": [labels_of(other, entries.get(other, {})) for other in out],
        "access": access,
        **(internet_of(entry) if own else {}),
    }
    return found | {key: value for key, value in said.items() if value}


def _is_unusual(name: str, entries: Entries) -> bool:
    return labels_of(name, entries.get(name, {})) != {_INSTANCE: name}
