# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether what runs fits a ResourceQuota and a LimitRange: what a pod that dies would need to come back.

Sources: https://kubernetes.io/docs/concepts/policy/resource-quotas/, .../limit-range/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..readiness.fields import Object, name, spec
from .findings import QUOTA, Finding

Amounts = dict[str, Decimal]
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_PREFIXED = ("requests", "limits")


def quota_findings(
    hard: Mapping[str, Any], live: Mapping[str, Any], limits: Object, pods: Sequence[Object], counts: Mapping[str, int]
) -> Iterator[Finding]:
    """``hard``: as wanted, ``live``: as it is; only what becomes tighter counts. ``limits``: spec of the LimitRange.

    ``counts``: how many of other objects there are, by the quota's names.
    """
    tighter = [key for key in hard if key not in live or amount(hard[key]) < amount(live[key])]
    used: Amounts = {key: Decimal(number) for key, number in {**counts, "pods": len(pods)}.items()}
    for pod in pods:
        for key, value in demand(pod, limits).items():
            used[key] = used.get(key, Decimal(0)) + value
    for key in sorted(tighter):
        if key in used and used[key] > amount(hard[key]):
            reason = f"use {plain(used[key])} of {key}, the quota allows {hard[key]}"
            yield Finding(QUOTA, _who(key, pods), reason)
        for pod in pods:
            if missing := _undeclared(key, pod, limits):
                yield Finding(QUOTA, name(pod), f"the quota on {key} asks for it of each container; without: {missing}")


def limit_findings(limits: Object, live: Object, pods: Iterable[Object]) -> Iterator[Finding]:
    """Containers that a LimitRange would not admit, with its defaults for what they leave out."""
    if not limits or limits == live:
        return
    for pod in pods:
        for container in _containers(pod):
            for reason in _beyond(container, limits):
                yield Finding(QUOTA, name(pod), f"container {container.get('name')}: {reason}")


def demand(pod: Object, limits: Object) -> Amounts:
    """What a pod counts against a quota when it is created again."""
    apps, first = Counter(), Counter()
    for container in spec(pod).get("containers") or ():
        apps.add(amounts(container, limits))
    for container in spec(pod).get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            apps.add(amounts(container, limits))
        else:
            first.most(amounts(container, limits))
    apps.most(first)
    return {
        **apps,
        **{resource: apps[f"requests.{resource}"] for resource in _COMPUTE if f"requests.{resource}" in apps},
    }


class Counter(Amounts):
    """Amounts by the quota's names."""

    def add(self, other: Mapping[str, Decimal]) -> None:
        """Sum, by name."""
        for key, value in other.items():
            self[key] = self.get(key, Decimal(0)) + value

    def most(self, other: Mapping[str, Decimal]) -> None:
        """Maximum, by name."""
        for key, value in other.items():
            self[key] = max(self.get(key, Decimal(0)), value)


def amounts(container: Object, limits: Object) -> Amounts:
    """``requests.cpu`` and the like of a container, with a LimitRange's defaults as the API server fills them in."""
    resources = container.get("resources") or {}
    defaults = _of_containers(limits)
    own_limits, own_requests = dict(resources.get("limits") or {}), dict(resources.get("requests") or {})
    found = {**(defaults.get("default") or {}), **own_limits}
    asked = {**found, **(defaults.get("defaultRequest") or {}), **own_limits, **own_requests}
    return {
        **{f"limits.{key}": amount(value) for key, value in found.items()},
        **{f"requests.{key}": amount(value) for key, value in asked.items()},
    }


def amount(value: Any) -> Decimal:
    """A quantity, such as ``500m`` or ``1Gi``."""
    from kubernetes.utils.quantity import parse_quantity

    return Decimal(parse_quantity(value))


def plain(value: Decimal) -> str:
    """Without an exponent."""
    return f"{value.normalize():f}"


def _of_containers(limits: Object) -> Object:
    return next((each for each in limits.get("limits") or () if each.get("type") == "Container"), {})


def _containers(pod: Object) -> Iterator[Object]:
    yield from spec(pod).get("initContainers") or ()
    yield from spec(pod).get("containers") or ()


def _beyond(container: Object, limits: Object) -> Iterator[str]:
    bounds, has = _of_containers(limits), amounts(container, limits)
    for resource, most in sorted((bounds.get("max") or {}).items()):
        for kind in ("limits", "requests"):
            value = has.get(f"{kind}.{resource}")
            if value is not None and value > amount(most):
                yield f"its {kind} of {resource} ({plain(value)}) exceed the maximum {most} of the LimitRange"
    for resource, least in sorted((bounds.get("min") or {}).items()):
        value = has.get(f"requests.{resource}")
        if value is not None and value < amount(least):
            yield f"its requests of {resource} ({plain(value)}) are below the minimum {least} of the LimitRange"
    for resource in _COMPUTE:
        asked, limit = has.get(f"requests.{resource}"), has.get(f"limits.{resource}")
        if asked is not None and limit is not None and asked > limit:
            yield f"it requests more {resource} ({plain(asked)}) than the LimitRange's default limit {plain(limit)}"


def _undeclared(key: str, pod: Object, limits: Object) -> str:
    prefix, dot, resource = key.partition(".")
    if key in _COMPUTE:
        prefix, resource = "requests", key
    if resource not in _COMPUTE or prefix not in _PREFIXED or not (dot or key in _COMPUTE):
        return ""
    without = [str(c.get("name")) for c in _containers(pod) if f"{prefix}.{resource}" not in amounts(c, limits)]
    return ", ".join(without)


def _who(key: str, pods: Sequence[Object]) -> str:
    names = sorted(map(name, pods))
    if key == "pods" or key.startswith(_PREFIXED) or key in _COMPUTE:
        return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return "the namespace's objects"
