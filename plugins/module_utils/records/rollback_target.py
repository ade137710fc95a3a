# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Target of a rollback, recorded before its first write: a killed rollback is resumed to the same target.

It is an annotation of the lock's Lease, so only whoever may take the lock can record one.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ..kube.api import KubeApi, KubeReader
from ..kube.resources import CONFIG_MAP, LEASE
from ..locking.lease import LOCK_NAME, UNFINISHED, annotations_of
from ..parsing import Malformed, load_json, parse

OLD_NAME = "release-rollback-target"  # a ConfigMap, as earlier versions recorded it


@dataclass(frozen=True)
class RollbackTarget:
    """A rollback to ``set``, of ``names`` (empty: all), which withdraws the sets ``leaves``."""

    set: int
    names: tuple[str, ...] = ()
    leaves: tuple[int, ...] = ()
    who: str = ""


def remember(kube: KubeApi, namespace: str, target: RollbackTarget) -> None:
    """Records it, replacing an earlier one."""
    metadata = {"annotations": {UNFINISHED: json.dumps(asdict(target), sort_keys=True)}}
    if kube.find(LEASE, namespace, LOCK_NAME, metadata_only=True) is None:
        body = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": LOCK_NAME, "namespace": namespace, **metadata},
            "spec": {},
        }
        kube.create(LEASE, namespace, body)
    else:
        kube.patch(LEASE, namespace, LOCK_NAME, {"metadata": metadata})


def remembered(kube: KubeReader, namespace: str) -> RollbackTarget | None:
    """The target of an unfinished rollback; None without one (or one that can be read)."""
    noted = annotations_of(kube.find(LEASE, namespace, LOCK_NAME, metadata_only=True) or {}).get(UNFINISHED)
    try:
        return parse(RollbackTarget, load_json(noted)) if noted else None
    except Malformed:
        return None


def forget(kube: KubeApi, namespace: str) -> str:
    """Removes it; returns a message when there was one."""
    noted = annotations_of(kube.find(LEASE, namespace, LOCK_NAME, metadata_only=True) or {}).get(UNFINISHED)
    if noted is None:
        return ""
    was = remembered(kube, namespace)
    kube.patch(LEASE, namespace, LOCK_NAME, {"metadata": {"annotations": {UNFINISHED: None}}})
    what = f"to release set {was.set}, started by {was.who}," if was else "that cannot be read"
    return f"A rollback {what} was not finished; it is abandoned."


def not_resumed(kube: KubeReader, namespace: str) -> str:
    """A warning about a target as earlier versions recorded it, where whoever may write ConfigMaps could forge it."""
    if kube.find(CONFIG_MAP, namespace, OLD_NAME, metadata_only=True) is None:
        return ""
    return (
        f"The ConfigMap {OLD_NAME} does not make a rollback resume any more, since others may have written it: name "
        "the set (to) if an earlier version of the collection did not finish one, then remove the ConfigMap."
    )
