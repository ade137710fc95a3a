# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose pods are these: follows owner references through kinds that are not watched (a pod set, a revision)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..failure import TodoCloudError
from ..kube.api import KubeObserver, Object
from ..kube.deadline import Deadline
from ..readiness.fields import metadata, uid

_DEPTH = 6
# Owners are read one by one, each once: more than these would be somebody else's pods.
_MOST_READS = 40


class Owners:
    """Owner references of pods, transitively. Reads the metadata of owners that nobody watches, each once."""

    def __init__(self, kube: KubeObserver, deadline: Deadline) -> None:
        self._kube = kube
        self._deadline = deadline
        self._read: dict[str, Object | None] = {}

    def pods_of(self, roots: set[str], pods: Iterable[Object], known: Mapping[str, Object]) -> dict[str, list[Object]]:
        """Pods by the uid of the root that owns them. ``known``: watched objects by uid."""
        found: dict[str, list[Object]] = {}
        for pod in pods:
            root = next((owner for owner in self._owners(pod, roots, known, _DEPTH) if owner in roots), "")
            if root:
                found.setdefault(root, []).append(pod)
        return found

    def _owners(self, obj: Object, roots: set[str], known: Mapping[str, Object], depth: int) -> Iterator[str]:
        """uids of all owners; operators do not always call themselves the controller."""
        namespace = str(metadata(obj).get("namespace") or "")
        for reference in metadata(obj).get("ownerReferences") or ():
            owner = str(reference.get("uid"))
            yield owner
            if owner in roots or not depth:
                continue
            above = known.get(owner) or self._owner(owner, reference, namespace)
            if above is not None:
                yield from self._owners(above, roots, known, depth - 1)

    def _owner(self, owner: str, reference: Mapping[str, Any], namespace: str) -> Object | None:
        if owner not in self._read:
            self._read[owner] = self._look(owner, reference, namespace) if len(self._read) < _MOST_READS else None
        return self._read[owner]

    def _look(self, owner: str, reference: Mapping[str, Any], namespace: str) -> Object | None:
        try:
            resource = self._kube.resource(
                str(reference.get("apiVersion")), str(reference.get("kind")), deadline=self._deadline
            )
            found = self._kube.find(
                resource, namespace if resource.namespaced else "", str(reference.get("name")), metadata_only=True,
                deadline=self._deadline,
            )  # fmt: skip
        except TodoCloudError:  # what may not be read explains nothing
            return None
        return found if found is not None and uid(found) == owner else None
