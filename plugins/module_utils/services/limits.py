# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all entries ask for together, where that is more than the quota and limits of charts/environment allow.

Counted are the most pods of each service, the one more of a rolling update, and their sidecars. A value with a template
counts as its default.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .amounts import amount, request_and_limit
from .spec import FOREIGN
from .types import is_template
from .values import dapr_of
from .workload import RESOURCES

Entries = Mapping[str, Mapping[str, Any]]
# What every sidecar gets (roles/app_service), by the annotations that change it.
_SIDECAR = {
    ("requests", "cpu"): ("sidecar_cpu_request", "20m"), ("limits", "cpu"): ("sidecar_cpu_limit", "500m"),
    ("requests", "memory"): ("sidecar_memory_request", "64Mi"), ("limits", "memory"): ("sidecar_memory_limit", "192Mi"),
}  # fmt: skip
_GI = 1024.0**3


def limits(entries: Entries, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The values of charts/environment (``quota``, ``limitRange``) that have to be more than its defaults.

    :param defaults: the chart's values
    """
    quota = {
        key: _text(key, most)
        for key, most in _together(entries).items()
        if key in defaults["quota"] and most > amount(defaults["quota"][key])
    }
    most = {
        key: _text(key, largest)
        for key in ("cpu", "memory")
        if (largest := _largest(entries, key)) > amount(defaults["limitRange"]["max"][key])
    }
    return ({"quota": quota} if quota else {}) | ({"limitRange": {"max": most}} if most else {})


def _together(entries: Entries) -> dict[str, float]:
    found = {"pods": 0.0, "persistentvolumeclaims": 0.0}
    for entry in entries.values():
        if FOREIGN & set(entry):
            continue
        replicas, surge = _pods(entry)
        claims = [volume for volume in _mapping(entry.get("volumes")).values() if "size" in _mapping(volume)]
        found["pods"] += replicas + surge
        found["persistentvolumeclaims"] += replicas * len(claims)
        for (part, resource), each in _of_a_pod(entry).items():
            key = f"{part}.{resource}"
            found[key] = found.get(key, 0.0) + each * (replicas + surge)
    return found


def _pods(entry: Mapping[str, Any]) -> tuple[int, int]:
    """The most pods of a service, and those that a rollout adds; migrations run before it, in a pod of their own."""
    if entry.get("kind") in ("job", "cronjob"):
        return 1, 1  # an old one may still run
    scale = entry.get("scale")
    most = scale.get("max", scale.get("min")) if isinstance(scale, Mapping) else scale
    replicas = most if isinstance(most, int) else 1
    surge = 0 if entry.get("kind") == "statefulset" else min(replicas, 1)
    return replicas, max(surge, 1 if "migrations" in entry else 0)


def _of_a_pod(entry: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    found = {}
    for resource in RESOURCES:
        found["requests", resource], found["limits", resource] = request_and_limit(_said(entry, resource))
    dapr = dapr_of(entry)
    if dapr is not None:
        settings = _mapping(dapr.get("sidecar"))
        for key, (name, default) in _SIDECAR.items():
            found[key] += amount(settings.get(name, default)) or amount(default)
    return found


def _said(entry: Mapping[str, Any], resource: str) -> str:
    said = _mapping(entry.get("resources")).get(resource, RESOURCES[resource])
    return RESOURCES[resource] if is_template(said) else str(said)


def _largest(entries: Entries, resource: str) -> float:
    """The most that a container may use."""
    said = (_said(entry, resource) for entry in entries.values() if not FOREIGN & set(entry))
    return max((request_and_limit(each)[1] for each in said), default=0.0)


def _text(key: str, most: float) -> str:
    return f"{math.ceil(most / _GI)}Gi" if key.endswith("memory") else str(math.ceil(most))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
