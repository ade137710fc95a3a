# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a release may hold: objects of its own namespace or of an allowed one, and none that belongs to another release.
It is compared with what a chart renders, or a stored revision holds, before anything is written.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..failure import Code, TodoCloudError, error
from ..helm.manifest import documents_of, is_kept
from ..helm.state import Action
from ..helm.storage import HelmReader
from ..helm.stored import StoredRelease
from ..kube.api import KubeReader
from ..kube.errors import Forbidden, NotFound
from ..kube.resources import Resource
from ..labels import OWNER_NAMESPACE, OWNER_RELEASE
from ..parsing import quoted
from ..planning.plan import PlanItem
from ..preflight.problem import Problem, failure_of

_MANAGER = "app.kubernetes.io/managed-by"
_SIDE_BY_SIDE = 8
_DEPTH = 5  # of lists in lists


class Item(NamedTuple):
    """One object of a release. ``namespace`` is empty for a cluster-scoped kind; ``resource`` None if it is unknown."""

    release: str
    api_version: str
    kind: str
    namespace: str
    name: str
    resource: Resource | None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Contents:
    """The objects of some releases, and what is wrong with them."""

    items: tuple[Item, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def cluster_scoped(self) -> dict[str, list[str]]:
        """Cluster-scoped objects by release."""
        found: dict[str, list[str]] = {}
        for item in self.items:
            if item.resource and not item.resource.namespaced:
                found.setdefault(item.release, []).append(str(item))
        return found

    def notes(self) -> list[str]:
        """Lines for the plan."""
        return [f"{name}: cluster-scoped: {', '.join(found)}" for name, found in sorted(self.cluster_scoped.items())]

    def check(self) -> None:
        """Raises foreign_object with all problems."""
        if failure := failure_of(self.problems):
            raise TodoCloudError(failure)


def foreign(release: str, message: str, remedy: str) -> Problem:
    """Something that a release may not hold."""
    return Problem(release, Code.FOREIGN_OBJECT, message, remedy)


def second_histories(plan: Iterable[PlanItem], storage: HelmReader) -> list[Problem]:
    """Releases that would be installed although Helm may have their history elsewhere than in Secrets."""
    reasons = {item.name: storage.second_history(item.name) for item in plan if item.action is Action.INSTALL}
    found = []
    for name, reason in reasons.items():
        why, _colon, remedy = reason.partition(": ")
        found += [foreign(name, why, remedy)] if why else []
    return found


@dataclass
class Boundary:
    """The boundary of one namespace's releases; threads may share it. ``allowed``: other namespaces that they may write
    to.
    """

    kube: KubeReader
    namespace: str
    allowed: Sequence[str] = ()
    _owners: dict[tuple[Resource, str], Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    _listing: threading.Lock = field(default_factory=threading.Lock)

    def look(
        self, manifests: Mapping[str, Sequence[str]], crds: Mapping[str, str] | None = None, *, live: bool = True
    ) -> Contents:
        """What releases hold, by name: manifests and those of hooks. ``live``: who owns these objects is read too.

        ``crds``: what Helm creates with a first installation, unless it is there already.
        """
        items = tuple(item for name, texts in manifests.items() for text in texts for item in self._items(name, text))
        problems = [*self._elsewhere(items), *self._twice(items), *(self._owned_by_others(items) if live else ())]
        problems += [p for name, texts in manifests.items() if texts for p in self._repeated(name, texts[0])]
        brought = tuple(
            item for name, text in (crds or {}).items() for item in self._items(name, text) if not self._is_there(item)
        )
        return Contents((*items, *brought), tuple(dict.fromkeys([*problems, *self._elsewhere(brought)])))

    def _is_there(self, item: Item) -> bool:
        try:
            where = item.resource, item.namespace, item.name
            return where[0] is not None and self.kube.find(where[0], *where[1:], metadata_only=True) is not None
        except Forbidden:
            return False

    def look_at(self, releases: Iterable[StoredRelease]) -> Contents:
        """The same for stored revisions."""
        return self.look({stored.name: (stored.manifest, *stored.hooks) for stored in releases})

    def removal(self, stored: StoredRelease, runs: Sequence[str] = ()) -> Contents:
        """What Helm may delete because of a stored revision: it asks nobody whose an object is, and whoever may write
        Secrets may have written it. ``runs``: events for which its hooks run.
        """
        items = tuple(self._items(stored.name, stored.manifest))
        problems = [*self._elsewhere(items), *filter(None, map(self._unmarked, items))]
        events = stored.events or ((),) * len(stored.hooks)
        hooks = [text for text, when in zip(stored.hooks, events, strict=True) if set(when) & set(runs)]
        made = tuple(item for text in hooks for item in self._items(stored.name, text))
        problems += self._elsewhere(made)
        for item in made:
            if item.resource and not item.resource.namespaced:
                message = f"a hook of revision {stored.revision} would make {quoted(item)}, which is cluster-scoped"
                problems.append(foreign(item.release, message, "call Helm yourself if this is meant"))
        return Contents(items, tuple(dict.fromkeys(problems)))

    def _unmarked(self, item: Item) -> Problem | None:
        """Outside of the namespace only what Helm marked as the release's is the release's."""
        if item.resource is None or item.namespace == self.namespace:
            return None
        try:
            found = self.kube.find(item.resource, item.namespace, item.name, metadata_only=True)
        except Forbidden:
            return None  # then it may not be deleted either
        notes = _texts((found or {}).get("metadata", {}).get("annotations"))
        owner = notes.get(OWNER_RELEASE), notes.get(OWNER_NAMESPACE)
        if found is None or owner == (item.release, self.namespace) or is_kept(found):
            return None
        message = f"{quoted(item)} is not marked as the release's, but stands in what Helm stored of it"
        return foreign(item.release, message, "look who wrote that, and remove the revision or mark the object")

    def _items(self, release: str, manifest: str) -> Iterator[Item]:
        for found in (item for document in documents_of(manifest) for item in _flat(document, 0)):
            metadata = found.get("metadata")
            metadata = metadata if isinstance(metadata, dict) else {}
            api_version, kind = str(found.get("apiVersion", "")), str(found.get("kind", ""))
            resource = self._resource(api_version, kind)
            where = "" if resource and not resource.namespaced else str(metadata.get("namespace") or self.namespace)
            yield Item(release, api_version, kind, where, str(metadata.get("name", "")), resource)

    def _resource(self, api_version: str, kind: str) -> Resource | None:
        try:
            return self.kube.resource(api_version, kind)
        except (NotFound, KeyError):
            return None  # of a CRD that is not there yet

    def _elsewhere(self, items: Iterable[Item]) -> Iterator[Problem]:
        for item in items:
            if item.namespace not in ("", self.namespace, *self.allowed):
                message = (
                    f"{quoted(item)} is in namespace {quoted(item.namespace)}, but the release is in {self.namespace!r}"
                )
                yield foreign(item.release, message, "name that namespace in allowed_namespaces if this is meant")

    def _twice(self, items: Iterable[Item]) -> Iterator[Problem]:
        seen: dict[tuple[str, str, str, str], str] = {}
        for item in items:
            key = (item.api_version.partition("/")[0], item.kind, item.namespace, item.name)
            other = seen.setdefault(key, item.release)
            if item.name and other != item.release:
                yield foreign(item.release, f"{quoted(item)} belongs to release {other} too", "rename one of them")

    def _repeated(self, release: str, manifest: str) -> Iterator[Problem]:
        """Objects that are in one release's own manifest more than once: Helm writes all of them."""
        for item, count in Counter(self._items(release, manifest)).items():
            if item.name and count > 1:
                message = f"the chart has {quoted(item)} {count} times, and only one of them counts"
                yield Problem(release, Code.CHART_INVALID, message, "leave one of them", certain=False)

    def _owned_by_others(self, items: Sequence[Item]) -> Iterator[Problem]:
        for item, metadata in self._live(items):
            if owner := _other_owner(metadata, item.release, self.namespace):
                message = f"{quoted(item)} is there already and belongs to {owner}"
                yield foreign(item.release, message, "rename it, or remove the one that is there")

    def nobodys(self, release: str, manifest: str) -> Iterator[Item]:
        """Objects of a release that are there already, and that neither Helm nor anybody else marked as theirs."""
        marks = {OWNER_RELEASE: release, OWNER_NAMESPACE: self.namespace}
        for item, metadata in self._live(tuple(self._items(release, manifest))):
            notes, labels = (_texts(metadata.get(key)) for key in ("annotations", "labels"))
            marked = labels.get(_MANAGER) == "Helm" and marks.items() <= notes.items()
            if not marked and not _other_owner(metadata, release, self.namespace):
                yield item

    def _live(self, items: Sequence[Item]) -> Iterator[tuple[Item, Mapping[str, Any]]]:
        """Those that are there, with their metadata."""
        wanted = {(item.resource, item.namespace) for item in items if item.resource}
        with self._listing, ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            todo = sorted(wanted - self._owners.keys(), key=str)
            self._owners.update(zip(todo, pool.map(lambda each: self._listed(*each), todo), strict=True))
        for item in items:
            if item.resource and (metadata := self._owners[item.resource, item.namespace].get(item.name)):
                yield item, metadata

    def _listed(self, resource: Resource, namespace: str) -> Mapping[str, Mapping[str, Any]]:
        try:
            found = self.kube.list_(resource, namespace, metadata_only=True)[0]
        except (Forbidden, NotFound):
            return {}  # Helm refuses what it may not take over
        return {str(item["metadata"].get("name")): item["metadata"] for item in found}


def _flat(document: Any, depth: int) -> Iterator[dict[str, Any]]:
    """An object, or those in a list, as the API's clients read it: whatever has items is a list, by any kind."""
    if not isinstance(document, dict):
        return
    items = document.get("items")
    if not isinstance(items, list):
        yield document
    elif depth < _DEPTH:
        for item in items:
            yield from _flat(item, depth + 1)
    else:
        raise error(Code.HELM_FAILED, "A release's manifest has lists nested too deeply.")


def _other_owner(metadata: Mapping[str, Any], release: str, namespace: str) -> str:
    """Whom an object belongs to, if not to this release; empty if it is its own, or nobody's."""
    notes, labels = (_texts(metadata.get(key)) for key in ("annotations", "labels"))
    if OWNER_RELEASE in notes:
        owner = notes[OWNER_RELEASE], notes.get(OWNER_NAMESPACE, namespace)
        return "" if owner == (release, namespace) else f"release {quoted(owner[0])} of namespace {quoted(owner[1])}"
    manager = labels.get(_MANAGER, "")
    return "" if manager in ("", "Helm") else quoted(manager)


def _texts(raw: object) -> Mapping[str, str]:
    return {str(key): str(value) for key, value in raw.items()} if isinstance(raw, Mapping) else {}
