# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which workloads of a namespace ask for sidecars, and which pods they own: by owner references, never by labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..kube.api import KubeReader, Object
from ..kube.errors import KubeError
from ..kube.resources import DAEMON_SET, DEPLOYMENT, POD, REPLICA_SET, STATEFUL_SET
from ..readiness.daprd import asks, living
from ..readiness.fields import controller, controller_uid, name, uid
from ..readiness.tree import tree_of

Key = tuple[str, str]  # kind and name of an object
_KINDS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)
_DEEPEST = 10


@dataclass(frozen=True)
class Owner:
    """A workload that asks for sidecars, and the living pods of its newest revision.

    ``tops``: itself and its owners up to the top, one of which a release renders. ``restarts``: whether its controller
    is one that makes pods again, of a revision that is known: other pods are never deleted.
    """

    workload: Object
    pods: tuple[dict[str, Any], ...]
    tops: tuple[Key, ...]
    restarts: bool = False


def owners_of(kube: KubeReader, namespace: str) -> list[Owner]:
    """Workloads of the built-in kinds whose templates ask for sidecars; whatever else owns pods that do."""
    items = [{**item, "kind": kind.kind} for kind in _KINDS for item in kube.list_(kind, namespace)[0]]
    pods = [{**pod, "kind": "Pod"} for pod in kube.list_(POD, namespace)[0]]
    asking = [item for item in items if asks(template_of(item))]
    loose = [pod for pod in pods if asks(pod) and living(pod)]
    sets: list[Object] = []
    if asking or any(controller(pod).get("kind") == "ReplicaSet" for pod in loose):
        sets = [{**each, "kind": "ReplicaSet"} for each in kube.list_(REPLICA_SET, namespace)[0]]
    climber = _Climber(kube, namespace, [*items, *sets])
    found = []
    for item in asking:
        tree = tree_of(item, [*sets, *pods])
        new = tuple(dict(pod) for pod in tree.new_pods if living(pod))
        found.append(Owner(item, new, tuple(climber.tops(item)), restarts=True))
    known = {uid(item) for item in items}
    known |= {uid(each) for each in sets if controller_uid(each) in known}
    return [*found, *_others([pod for pod in loose if controller_uid(pod) not in known], climber)]


def template_of(item: Object) -> Object:
    """A workload's pod template."""
    return (item.get("spec") or {}).get("template") or {}


def _others(pods: Iterable[dict[str, Any]], climber: _Climber) -> Iterator[Owner]:
    """Owners of another kind, a Job or a custom resource, one for each object at the top."""
    groups: dict[Key, list[dict[str, Any]]] = {}
    tops: dict[Key, tuple[Key, ...]] = {}
    for pod in pods:
        chain = tuple(climber.tops(pod))
        groups.setdefault(chain[-1], []).append(pod)
        tops[chain[-1]] = chain
    for (kind, named), own in groups.items():
        bare = {"kind": kind, "metadata": {"name": named}, "spec": {"template": {"metadata": own[0]["metadata"]}}}
        yield Owner(bare, tuple(own), tops[kind, named])


class _Climber:
    """From an object to the top, along the references to controllers. What may not be read ends the way."""

    def __init__(self, kube: KubeReader, namespace: str, known: Iterable[Object]) -> None:
        self._kube = kube
        self._namespace = namespace
        self._known: dict[str, Object | None] = {uid(item): item for item in known}

    def tops(self, item: Object) -> Iterator[Key]:
        yield str(item.get("kind", "")), name(item)
        for _step in range(_DEEPEST):
            owner = controller(item)
            if not owner:
                return
            yield str(owner.get("kind", "")), str(owner.get("name", ""))
            above = self._read(owner)
            if above is None:
                return
            item = above

    def _read(self, owner: Mapping[str, Any]) -> Object | None:
        key = str(owner.get("uid", ""))
        if key not in self._known:
            try:
                resource = self._kube.resource(str(owner.get("apiVersion", "")), str(owner.get("kind", "")))
                namespace = self._namespace if resource.namespaced else ""
                self._known[key] = self._kube.find(resource, namespace, str(owner.get("name", "")), metadata_only=True)
            except KubeError:
                self._known[key] = None
        return self._known[key]
