# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes with a release that is removed, or that comes back under another name: said before it is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..helm.manifest import is_kept, objects_of, part
from ..helm.stored import StoredRelease
from ..labels import MIGRATION
from ..records.rollback_floor import image_text
from .spec import ReleaseSpec

_APP_ID = "dapr.io/app-id"
_CLAIM = "PersistentVolumeClaim"


def removal_notes(stored: StoredRelease, new: Iterable[ReleaseSpec]) -> list[str]:
    """A sentence on what goes and what stays, and one more if it looks like a rename.

    :param new: releases of the inventory that are not deployed yet
    """
    if MIGRATION in stored.labels:  # it goes with its service
        return []
    items = objects_of(stored.manifest)
    apps = sorted(set(_app_ids(items)))
    gone = [f"its DNS name {name}" for name in _names(items, "Service")]
    gone += [
        f"the Dapr app id {app}, and its consumer group {stored.namespace}.{app} is not read any more" for app in apps
    ]
    gone += [f"the public host {host}" for host in sorted(set(_hosts(items)))]
    gone += [f"claim {part(i, 'metadata').get('name')} with its data" for i in _of(items, _CLAIM) if not is_kept(i)]
    stays = [f"claim {part(i, 'metadata').get('name')}" for i in _of(items, _CLAIM) if is_kept(i)]
    stays += [f"the claims {claims} of its pods" for claims in _templates(items)]
    found = [f"Removing {stored.name} takes away {'; '.join(gone)}."] if gone else []
    if stays:
        found.append(f"Removing {stored.name} leaves {', '.join(stays)} and the data in them.")
    successors = [spec for spec in new if _is_like(spec, stored)]
    return [*found, *_renamed(stored, successors[0], apps, bool(stays))] if len(successors) == 1 else found


def _renamed(stored: StoredRelease, to: ReleaseSpec, apps: Sequence[str], has_claims: bool) -> Iterator[str]:
    changes = [f"who calls {stored.name} has to call {to.name}"]
    if apps and to.app_id and to.app_id not in apps:
        changes.append(
            f"its app id and consumer group are new, so it does not know which messages were read "
            f"(dapr: {{app_id: {apps[0]}}} keeps them)"
        )
    if has_claims:
        changes.append("its claims are new and empty")
    yield (
        f"{to.name} is new and has the image of {stored.name}: if it was renamed, it is another service for "
        f"Kubernetes: {'; '.join(changes)}."
    )


def _is_like(spec: ReleaseSpec, stored: StoredRelease) -> bool:
    """The same image, whatever its version, and the same command."""
    then, now = (_repository(values) for values in (stored.config, spec.values))
    alike = all(stored.config.get(key) == spec.values.get(key) for key in ("command", "args", "kind"))
    return bool(then) and then == now and alike and spec.migration is None


def _repository(values: Mapping[str, Any]) -> str:
    name = image_text(values).partition("@")[0]
    head, _colon, tail = name.rpartition(":")
    return head if head and "/" not in tail else name


def _of(items: Iterable[Mapping[str, Any]], *kinds: str) -> list[Mapping[str, Any]]:
    return [item for item in items if item.get("kind") in kinds]


def _names(items: Iterable[Mapping[str, Any]], kind: str) -> list[str]:
    return sorted(str(part(item, "metadata").get("name")) for item in _of(items, kind))


def _app_ids(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for item in items:
        template = part(part(item, "spec"), "template")
        if app := part(part(template, "metadata"), "annotations").get(_APP_ID):
            yield str(app)


def _hosts(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for item in _of(items, "Ingress"):
        rules = part(item, "spec").get("rules")
        for rule in rules if isinstance(rules, list) else ():
            if isinstance(rule, Mapping) and rule.get("host"):
                yield str(rule["host"])
    for item in _of(items, "HTTPRoute"):
        hosts = part(item, "spec").get("hostnames")
        yield from map(str, hosts if isinstance(hosts, list) else ())


def _templates(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """``data-search-…``: what the claims of a StatefulSet's pods are called."""
    for item in _of(items, "StatefulSet"):
        claims = part(item, "spec").get("volumeClaimTemplates")
        for claim in claims if isinstance(claims, list) else ():
            if isinstance(claim, Mapping):
                yield f"{part(claim, 'metadata').get('name')}-{part(item, 'metadata').get('name')}-…"
