# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster is deleted, with what it would leave behind on the bill, and not while another environment is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..failure import Code, TodoCloudError, error
from .api import DigitalOcean, Found
from .clusters import find_cluster, shown, state_of
from .waiting import Waiting

# Of a cluster: the environments in it. Raises if it cannot be asked.
Occupants = Callable[[Found], Sequence[str]]
_KINDS = ("load_balancers", "volumes", "volume_snapshots")


@dataclass(frozen=True)
class Removal:
    """How it is deleted.

    Args:
        environments: which may go with it.
        unchecked: also if it cannot be asked for its environments.
        associated: ``none``, ``selective`` or ``all``; empty where it is not said.
        selected: kind -> ids that go with it, for ``selective``.
    """

    environments: Sequence[str] = ()
    unchecked: bool = False
    associated: str = ""
    selected: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass
class Removed:
    """``left``: what stays and costs."""

    before: Mapping[str, Any]
    associated: Mapping[str, list[dict[str, str]]]
    left: Mapping[str, list[dict[str, str]]]
    warnings: list[str] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        changes = [f"cluster {self.before['name']}: deleted"] if self.before else []
        return {
            "changed": bool(self.before),
            "changes": changes,
            "cluster": {},
            "associated": {kind: list(each) for kind, each in self.associated.items()},
            "left": {kind: list(each) for kind, each in self.left.items()},
            "diff": {"before": {**self.before, "associated": self.associated} if self.before else {}, "after": {}},
        }


def remove(
    cloud: DigitalOcean, name: str, cluster_id: str, how: Removal, occupants: Occupants, timeout: float = 1800.0, *,
    write: bool = True,
) -> Removed:  # fmt: skip
    """Raises cluster_in_use before the first write, invalid_input for ids that are not there, timeout."""
    none: dict[str, list[dict[str, str]]] = {kind: [] for kind in _KINDS}
    there = find_cluster(cloud, name, cluster_id)
    if there is None or state_of(there) == "deleted":
        return Removed({}, none, none)
    waiting, identity = Waiting(cloud, timeout), str(there["id"])
    if state_of(there) == "deleting":
        if write:
            waiting.until_gone(identity)
        return Removed({}, none, none)
    warnings = _check_occupants(there, how, occupants)
    associated = {kind: [_named(each) for each in found] for kind, found in cloud.associated(identity).items()}
    going = _going(there, how, associated)
    left = {kind: [each for each in found if each["id"] not in going[kind]] for kind, found in associated.items()}
    if any(left.values()):
        warnings.append(f"What stays goes on costing: {_listed(left)}.")
    if not write:
        return Removed(shown(there), associated, left, warnings)
    cloud.client.say(f"cluster {there['name']}: deleting it")
    if how.associated == "all":
        cloud.delete_with_all(identity)
    elif how.associated == "selective":
        cloud.delete_with(identity, going)
    else:
        cloud.delete_cluster(identity)
    waiting.until_gone(identity)
    return Removed(shown(there), associated, left, warnings)


def _check_occupants(cluster: Found, how: Removal, occupants: Occupants) -> list[str]:
    name = cluster["name"]
    try:
        inside = occupants(cluster)
    except TodoCloudError as exc:
        if how.unchecked:
            return [f"{name} could not be asked which environments are in it: {exc.failure.message}"]
        text = (
            f"The cluster {name} is not deleted, since it cannot be asked which environments are in it: "
            f"{exc.failure.message} If it may go whatever is in it, set delete_unchecked: true."
        )
        raise error(Code.CLUSTER_IN_USE, text, environments=[]) from exc
    others = sorted(set(inside) - set(how.environments))
    if others:
        text = (
            f"The cluster {name} is not deleted: the environments {', '.join(others)} are in it. If they may go, name "
            "them in delete_environments."
        )
        raise error(Code.CLUSTER_IN_USE, text, environments=others)
    return []


def _going(cluster: Found, how: Removal, associated: Mapping[str, list[dict[str, str]]]) -> dict[str, list[str]]:
    """Kind -> ids that go with the cluster."""
    there = {kind: [each["id"] for each in found] for kind, found in associated.items()}
    if how.associated == "all" or not any(there.values()):
        return there
    if not how.associated:
        text = (
            f"The cluster {cluster['name']} is not deleted: say with delete_associated (none, selective, all) what "
            f"goes with it of what it has made, which costs otherwise: {_listed(associated)}."
        )
        raise error(Code.CLUSTER_IN_USE, text, associated=associated)
    if how.associated == "none":
        return {kind: [] for kind in there}
    selected = {kind: list(how.selected.get(kind) or ()) for kind in there}
    if unknown := [each for kind in there for each in selected[kind] if each not in there[kind]]:
        text = f"delete_selected names {', '.join(unknown)}, which the cluster {cluster['name']} has not made."
        raise error(Code.INVALID_INPUT, text, option="delete_selected")
    return selected


def _named(found: Mapping[str, Any]) -> dict[str, str]:
    return {"id": str(found.get("id") or ""), "name": str(found.get("name") or "")}


def _listed(found: Mapping[str, list[dict[str, str]]]) -> str:
    """In words: ``2 volumes (a, b)``."""
    words = [
        f"{len(each)} {kind.replace('_', ' ')} ({', '.join(one['name'] or one['id'] for one in each)})"
        for kind, each in found.items()
        if each
    ]
    return ", ".join(words)
