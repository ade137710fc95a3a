# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment at one moment, read with a few requests, independent of the number of releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from ..digest import digest_of
from ..failure import Code, error
from ..helm.stored import History, StoredRelease, histories_of
from ..kube.api import KubeReader, Object
from ..kube.deadline import Deadline
from ..kube.errors import Forbidden, KubeError, NotFound
from ..kube.resources import CONFIG_MAP, DAEMON_SET, DEPLOYMENT, POD, SECRET, STATEFUL_SET, Resource
from ..readiness.daprd import living, pods_of
from ..readiness.graces import grace_of
from ..readiness.kinds import status_of
from ..readiness.rule import NOT_JUDGED
from ..readiness.rules import BUILT_IN
from ..readiness.status import State, Status
from ..readiness.unreported import unreported
from ..records.record import Header, Record, headers_of
from ..records.store import RecordStore
from ..rollout.targets import Target, targets_of_manifest
from ..rollout.verdict import WaitOptions
from .live import Listed, Listing, by_release
from .spec import Watch

WORKLOADS: Mapping[str, Resource] = {r.kind: r for r in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)}
_FOREIGN_SECONDS = 10.0


@dataclass
class Snapshot:
    """What is deployed, what was verified, and how the workloads are. ``newest``: the newest record that is not
    withdrawn. ``listed``: the releases' objects of the kinds that were listed.
    """

    histories: Mapping[str, History]
    version_ids: Mapping[Watch, str]
    headers: Sequence[Header]
    newest: Record | None
    workloads: Mapping[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    pods: Sequence[dict[str, Any]] = ()
    warnings: Sequence[str] = ()
    custom: Mapping[Target, Status] = field(default_factory=dict)  # and workloads of other namespaces
    listed: Listed = field(default_factory=dict)
    without_secrets: bool = False  # they may not be read, and so no history either

    def history(self, name: str) -> History:
        """Revisions of a release, oldest first."""
        return self.histories.get(name, [])

    def with_history(self, name: str, history: History) -> Snapshot:
        """The same moment with a history that was read again."""
        return replace(self, histories={**self.histories, name: history})

    def pods_of(self, workload: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Pods of a workload, without those that are being deleted."""
        return [p for p in pods_of(workload, self.pods) if not p["metadata"].get("deletionTimestamp")]

    def living_pods_of(self, workload: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The same without those that have ended: evicted ones stay for long, also those of earlier images."""
        return [pod for pod in self.pods_of(workload) if living(pod)]

    def status(self, target: Target) -> Status:
        """Status of a workload or a custom resource at this moment."""
        if target.custom or target in self.custom:
            return self.custom.get(target, NOT_JUDGED)
        item = self.workloads.get((target.kind, target.name))
        if item is None:
            return Status(State.NOT_FOUND, f"{target.label} does not exist")
        return status_of(item, pods_of(item, self.pods))


def take(
    kube: KubeReader,
    store: RecordStore,
    namespace: str,
    environment: str,
    kinds: Iterable[str] = (),
    wait: WaitOptions | None = None,
    targets: Iterable[Target] = (),
    listings: Iterable[Listing] = (),
    *,
    remembered: bool = False,
    secrets_optional: bool = False,
) -> Snapshot:
    """Reads the environment: three requests, one more for each kind of workload (those that a record or ``targets``
    name, and ``kinds``), one for pods; as many for each other namespace that they name; two more for each kind of
    custom resource that they name and that says something. ``wait``: what their status means, and for how long they
    may have none. ``listings``: kinds whose metadata is listed as well, and with ``remembered`` those of which the
    newest record remembers digests: one request each. ``secrets_optional``: without the right to read Secrets it has
    no histories; else that is refused.
    """
    with ThreadPoolExecutor(8) as pool:
        reading = pool.submit(_secrets, kube, namespace, secrets_optional)
        maps = pool.submit(_metadata, kube, CONFIG_MAP, namespace)
        headers = headers_of(maps.result(), environment)
        warnings: list[str] = []
        newest = next(store.readable(headers, warnings.append), None)
        members = newest.members.values() if newest else ()
        named = {t: None for m in members for t in m.targets}
        named |= dict.fromkeys(targets)
        custom = pool.submit(_custom, kube, [t for t in named if t.custom], wait or WaitOptions(), warnings, namespace)
        away = [t for t in named if is_workload(t) and t.namespace not in ("", namespace)]
        elsewhere = pool.submit(_elsewhere, kube, away, warnings) if away else None
        here = {t.kind for t in named if not t.custom and t not in away}
        in_full = sorted((here | set(kinds)) & WORKLOADS.keys())
        workloads = [pool.submit(kube.list_, WORKLOADS[kind], namespace) for kind in in_full]
        pods = pool.submit(kube.list_, POD, namespace) if in_full else None
        listed: dict[Listing, Iterable[Object]] = {
            _listing(WORKLOADS[kind]): [_typed(WORKLOADS[kind], item) for item in items.result()[0]]
            for kind, items in zip(in_full, workloads, strict=True)
        }
        found = {(key.kind, item["metadata"]["name"]): item for key, items in listed.items() for item in items}
        statuses, resources = custom.result()
        secrets = reading.result() or []
        listed |= {_listing(CONFIG_MAP): [{"metadata": each} for each in maps.result()], **resources}
        listed |= {} if reading.result() is None else {_listing(SECRET): [{"metadata": each} for each in secrets]}
        wanted = {*listings, *(key for m in members for key in Listing.of(m.live) if remembered)}
        listed |= _further(kube, namespace, wanted - listed.keys(), pool, warnings)
        return Snapshot(
            histories=histories_of(secrets),
            version_ids={**_version_ids("Secret", secrets), **_version_ids("ConfigMap", maps.result())},
            headers=headers,
            newest=newest,
            warnings=warnings,
            workloads=found,
            pods=pods.result()[0] if pods else (),
            custom={**statuses, **(elsewhere.result() if elsewhere else {})},
            listed={listing: by_release(items, namespace) for listing, items in listed.items()},
            without_secrets=reading.result() is None,
        )


def _listing(resource: Resource) -> Listing:
    return Listing(resource.api_version, resource.kind)


def _typed(resource: Resource, item: Object) -> Object:
    """Items of a list carry no kind of their own."""
    return {**item, "apiVersion": resource.api_version, "kind": resource.kind}


def _further(
    kube: KubeReader, namespace: str, listings: Iterable[Listing], pool: ThreadPoolExecutor, warnings: list[str]
) -> dict[Listing, list[Object]]:
    """The metadata of all objects of some kinds, one request each, without the kinds that may not be listed. A custom
    kind whose conversion webhook or API server is down stops nobody.
    """

    def one(listing: Listing) -> list[Object] | None:
        group = listing.api_version.rpartition("/")[0]
        deadline = None if group in BUILT_IN else Deadline.after(_FOREIGN_SECONDS)
        try:
            resource = kube.resource(listing.api_version, listing.kind, deadline=deadline)
            where = (listing.namespace or namespace) if resource.namespaced else ""
            return kube.list_(resource, where, metadata_only=True, deadline=deadline)[0]
        except NotFound:  # the kind is gone, and its objects with it
            return []
        except Forbidden:
            return None
        except KubeError as exc:
            if group in BUILT_IN:
                raise
            warnings.append(f"Whether somebody changed objects of kind {listing.kind} is not known: {exc}")
            return None

    kinds = sorted(listings)
    return {key: items for key, items in zip(kinds, pool.map(one, kinds), strict=True) if items is not None}


def _elsewhere(kube: KubeReader, targets: Sequence[Target], warnings: list[str]) -> dict[Target, Status]:
    """Status of workloads of other namespaces; what may not be read is not Current."""
    found: dict[Target, Status] = {}
    for namespace in dict.fromkeys(target.namespace for target in targets):
        ours = [target for target in targets if target.namespace == namespace]
        try:
            pods = kube.list_(POD, namespace)[0]
            for kind in dict.fromkeys(target.kind for target in ours):
                form = {"apiVersion": WORKLOADS[kind].api_version, "kind": kind}
                items = {
                    item["metadata"]["name"]: {**item, **form} for item in kube.list_(WORKLOADS[kind], namespace)[0]
                }
                for target in ours:
                    if target.kind == kind and (item := items.get(target.name)):
                        found[target] = status_of(item, pods_of(item, pods))
        except Forbidden as exc:
            warnings.append(f"Workloads of namespace {namespace} are not judged: {exc.failure.message}")
        for target in ours:
            found.setdefault(target, Status(State.NOT_FOUND, f"{target.label} does not exist in namespace {namespace}"))
    return found


def _custom(
    kube: KubeReader, targets: Sequence[Target], wait: WaitOptions, warnings: list[str], own: str
) -> tuple[dict[Target, Status], dict[Listing, list[Object]]]:
    """Status of the custom resources that say something, one LIST per kind and namespace, and all that were listed;
    what may not be read is not Current.
    """
    found: dict[Target, Status] = {}
    objects: dict[Listing, list[Object]] = {}
    rules = wait.rules
    kinds: dict[tuple[str, str, str], list[Target]] = {}
    for target in targets:
        if not rules.is_silent(target.group, target.kind, reports=True):
            kinds.setdefault((target.api_version, target.kind, target.namespace), []).append(target)
    for (api_version, kind, namespace), ours in kinds.items():
        items: dict[str, dict[str, Any]] = {}
        try:
            resource = kube.resource(api_version, kind)
            if rules.is_silent(resource.group, kind, reports=resource.has_status):
                continue
            listed = kube.list_(resource, namespace if resource.namespaced else "")[0]
            items = {item["metadata"]["name"]: {"apiVersion": api_version, "kind": kind, **item} for item in listed}
            objects[Listing(api_version, kind, "" if namespace == own else namespace)] = list(items.values())
        except NotFound:  # its kind is gone, and it with it
            resource = None
        except Forbidden as exc:
            warnings.append(f"{kind} is not judged: {exc.failure.message}")
            resource = None
        for target in ours:
            reports = resource is None or resource.has_status
            item = items.get(target.name)
            grace = grace_of("no_status", wait.patience(target.release).graces)
            now = status_of(item, rules=rules, reports=reports)
            found[target] = unreported(item, now, kube.server_now(), grace)[0] if item else now
    return found, objects


def version_id(metadata: Mapping[str, Any]) -> str:
    """Identifies an object's content without revealing it: from its uid and resourceVersion."""
    return digest_of(str(metadata.get("uid")).encode(), str(metadata.get("resourceVersion")).encode())[:12]


def _secrets(kube: KubeReader, namespace: str, optional: bool) -> list[dict[str, Any]] | None:
    """Metadata of all Secrets; None where they may not be listed and need not be."""
    try:
        return _metadata(kube, SECRET, namespace)
    except Forbidden as exc:
        if optional:
            return None
        text = (
            f"{exc.failure.message.rstrip('.')}, in which Helm keeps its releases: nothing can be planned or deployed "
            "without them. status.yml shows what runs all the same."
        )
        raise error(Code.FORBIDDEN, text, **exc.failure.details) from exc


def _metadata(kube: KubeReader, resource: Resource, namespace: str) -> list[dict[str, Any]]:
    return [item["metadata"] for item in kube.list_(resource, namespace, metadata_only=True)[0]]


def _version_ids(kind: str, metadata: Iterable[Mapping[str, Any]]) -> dict[Watch, str]:
    return {Watch(kind, m["name"]): version_id(m) for m in metadata if (m.get("labels") or {}).get("owner") != "helm"}


def is_workload(target: Target) -> bool:
    """Whether it is one of :data:`WORKLOADS`, and not another group's kind of that name."""
    return target.kind in WORKLOADS and not target.custom


def targets_of(stored: StoredRelease) -> list[Target]:
    """The objects of a release that have to become Current."""
    return targets_of_manifest(stored.manifest, stored.namespace, stored.name)


def image_digest(image_id: str) -> str:
    """The registry's digest (``sha256:...``) in a container's imageID, without the runtime's prefix.

    Empty for an ID without a name (``sha256:…``, ``docker://sha256:…``): that is the digest of the image's
    configuration on the node, which cannot be pulled.
    """
    name, at, digest = image_id.rpartition("://")[2].rpartition("@")
    return digest if name and at else ""


def images_of(targets: Iterable[Target], snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """``Deployment/backend-api/app`` -> the image reference and the digest that its pods run."""
    found: dict[str, dict[str, str]] = {}
    for target in targets:
        workload = (
            None if target in snapshot.custom or target.custom else snapshot.workloads.get((target.kind, target.name))
        )
        for pod in snapshot.living_pods_of(workload) if workload else ():
            status, spec = pod.get("status") or {}, pod["spec"]
            statuses = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
            ids = {s["name"]: s.get("imageID", "") for s in statuses}
            for container in [*spec["containers"], *(spec.get("initContainers") or ())]:
                place = f"{target.kind}/{target.name}/{container['name']}"
                digest = image_digest(ids.get(container["name"], ""))
                if digest or place not in found:  # a pod that just starts has none yet
                    found[place] = {"image": container.get("image", ""), "digest": digest}
    return found
