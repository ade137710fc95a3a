# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Targets of a wait: single objects, named or from a release's manifest, and the feeds that watch them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..failure import Code, TodoCloudError, error
from ..helm.manifest import objects_of, part
from ..kube.api import KubeReader
from ..kube.deadline import Deadline
from ..kube.resources import (
    DAEMON_SET,
    DEPLOYMENT,
    EVENT,
    JOB,
    NODE,
    POD,
    REPLICA_SET,
    REPLICATION_CONTROLLER,
    SERVICE,
    STATEFUL_SET,
    Resource,
)
from ..kube.watch import Feed
from ..readiness.rules import BUILT_IN, group_of, is_custom

# Short names as kubectl takes them, for the option workloads.
WORKLOADS: dict[str, Resource] = {
    resource.kind: resource
    for resource in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, REPLICATION_CONTROLLER, JOB, POD)
}
# Built-in kinds of a release's manifest whose status is waited for. The others are done once Helm has applied them:
# they say nothing, or nothing that belongs to a rollout (an Ingress whose controller publishes no address, a disruption
# budget, the next run of a CronJob). Custom resources are waited for as far as they say something.
_AWAITED = frozenset({
    *((resource.group, resource.kind) for resource in WORKLOADS.values()), ("", "PersistentVolumeClaim"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"), ("apiregistration.k8s.io", "APIService"),
    ("autoscaling", "HorizontalPodAutoscaler"),
})  # fmt: skip
_WITH_PODS = frozenset({*WORKLOADS, "PersistentVolumeClaim"})


@dataclass(frozen=True)
class Target:
    """One object whose status is awaited. ``release``: the Helm release it belongs to, for messages.

    ``ready_when`` and ``failed_when`` are JMESPath expressions over the object that replace the kind's own rule.
    ``passing``: a Job that is removed some time after its end (``ttlSecondsAfterFinished``); never recorded.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    release: str = ""
    ready_when: str = ""
    failed_when: str = ""
    passing: bool = field(default=False, compare=False)

    @property
    def group(self) -> str:
        """API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def custom(self) -> bool:
        """True for a custom resource, whatever built-in kind's name it has."""
        return self.group not in BUILT_IN

    @property
    def label(self) -> str:
        """Its name where that is enough, as in ``backend-api``, else ``Job migrate``."""
        enough = self.kind == "Deployment" or (self.name == self.release and self.kind in ("StatefulSet", "DaemonSet"))
        return self.name if enough and not self.custom else self.full_label

    @property
    def full_label(self) -> str:
        """Kind and name: ``Deployment backend-api``."""
        return f"{self.kind} {self.name}"


def targets_of_manifest(manifest: str, namespace: str, release: str = "") -> list[Target]:
    """The objects of a release's manifest (YAML documents) whose status is waited for, in its order.

    Raises ``invalid_input`` when the manifest is not YAML.
    """
    try:
        objects = objects_of(manifest)
    except TodoCloudError as exc:
        raise error(Code.INVALID_INPUT, f"The manifest of release {release or '?'} is not valid YAML.") from exc
    named = (obj for obj in objects if part(obj, "metadata").get("name"))
    found = [_target(obj, namespace, release) for obj in named if _is_awaited(obj)]
    return list(dict.fromkeys(found))


def _is_awaited(obj: dict[str, Any]) -> bool:
    load_balancer = obj.get("kind") == "Service" and part(obj, "spec").get("type") == "LoadBalancer"
    return is_custom(obj) or load_balancer or (group_of(obj), str(obj.get("kind", ""))) in _AWAITED


def _target(obj: dict[str, Any], namespace: str, release: str) -> Target:
    meta = obj["metadata"]
    passing = obj.get("kind") == "Job" and part(obj, "spec").get("ttlSecondsAfterFinished") is not None
    return Target(str(obj.get("apiVersion", "")), str(obj.get("kind", "")), str(meta.get("namespace") or namespace),
                  str(meta["name"]), release, passing=passing)  # fmt: skip


def feeds_for(targets: Sequence[Target], resources: dict[tuple[str, str], Resource]) -> list[Feed]:
    """One feed per kind and namespace that the targets need; for a single target, a feed of only that object."""
    names: dict[tuple[Resource, str], set[str]] = {}
    for target in targets:
        resource = resources[target.api_version, target.kind]
        namespace = target.namespace if resource.namespaced else ""
        names.setdefault((resource, namespace), set()).add(target.name)
        if target.custom:
            continue
        if target.kind in _WITH_PODS and not target.ready_when:
            names.setdefault((POD, namespace), set()).add("")
        if target.kind == "Deployment":
            names.setdefault((REPLICA_SET, namespace), set()).add("")
    feeds = [Feed(kind, ns, next(iter(only)) if len(only) == 1 else "") for (kind, ns), only in names.items()]
    # Pods of custom workloads explain; without the right to see them their owner's status decides.
    explained = dict.fromkeys(target.namespace for target in targets if target.custom and not target.ready_when)
    feeds += [
        Feed(kind, namespace, optional=True)
        for namespace in explained
        for kind in (POD, REPLICA_SET)
        if namespace and (kind, namespace) not in names
    ]
    spaces = dict.fromkeys(feed.namespace for feed in feeds if feed.resource in (POD, SERVICE))
    feeds += [Feed(EVENT, namespace, optional=True) for namespace in spaces]
    if any(target.kind == "DaemonSet" and not target.custom for target in targets):
        feeds.append(Feed(NODE, optional=True))
    return feeds


def resources_for(
    kube: KubeReader, targets: Sequence[Target], deadline: Deadline | None = None
) -> dict[tuple[str, str], Resource]:
    """The API resources of the targets' kinds; kinds that are not well known are looked up. Raises ``not_found``."""
    kinds = dict.fromkeys((target.api_version, target.kind) for target in targets)
    return {key: kube.resource(*key, deadline=deadline) for key in kinds}
