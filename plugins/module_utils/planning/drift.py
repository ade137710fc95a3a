# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Drift: differences between the objects in the cluster and a release's manifest, and who made them.

Each object is applied by a server-side dry run under its own field manager. What the result has and the live object
lacks was changed; fields that somebody else owns and the release does not set were added. Nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ..helm.manifest import key_of, objects_of
from ..helm.stored import StoredRelease
from ..kube.api import APPLY, KubeApi, KubeReader
from ..kube.errors import Forbidden, KubeError, NotFound, Refused
from ..kube.managed_fields import (
    HOLDS,
    RESTARTED,
    Writer,
    controllers_of,
    leaves,
    owners,
    parts_of,
    scaled_by,
    writers_of,
)
from ..kube.resources import WELL_KNOWN
from ..labels import OWNER_NAMESPACE, OWNER_RELEASE
from ..masking import masked
from .credentials import is_credential
from .live import Listing, listing_of, passes

MANAGER = "todo.cloud-drift"
_AUTOSCALER = WELL_KNOWN["autoscaling/v2", "HorizontalPodAutoscaler"]
# Set by the server
_OWN = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"})
_IGNORED = ("apiVersion", "kind", "status", "metadata")
_ACTS = frozenset({RESTARTED, "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]"})
_HELMS = frozenset({
    f"metadata.annotations[{OWNER_RELEASE}]", f"metadata.annotations[{OWNER_NAMESPACE}]",
    "metadata.labels[app.kubernetes.io/managed-by]",
})  # fmt: skip
_BUNDLE = ".caBundle"  # of webhooks, API services and CRDs: whoever issues the certificate writes it
_LONG = 80
_GONE = object()


@dataclass(frozen=True)
class Drift:
    """One difference. ``path`` is empty for a whole object. Values of Secrets are hidden."""

    release: str
    kind: str
    name: str
    path: str
    change: str  # changed, added, removed, missing, unknown
    message: str
    wanted: str = ""
    found: str = ""
    by: str = ""
    when: str = ""

    @property
    def known(self) -> bool:
        """Whether the object could be compared."""
        return self.change != "unknown"

    def as_result(self) -> dict[str, str]:
        """Plain JSON."""
        return asdict(self)


def drift_of(kube: KubeApi, namespace: str, releases: Iterable[StoredRelease]) -> list[Drift]:
    """Differences of all objects of some releases of one namespace, in the order of their manifests."""
    objects = [(stored.name, item) for stored in releases for item in objects_of(stored.manifest)]
    scaled = autoscaled(kube, namespace) if objects else frozenset()
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda pair: _object(kube, namespace, pair[0], pair[1], scaled), objects)
        return [drift for each in found for drift in each]


def deleted(kube: KubeReader, namespace: str, manifest: str, kinds: Container[str] | None = None) -> list[str]:
    """Objects of a manifest that are not there any more, as ``Kind name``: one list of metadata for each kind, or each
    of ``kinds``. What may not be listed counts as there.
    """
    wanted: dict[Listing, set[str]] = {}
    for item in objects_of(manifest):
        kind, _namespace, name = key_of(item)
        if name and not passes(item) and (kinds is None or kind in kinds):
            wanted.setdefault(listing_of(item, namespace), set()).add(name)

    def gone(listing: Listing) -> list[str]:
        try:
            resource = kube.resource(listing.api_version, listing.kind)
            where = (listing.namespace or namespace) if resource.namespaced else ""
            found = kube.list_(resource, where, metadata_only=True)[0]
        except (Forbidden, NotFound):
            return []
        there = {str(item["metadata"]["name"]) for item in found}
        return [f"{listing.kind} {name}" for name in sorted(wanted[listing] - there)]

    with ThreadPoolExecutor(8) as pool:
        return [text for each in pool.map(gone, wanted) for text in each]


def autoscaled(kube: KubeApi, namespace: str) -> frozenset[tuple[str, str]]:
    """(kind, name) of objects that an autoscaler scales."""
    try:
        return scaled_by(kube.list_(_AUTOSCALER, namespace)[0])
    except Forbidden:
        return frozenset()


def _object(
    kube: KubeApi, namespace: str, release: str, item: dict[str, Any], scaled: frozenset[tuple[str, str]]
) -> list[Drift]:
    kind, name = str(item.get("kind", "")), str((item.get("metadata") or {}).get("name", ""))
    label = f"{kind}/{name}"

    def whole(change: str, text: str) -> list[Drift]:
        return [Drift(release, kind, name, "", change, f"{label} {text}")]

    try:
        resource = kube.resource(str(item.get("apiVersion", "")), kind)
        where = str(item["metadata"].get("namespace") or namespace) if resource.namespaced else ""
        live = kube.find(resource, where, name)
        if live is None:
            return [] if passes(item) else whole("missing", "does not exist")
        want = kube.patch(
            resource, where, name, item, content_type=APPLY, field_manager=MANAGER, force=True, dry_run=True
        )
    except Refused as exc:
        if "dry run" in str(exc):  # a webhook that takes none
            return whole("unknown", f"could not be compared: {exc}")
        return whole("changed", f"could not be restored to the release's manifest: {exc}")
    except KubeError as exc:
        return whole("unknown", f"could not be compared: {exc}")
    ignored = _ACTS | ({"spec.replicas"} if (kind, name) in scaled else set())
    found = [*_changed(live, want), *_added(live, item)]
    return [
        Drift(release, kind, name, path, change, _sentence(label, path, change, wanted, value, by), wanted, value,
              by.manager if by else "", by.time if by else "")
        for path, change, wanted, value, by in (_hidden(each, kind) for each in found)
        if path not in ignored and not path.endswith(_BUNDLE) and not path.startswith(HOLDS)
    ]  # fmt: skip


class _Found(NamedTuple):
    path: str
    change: str
    wanted: str
    found: str
    by: Writer | None


def _changed(live: Mapping[str, Any], want: Mapping[str, Any]) -> Iterator[_Found]:
    """Fields that the release would restore, without those that only controllers write."""
    now, then, writers = leaves(_content(live)), leaves(_content(want)), writers_of(live)
    controllers = controllers_of(writers)
    gone: dict[str, None] = {}  # a missing parent is reported once
    for path in sorted(now.keys() | then.keys()):
        value, wanted = now.get(path, _GONE), then.get(path, _GONE)
        if value == wanted or (wanted is _GONE and any(p.startswith((f"{path}.", f"{path}[")) for p in then)):
            continue
        by = owners(writers, path)
        if by and all(writer.manager in controllers for writer in by):
            continue
        if value is _GONE and (top := _top(path, now)) != path:
            gone.setdefault(top, None)
            continue
        change = "removed" if value is _GONE else "changed"
        yield _Found(path, change, _shown(path, wanted), _shown(path, value), by[0] if by else None)
    yield from (_Found(top, "removed", "it exists", "", None) for top in gone)


def _added(live: Mapping[str, Any], item: Mapping[str, Any]) -> Iterator[_Found]:
    """Fields that neither the release nor a controller added. Those that Helm owns and the release does not set were
    handed over to it by a run that died before Helm removed them.
    """
    values, named, writers = leaves(_content(live)), _named(item), writers_of(live)
    helms, controllers = [writer for writer in writers if writer.is_helm], controllers_of(writers)
    for writer in writers:
        if writer.manager in controllers or writer.subresource == "status" or (writer.is_helm and not writer.applied):
            continue
        for path, value in values.items():
            if path in named or path in _HELMS or _names_entry(path, value, values):
                continue
            # Whoever owns a field as a whole owns what is below it, unless somebody owns that by itself.
            own = path in writer.paths
            shared = any(path in helm.paths for helm in helms) if own else bool(owners(helms, path))
            left = writer.is_helm and own
            if left or (not writer.is_helm and writer.owns(path) and not shared):
                yield _Found(path, "added", "", _shown(path, value), None if left else writer)


def _names_entry(path: str, value: Any, others: Iterable[str]) -> bool:
    """Whether it only names an entry of a list (``env[LEVEL].name``) that has other fields."""
    entry = path.rpartition(".")[0]
    return entry.endswith(f"[{value}]") and any(each != path and each.startswith(f"{entry}.") for each in others)


def _named(item: Mapping[str, Any]) -> frozenset[str]:
    """Fields that an object of a manifest sets."""
    paths = leaves(item).keys()
    return frozenset({*paths, *(path.replace("stringData", "data", 1) for path in paths if path.startswith("string"))})


def _top(path: str, existing: Iterable[str]) -> str:
    """The topmost parent of a path below which nothing exists."""
    top: str = ""
    for step in parts_of(path):
        top += step
        if not any(p == top or p.startswith((f"{top}.", f"{top}[")) for p in existing):
            return top
    return path


def _content(obj: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _OWN}
    return {key: value for key, value in obj.items() if key not in _IGNORED} | {"metadata": metadata}


def _hidden(found: _Found, kind: str) -> _Found:
    if kind == "Secret" and found.path.startswith(("data", "stringData")):
        return found._replace(wanted=found.wanted and "(hidden)", found=found.found and "(hidden)")
    return found


def _shown(path: str, value: Any) -> str:
    """A value in short, without credentials; a variable (``env[DB_PASSWORD].value``) goes by its name."""
    if value is _GONE:
        return ""
    *before, last = (each.strip(".[]") for each in parts_of(path))
    name = before[-1] if last == "value" and before else last
    if is_credential((name,), {name: value}):
        return "(hidden)"
    text = masked(json.dumps(value, ensure_ascii=False, sort_keys=True))
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def _sentence(label: str, path: str, change: str, wanted: str, value: str, by: Writer | None) -> str:
    if change == "removed":
        return f"{label}: {path} was removed, the release says {wanted} (who removed it is not recorded)"
    expected = f"the release says {wanted}" if wanted else "the release does not set it"
    return f"{label}: {path} is {value}, {expected} ({by.described if by else 'who changed it is not recorded'})"
