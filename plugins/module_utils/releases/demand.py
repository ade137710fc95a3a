# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the pods of described releases request, with their sidecars: to know how many nodes they need. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..helm.manifest import key_of
from ..preflight.capacity import more_pods, quantity, requests_of
from ..readiness.templates import Object, mapping

_MIB = 1024.0**2
_SIDECAR = "dapr.io/"
_TEMPLATES = {
    "Deployment": ("template",), "StatefulSet": ("template",), "DaemonSet": ("template",), "Job": ("template",),
    "CronJob": ("jobTemplate", "spec", "template"),
}  # fmt: skip
Line = dict[str, Any]


def demand(waves: Sequence[Mapping[str, Sequence[Object]]]) -> list[Line]:
    """A line for each workload, and one for each surplus pod of the wave whose rollout needs most.

    :param waves: release -> its objects, wave by wave
    """
    lines: list[Line] = []
    surplus: list[Line] = []
    for wave in waves:
        added = []
        for release, objects in wave.items():
            least = dict(_least(objects))
            for item in objects:
                for line, more in _of_workload(release, item, least):
                    lines.append(line)
                    added += [{**line, "name": f"{line['name']}, while it is rolled out", "pods": more}] if more else []
        surplus = max(surplus, added, key=_memory)
    return lines + surplus


def _of_workload(release: str, item: Object, least: Mapping[tuple[str, str], int]) -> Iterator[tuple[Line, int]]:
    """The line, and how many pods a rollout adds."""
    kind, _namespace, name = key_of(item)
    pod: Any = mapping(item.get("spec"))
    for step in _TEMPLATES.get(kind, ()):
        pod = mapping(pod.get(step))
    spec = mapping(pod.get("spec"))
    if kind not in _TEMPLATES or not spec:
        return
    asks = requests_of(spec)
    notes = mapping(mapping(pod.get("metadata")).get("annotations"))
    if str(notes.get(f"{_SIDECAR}enabled")).lower() == "true":
        for resource in asks:
            asks[resource] += quantity(notes.get(f"{_SIDECAR}sidecar-{resource}-request", 0))
    pods = least.get((kind, name)) or (more_pods(item, None)[0] if kind in ("Deployment", "StatefulSet") else 1)
    line = {
        "name": name if name == release else f"{release}: {name}",
        "pods": pods,
        "cpu": f"{asks['cpu'] * 1000:.0f}m",
        "memory": f"{asks['memory'] / _MIB:.0f}Mi",
        "every_node": kind == "DaemonSet",
    }
    running = {"spec": {"replicas": pods}}
    yield line, more_pods(item, running)[0] if kind == "Deployment" else 0


def _least(objects: Iterable[Object]) -> Iterator[tuple[tuple[str, str], int]]:
    """(kind, name) of what autoscalers scale, with the fewest pods that they leave."""
    for item in objects:
        spec = mapping(item.get("spec"))
        target, least = mapping(spec.get("scaleTargetRef")), spec.get("minReplicas", spec.get("minReplicaCount", 1))
        if target and isinstance(least, int):
            yield (str(target.get("kind") or "Deployment"), str(target.get("name"))), max(least, 1)


def _memory(lines: Sequence[Line]) -> float:
    return sum(float(each["pods"]) * quantity(each["memory"]) for each in lines)
