# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pods that a workload makes, as its object describes them; pure.

Fields as in the Kubernetes API reference (PodTemplateSpec, CronJobSpec, StatefulSetSpec). An object may come from a
chart, so that nothing about its types is taken for granted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .rules import group_of

Object = Mapping[str, Any]
_TEMPLATED = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob")
_RUN_ONCE = ("Job", "CronJob")


@dataclass(frozen=True)
class Template:
    """The pods of a workload."""

    owner: str  # kind and name
    namespace: str
    annotations: Object
    labels: Object
    spec: Object

    def pod(self, name: str) -> dict[str, Any]:
        """A pod as its controller would create it, for a dry run."""
        spec = dict(self.spec)
        if self.owner.partition(" ")[0] in _RUN_ONCE:
            spec.setdefault("restartPolicy", "Never")
        own = {"labels": dict(self.labels), "annotations": dict(self.annotations)}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **own}, "spec": spec}


def mapping(value: Any) -> Object:
    """The value if it is a dictionary, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> Iterator[Object]:
    """The dictionaries in a list; nothing of anything else."""
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, Mapping))


def template_of(item: Object, namespace: str = "") -> Template | None:
    """The pod template of a workload of any kind, of custom ones too; None without one. ``namespace``: where the
    object goes if it names none.
    """
    kind, metadata, spec = str(item.get("kind") or ""), mapping(item.get("metadata")), mapping(item.get("spec"))
    inner = mapping(mapping(spec.get("jobTemplate")).get("spec")) or spec
    template = item if kind == "Pod" else mapping(inner.get("template"))
    if not template:
        return None
    own, pods = mapping(template.get("metadata")), mapping(template.get("spec"))
    if kind == "StatefulSet":
        pods = _with_claims(pods, spec)
    owner, where = f"{kind} {metadata.get('name') or ''}", str(metadata.get("namespace") or namespace)
    return Template(owner, where, mapping(own.get("annotations")), mapping(own.get("labels")), pods)


def built_in(item: Object, namespace: str = "") -> Template | None:
    """The same for a workload of a kind whose pods Kubernetes itself makes."""
    kind, template = item.get("kind"), template_of(item, namespace)
    known = kind == "Pod" or (kind in _TEMPLATED and group_of(item) in ("", "apps", "batch"))
    return template if known and template and template.spec else None


def _with_claims(pods: Object, spec: Object) -> Object:
    """The pods with a volume for each claim of their StatefulSet, which its controller adds; none has a claim yet."""
    names = [mapping(claim.get("metadata")).get("name") for claim in items(spec.get("volumeClaimTemplates"))]
    others = [volume for volume in items(pods.get("volumes")) if volume.get("name") not in names]
    return {**pods, "volumes": [*others, *({"name": name, "emptyDir": {}} for name in names)]} if names else pods
