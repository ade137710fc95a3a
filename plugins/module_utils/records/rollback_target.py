# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Target of a rollback, recorded before its first write: a killed rollback is resumed to the same target."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ..kube.api import KubeApi, KubeReader
from ..kube.resources import CONFIG_MAP

NAME = "release-rollback-target"


@dataclass(frozen=True)
class RollbackTarget:
    """A rollback to ``set``, of ``names`` (empty: all), which withdraws the sets ``leaves``."""

    set: int
    names: tuple[str, ...] = ()
    leaves: tuple[int, ...] = ()
    who: str = ""


def remember(kube: KubeApi, namespace: str, target: RollbackTarget) -> None:
    """Records it, replacing an earlier one."""
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": namespace},
        "data": {"target.json": json.dumps(asdict(target), sort_keys=True)},
    }
    if kube.find(CONFIG_MAP, namespace, NAME, metadata_only=True) is None:
        kube.create(CONFIG_MAP, namespace, body)
    else:
        kube.replace(CONFIG_MAP, namespace, body)


def remembered(kube: KubeReader, namespace: str) -> RollbackTarget | None:
    """The target of an unfinished rollback; None without one (or one that can be read)."""
    found = kube.find(CONFIG_MAP, namespace, NAME)
    try:
        raw = json.loads((found or {}).get("data", {}).get("target.json", ""))
        return RollbackTarget(int(raw["set"]), tuple(raw["names"]), tuple(raw["leaves"]), str(raw["who"]))
    except (ValueError, KeyError, TypeError):
        return None


def forget(kube: KubeApi, namespace: str) -> str:
    """Removes it; returns a message when there was one."""
    was = remembered(kube, namespace)
    if was is None:
        return ""
    kube.delete(CONFIG_MAP, namespace, NAME)
    return f"A rollback to release set {was.set}, started by {was.who}, was not finished; it is abandoned."
