# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is there room for the pods: their requests against what nodes have left; pure.

Requests of a pod as the scheduler adds them up: containers and sidecars together, or the largest init container, plus
overhead (Kubernetes, "Resource sharing within containers").
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..failure import Code
from ..helm.manifest import key_of
from ..readiness.templates import Object, items, mapping
from .problem import Problem

_SUFFIX = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)},
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkKMGTPE]?i?)")
_RESOURCES = ("cpu", "memory")

Amounts = dict[str, float]  # cpu in cores, memory in bytes


@dataclass(frozen=True)
class Wanted:
    """Pods that a deployment adds. ``pod``: as the API server would store it; ``most``: with those that an autoscaler
    may add later; ``fresh``: of a workload that is not there yet.
    """

    release: str
    owner: str
    pod: Object
    count: int = 1
    most: int = 0
    fresh: bool = False


def quantity(text: object) -> float:
    """A Kubernetes quantity as a number; 0 for what is none."""
    found = _QUANTITY.fullmatch(str(text).strip())
    if found is None or found[2] not in _SUFFIX:
        return 0.0
    try:
        return float(found[1]) * _SUFFIX[found[2]]
    except ValueError:
        return 0.0


def requests_of(spec: Object) -> Amounts:
    """What the scheduler reserves for a pod."""
    total: Amounts = {}
    for name in _RESOURCES:
        inits = list(items(spec.get("initContainers")))
        stays = [*items(spec.get("containers")), *(c for c in inits if c.get("restartPolicy") == "Always")]
        running = sum(_request(c, name) for c in stays)
        largest = max((_request(c, name) for c in inits if c.get("restartPolicy") != "Always"), default=0.0)
        total[name] = max(running, largest) + quantity(mapping(spec.get("overhead")).get(name, 0))
    return total


def _request(container: Object, name: str) -> float:
    resources = mapping(container.get("resources"))
    asked = mapping(resources.get("requests")).get(name, mapping(resources.get("limits")).get(name, 0))
    return quantity(asked)


def shortages(wanted: Iterable[Wanted], nodes: Sequence[Object], pods: Iterable[Object]) -> list[Problem]:
    """Pods that fit on no node, or for which there is no room beside ``pods``. An autoscaler may make room."""
    usable = [node for node in nodes if not mapping(node.get("spec")).get("unschedulable")]
    if not usable:
        return []
    free = {_name(node): _allocatable(node) for node in usable}
    for pod in pods:
        left = free.get(str(mapping(pod.get("spec")).get("nodeName")))
        if left is not None and mapping(pod.get("status")).get("phase") not in ("Succeeded", "Failed"):
            _take(left, requests_of(mapping(pod.get("spec"))))
    found, later = [], []
    for each in sorted(wanted, key=lambda w: -requests_of(mapping(w.pod.get("spec")))["memory"]):
        problem = _place(each, usable, free)
        if problem:
            found.append(problem)
        elif each.most > each.count:
            later.append(replace(each, count=each.most - each.count))
    for each in later:  # each with all the room that the rollouts leave: not all will be at their maximum at once
        problem = _place(each, usable, {name: dict(left) for name, left in free.items()})
        if problem:
            found.append(replace(problem, message=f"{problem.message}, which its autoscaler may ask for"))
    return sorted(found)


def more_pods(workload: Object, live: Object | None, maximum: int = 0) -> tuple[int, int]:
    """How many pods a rollout adds beside those that run, and how many with all that an autoscaler may add.

    ``live``: the workload as it is, None for a new one. ``maximum``: replicas that an autoscaler may ask for.
    """
    kind = key_of(workload)[0]
    spec, there = mapping(workload.get("spec")), mapping((live or {}).get("spec"))
    replicas = next((n for n in (there.get("replicas"), spec.get("replicas")) if isinstance(n, int)), 1)
    if live is None:
        return replicas, max(replicas, maximum)
    surge = _surge(spec, replicas) if kind == "Deployment" else 0  # the others replace their pods in place
    return surge, max(surge, maximum - replicas)


def _surge(spec: Object, replicas: int) -> int:
    """``maxSurge`` as the Deployment controller counts it: rounded up, 25 % without one."""
    strategy = mapping(spec.get("strategy"))
    if strategy.get("type") == "Recreate":
        return 0
    given = mapping(strategy.get("rollingUpdate")).get("maxSurge", "25%")
    if isinstance(given, int):
        return given
    share = str(given).removesuffix("%")
    return math.ceil(replicas * int(share) / 100) if share.isdigit() else 1


def maxima(objects: Iterable[Object]) -> dict[tuple[str, str], int]:
    """(kind, name) of what autoscalers among these objects scale -> the most replicas they may ask for."""
    found: dict[tuple[str, str], int] = {}
    for item in objects:
        spec = mapping(item.get("spec"))
        reference, most = mapping(spec.get("scaleTargetRef")), spec.get("maxReplicas", spec.get("maxReplicaCount"))
        if reference and isinstance(most, int):
            found[str(reference.get("kind") or "Deployment"), str(reference.get("name"))] = most
    return found


def _place(wanted: Wanted, nodes: Sequence[Object], free: Mapping[str, Amounts]) -> Problem | None:
    spec = mapping(wanted.pod.get("spec"))
    need = requests_of(spec)
    fitting = [node for node in nodes if may_run(spec, node)]
    asks = f"{wanted.owner} asks for {_words(need)} per pod"
    remedy = "ask for less, or add nodes (an autoscaler may do that)"
    if fitting and not any(_fits(need, _allocatable(node)) for node in fitting):
        message = f"{asks}, more than any node has"
        return Problem(wanted.release, Code.UNSCHEDULABLE, message, remedy, certain=False)
    missing = 0
    for _number in range(wanted.count):
        place = next((free[_name(node)] for node in fitting if _fits(need, free[_name(node)])), None)
        if place is None:
            missing += 1
        else:
            _take(place, need)
    if not missing:
        return None
    message = f"{asks}: there is no room for {missing} of {wanted.count} more"
    return Problem(wanted.release, Code.UNSCHEDULABLE, message, remedy, certain=False)


def may_run(spec: Object, node: Object) -> bool:
    """Whether the scheduler may put a pod there, by its node selector and tolerations."""
    labels = mapping(mapping(node.get("metadata")).get("labels"))
    selector = mapping(spec.get("nodeSelector"))
    if any(labels.get(key) != value for key, value in selector.items()):
        return False
    taints = [t for t in items(mapping(node.get("spec")).get("taints")) if t.get("effect") != "PreferNoSchedule"]
    return all(any(_tolerates(each, taint) for each in items(spec.get("tolerations"))) for taint in taints)


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint.get("key"))
    return toleration.get("key") == taint.get("key") and (toleration.get("value") or "") == (taint.get("value") or "")


def _allocatable(node: Object) -> Amounts:
    given = mapping(mapping(node.get("status")).get("allocatable"))
    return {name: quantity(given.get(name, 0)) for name in _RESOURCES}


def _fits(need: Amounts, left: Amounts) -> bool:
    return all(need[name] <= left[name] for name in _RESOURCES)


def _take(left: Amounts, need: Amounts) -> None:
    for name in _RESOURCES:
        left[name] -= need[name]


def _name(node: Any) -> str:
    return str(mapping(node.get("metadata")).get("name"))


def _words(need: Amounts) -> str:
    return f"{need['cpu'] * 1000:.0f}m CPU and {need['memory'] / 1024**2:.0f} MiB memory"
