# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all entries ask for together, where that is more than the quota and limits of charts/environment allow.

Counted are the most pods of each service, the one more of a rolling update, and their sidecars. A value with a template
counts as its default, and so does what a role says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .types import is_template
from .values import RESOURCES, dapr_of

Entries = Mapping[str, Mapping[str, Any]]
# What every sidecar gets (roles/app_service), by the annotations that change it.
_SIDECAR = {
    ("requests", "cpu"): ("sidecar_cpu_request", "20m"), ("limits", "cpu"): ("sidecar_cpu_limit", "500m"),
    ("requests", "memory"): ("sidecar_memory_request", "64Mi"), ("limits", "memory"): ("sidecar_memory_limit", "192Mi"),
}  # fmt: skip
_UNITS = {
    "": 1.0, "m": 1e-3, "K": 1e3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGT", 1)},
}  # fmt: skip
_GI = 1024.0**3


def limits(entries: Entries, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The values of charts/environment (``quota``, ``limitRange``) that have to be more than its defaults.

    :param defaults: the chart's values
    """
    quota = {
        key: _text(key, most)
        for key, most in _together(entries).items()
        if most > _amount(defaults["quota"].get(key, math.inf))
    }
    most = {
        key: _text(key, largest)
        for key in ("cpu", "memory")
        if (largest := _largest(entries, key)) > _amount(defaults["limitRange"]["max"][key])
    }
    return ({"quota": quota} if quota else {}) | ({"limitRange": {"max": most}} if most else {})


def _together(entries: Entries) -> dict[str, float]:
    found = {"pods": 0.0, "persistentvolumeclaims": 0.0}
    for entry in entries.values():
        if "chart" in entry:
            continue
        replicas, surge = _pods(entry)
        claims = [volume for volume in _mapping(entry.get("volumes")).values() if "size" in _mapping(volume)]
        found["pods"] += replicas + surge
        found["persistentvolumeclaims"] += replicas * len(claims)
        for (part, resource), amount in _of_a_pod(entry).items():
            key = f"{part}.{resource}"
            found[key] = found.get(key, 0.0) + amount * (replicas + surge)
    return found


def _pods(entry: Mapping[str, Any]) -> tuple[int, int]:
    """The most pods of a service, and those that a rollout adds."""
    if entry.get("kind") in ("job", "cronjob"):
        return 1, 1  # an old one may still run
    scale = entry.get("scale")
    most = scale.get("max", scale.get("min")) if isinstance(scale, Mapping) else scale
    replicas = most if isinstance(most, int) else 1
    return replicas, 0 if entry.get("kind") == "statefulset" else min(replicas, 1)


def _of_a_pod(entry: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    found = {}
    for resource in RESOURCES:
        request, _hyphen, limit = _said(entry, resource).partition("-")
        found["requests", resource], found["limits", resource] = _amount(request), _amount(limit or request)
    dapr = dapr_of(entry)
    if dapr is not None:
        settings = _mapping(dapr.get("sidecar"))
        for key, (name, default) in _SIDECAR.items():
            found[key] += _amount(settings.get(name, default)) or _amount(default)
    return found


def _said(entry: Mapping[str, Any], resource: str) -> str:
    said = _mapping(entry.get("resources")).get(resource, RESOURCES[resource])
    return RESOURCES[resource] if is_template(said) else str(said)


def _largest(entries: Entries, resource: str) -> float:
    """The most that a container may use."""
    limits = (_said(entry, resource).rpartition("-")[2] for entry in entries.values() if "chart" not in entry)
    return max(map(_amount, limits), default=0.0)


def _amount(quantity: object) -> float:
    """Cores, or bytes; 0 for what is no quantity."""
    if isinstance(quantity, float):
        return quantity
    text = str(quantity)
    number = text.rstrip("KkMGTim")
    try:
        return float(number) * _UNITS[text[len(number) :]]
    except (KeyError, ValueError):
        return 0.0


def _text(key: str, amount: float) -> str:
    return f"{math.ceil(amount / _GI)}Gi" if key.endswith("memory") else str(math.ceil(amount))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
