# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hands what somebody wrote into a release's object over to Helm, so that Helm's next write restores the object.

In server-side apply, which Helm 4 uses, Helm may neither overwrite nor remove the fields of others, but it removes
those of its own that the manifest does not name. So the entries of others in ``managedFields`` become a part of
Helm's, as client-go does it (k8s.io/client-go, util/csaupgrade). This alone changes no value.

Helm 3 overwrites, but never removes what was added: there the object is applied once in the place of others, and that
ownership is given up again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..helm.manifest import objects_of
from ..helm.storage import HelmReader
from ..helm.stored import CorruptRelease, History, ReleaseStatus
from ..kube.api import APPLY, KubeApi, Object
from ..kube.errors import Conflict, NotFound
from ..kube.managed_fields import controllers_of, writers_of
from ..kube.resources import Resource
from ..planning.drift import autoscaled
from .replicas import Entry, by_helm

MANAGER = "todo.cloud-restore"
Path = tuple[str, ...]
_ATTEMPTS = 5  # others write the object too: its status above all
_RESTARTED: Path = ("f:spec", "f:template", "f:metadata", "f:annotations", "f:kubectl.kubernetes.io/restartedAt")
_HOLDS: tuple[Path, ...] = (("f:metadata", "f:finalizers"), ("f:metadata", "f:ownerReferences"))
_REPLICAS: Path = ("f:spec", "f:replicas")

Fields = Mapping[str, Any]  # FieldsV1


def take_over(kube: KubeApi, storage: HelmReader, known: History) -> None:
    """All objects of a release. ``known`` is its history; after a failed rollback no revision of it is deployed."""
    newest = [r for r in known if r.status is ReleaseStatus.DEPLOYED] or list(known)
    try:
        manifest = storage.read(newest[-1].name, newest[-1].revision).manifest if newest else ""
    except CorruptRelease:
        return  # its objects are unknown
    hand_over_all(kube, storage.namespace, objects_of(manifest))


def hand_over_all(kube: KubeApi, namespace: str, items: Iterable[Mapping[str, Any]]) -> None:
    """Objects of a manifest; what an autoscaler scales keeps its replicas."""
    scaled = autoscaled(kube, namespace)
    for item in items:
        hand_over(kube, namespace, item, scaled=(item.get("kind"), item["metadata"].get("name")) in scaled)


def hand_over(kube: KubeApi, namespace: str, item: Mapping[str, Any], *, scaled: bool) -> None:
    """One object of a manifest. ``scaled``: an autoscaler owns its replicas, which stay.

    Raises Conflict when others keep writing it.
    """
    resource = kube.resource(str(item["apiVersion"]), str(item["kind"]))
    where = str(item["metadata"].get("namespace") or namespace) if resource.namespaced else ""
    name = str(item["metadata"]["name"])
    stay = [_RESTARTED, *_HOLDS, *([_REPLICAS] if scaled else [])]
    try:
        entries = _edit(kube, resource, where, name, lambda live: handed_over(live, stay))
        if any(entry.get("manager") == MANAGER for entry in entries):
            kube.patch(resource, where, name, item, content_type=APPLY, field_manager=MANAGER, force=True)
            _edit(kube, resource, where, name, _without_ours)
    except NotFound:
        return  # Helm makes it again


def _edit(
    kube: KubeApi, resource: Resource, where: str, name: str, edit: Callable[[Object], list[Entry]]
) -> list[Entry]:
    """Writes ``managedFields`` as ``edit`` returns them."""
    for attempt in range(_ATTEMPTS):
        live = kube.get(resource, where, name)
        kept = edit(live)
        if kept == (live["metadata"].get("managedFields") or []):
            return kept
        metadata = {"resourceVersion": live["metadata"]["resourceVersion"], "managedFields": kept}
        try:
            kube.patch(resource, where, name, {"metadata": metadata})
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return kept
    raise AssertionError("the loop above returns or raises")


def _without_ours(live: Object) -> list[Entry]:
    return [each for each in live["metadata"].get("managedFields") or [] if each.get("manager") != MANAGER]


def handed_over(live: Object, kept: list[Path]) -> list[Entry]:
    """``managedFields`` in which Helm, or MANAGER for Helm 3, has what neither it nor a controller wrote, except the
    fields ``kept``, which nobody owns then.
    """
    entries: list[Entry] = live["metadata"].get("managedFields") or []
    controllers = controllers_of(writers_of(live))
    others = [each for each in entries if _is_others(each, controllers)]
    if not others:
        return entries
    ours = next((each for each in entries if by_helm(each)), None)
    stand_in = {"manager": MANAGER, "operation": "Apply", "fieldsType": "FieldsV1", "apiVersion": live["apiVersion"]}
    base = ours or stand_in
    fields: Fields = base.get("fieldsV1") or {}
    for each in others:
        if each.get("apiVersion") == base["apiVersion"]:  # paths of another version may mean other fields
            fields = _union(fields, _pruned(each.get("fieldsV1") or {}, kept))
    rest = [each for each in entries if each is not ours and each not in others]
    return [{**base, "fieldsV1": fields}, *rest]


def _is_others(entry: Mapping[str, Any], controllers: frozenset[str]) -> bool:
    manager = str(entry.get("manager"))
    return entry.get("subresource") != "status" and manager not in controllers and not manager.startswith("helm")


def _union(one: Fields, other: Fields) -> dict[str, Any]:
    return {**one, **{key: _union(one[key], below) if key in one else below for key, below in other.items()}}


def _pruned(fields: Fields, paths: list[Path]) -> Fields:
    for path in paths:
        fields = _without(fields, path)
    return fields


def _without(fields: Fields, path: Path) -> Fields:
    if path[0] not in fields:
        return fields
    rest = {key: below for key, below in fields.items() if key != path[0]}
    if len(path) > 1 and (below := _without(fields[path[0]], path[1:])):
        rest[path[0]] = below
    return rest
