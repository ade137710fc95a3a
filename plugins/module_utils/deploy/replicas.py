# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hands replica counts over between Helm and autoscalers without stopping a pod.

In server-side apply, which Helm 4 uses, a field that its last owner no longer names is removed, and the API server
makes one replica of none; and a field that an autoscaler owns cannot be named. So before Helm writes, both give their
ownership of ``spec.replicas`` up, and the count stays as it is. Helm takes the field again if the new manifest names
it. After a run that died here nobody owns the count, which changes nothing.
Ownership is edited as client-go does it (k8s.io/client-go, util/csaupgrade).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..helm.manifest import objects_of
from ..helm.storage import HelmReader
from ..helm.stored import CorruptRelease, History, ReleaseStatus
from ..kube.api import KubeApi, Object
from ..kube.errors import Conflict, NotFound
from ..kube.managed_fields import scaled_by

_ATTEMPTS = 5  # others write the object too: its status above all

Entry = Mapping[str, Any]  # of metadata.managedFields


def free_replicas(kube: KubeApi, storage: HelmReader, known: History) -> None:
    """For every workload of a release that Helm is about to write. ``known`` is the release's history."""
    newest = [r for r in known if r.status is ReleaseStatus.DEPLOYED] or list(known)
    if not newest:
        return
    try:
        objects = objects_of(storage.read(newest[-1].name, newest[-1].revision).manifest)
    except (CorruptRelease, NotFound):
        return  # its workloads are unknown
    scaled = scaled_by(objects)
    for item in objects:
        autoscaled = (item.get("kind"), (item.get("metadata") or {}).get("name")) in scaled
        if autoscaled or isinstance(_spec(item).get("replicas"), int):
            _free(kube, storage.namespace, item, autoscaled)


def without_replicas(entries: list[Entry], gives_up: Callable[[Entry], bool]) -> list[Entry]:
    """``managedFields`` in which ``spec.replicas`` belongs to nobody who gives it up."""
    found = (_without(each) if _owns(each) and gives_up(each) else each for each in entries)
    return [each for each in found if each.get("fieldsV1")]


def by_helm(entry: Entry) -> bool:
    """Written by Helm's server-side apply."""
    return entry.get("operation") == "Apply" and str(entry.get("manager")).startswith("helm")


def by_scale(entry: Entry) -> bool:
    """Written as autoscalers do it."""
    return entry.get("subresource") == "scale"


def _free(kube: KubeApi, namespace: str, item: Mapping[str, Any], autoscaled: bool) -> None:
    name = str(item["metadata"]["name"])
    for attempt in range(_ATTEMPTS):
        try:
            resource = kube.resource(str(item["apiVersion"]), str(item["kind"]))
            where = str(item["metadata"].get("namespace") or namespace) if resource.namespaced else ""
            live = kube.get(resource, where, name)
            if kept := _freed(live, autoscaled):
                metadata = {"resourceVersion": live["metadata"]["resourceVersion"], "managedFields": kept}
                kube.patch(resource, where, name, {"metadata": metadata})
            return
        except NotFound:
            return
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise


def _freed(live: Object, autoscaled: bool) -> list[Entry]:
    """The ownership to write; empty when it is right already."""
    entries = live["metadata"].get("managedFields") or []
    more_than_default = _spec(live).get("replicas", 0) > 1
    kept = without_replicas(entries, lambda e: (more_than_default and by_helm(e)) or (autoscaled and by_scale(e)))
    return kept if kept != entries else []


def _spec(item: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = item.get("spec")
    return spec if isinstance(spec, dict) else {}


def _owns(entry: Entry) -> bool:
    return "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})


def _without(entry: Entry) -> Entry:
    fields = dict(entry["fieldsV1"])
    if not (spec := {field: below for field, below in fields.pop("f:spec").items() if field != "f:replicas"}):
        return {**entry, "fieldsV1": fields}
    return {**entry, "fieldsV1": {**fields, "f:spec": spec}}
