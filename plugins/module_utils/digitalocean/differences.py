# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster as it is against as it is wanted: what is done, in words and for the diff, and what cannot be. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..failure import Code, TodoCloudError, error
from .clusters import shown
from .prices import HA_MONTHLY
from .versions import Standing, standing
from .wanted import Pool, Wanted, address_of, plain_taint, seconds_of

_POOL_KEYS = ("auto_scale", "count", "min_nodes", "max_nodes", "labels", "taints", "tags")
_SETTINGS = (
    "name", "tags", "maintenance", "auto_upgrade", "surge_upgrade", "ha", "control_plane_firewall", "autoscaler",
)  # fmt: skip


@dataclass
class Differences:
    """``settings``: whether the cluster's own differ; ``after``: all of them as they shall be.

    Pools: ``add``, ``resize`` (with the pool as it is), ``replace`` (the old pool, and the new one if it is there),
    ``rename`` (a new pool whose old one is gone), ``purge``.
    """

    before: dict[str, Any]
    after: dict[str, Any]
    settings: bool = False
    upgrade: bool = False
    add: list[Pool] = field(default_factory=list)
    resize: list[tuple[dict[str, Any], Pool]] = field(default_factory=list)
    replace: list[tuple[dict[str, Any], dict[str, Any] | None, Pool]] = field(default_factory=list)
    rename: list[tuple[dict[str, Any], Pool]] = field(default_factory=list)
    purge: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lines)


def new_name(pool: Pool) -> str:
    """Of the pool that takes the place of one of another size, until that one is gone."""
    return f"{pool.name}-{pool.size}"


def settings_of(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """What can be changed of a cluster, one way of writing it."""
    found = shown(cluster)
    settings = {key: found[key] for key in ("version", *_SETTINGS)}
    firewall = found["control_plane_firewall"]
    settings["control_plane_firewall"] = {
        "enabled": firewall["enabled"],
        "allowed_addresses": sorted(map(address_of, firewall["allowed_addresses"])),
    }
    settings["node_pools"] = {each["name"]: _pool_of(each) for each in found["node_pools"]}
    return settings


def differences(cluster: Mapping[str, Any], wanted: Wanted) -> Differences:
    """Raises cluster_fixed for what cannot be changed, before anything else."""
    _refuse(cluster, wanted)
    before = settings_of(cluster)
    after = {**before, **{key: wanted.settings[key] for key in wanted.settings if key != "autoscaler"}}
    after["name"] = wanted.name or before["name"]
    after["ha"] = before["ha"] or wanted.ha
    after["autoscaler"] = _scaler(before["autoscaler"], wanted.settings.get("autoscaler"))
    after["node_pools"] = dict(before["node_pools"])
    found = Differences(before, after)
    for key in _SETTINGS:
        if before[key] != after[key]:
            found.settings = True
            found.lines.append(f"{key}: {_text(before[key])} -> {_text(after[key])}")
    if not before["ha"] and after["ha"]:
        found.warnings.append(f"ha cannot be disabled again, and costs ${HA_MONTHLY:g} a month.")
    if before["ha"] and not wanted.ha:
        found.warnings.append(
            f"The control plane of {before['name']} is highly available (${HA_MONTHLY:g} a month), which cannot be "
            "disabled: set ha: true."
        )
    _version(found, wanted)
    _pools(found, cluster, wanted)
    return found


def _refuse(cluster: Mapping[str, Any], wanted: Wanted) -> None:
    there = shown(cluster)
    changed = [key for key, text in wanted.fixed.items() if there[key] != text]
    if changed:
        what = ", ".join(f"{key} is {there[key] or 'not known'}, not {wanted.fixed[key]}" for key in changed)
        raise _fixed(f"The cluster {there['name']} cannot be changed in this: {what}. Make another one.", changed)
    if wanted.version and standing(there["version"], wanted.version) is Standing.BEYOND:
        text = f"The cluster {there['name']} runs {there['version']}, and no cluster goes back to {wanted.version}."
        raise _fixed(text, ["version"])
    sizes = {each["name"]: each["size"] for each in there["node_pools"]}
    other = [each for each in wanted.pools if sizes.get(each.name, each.size) != each.size]
    if other and not wanted.allow_replace:
        what = ", ".join(f"{each.name} has {sizes[each.name]}, not {each.size}" for each in other)
        raise _fixed(
            f"Nodes keep their size ({what}). With allow_replace: true, a new pool takes the old one's place.",
            ["node_pools"],
        )


def _version(found: Differences, wanted: Wanted) -> None:
    have = found.before["version"]
    match standing(have, wanted.version) if wanted.version else Standing.THERE:
        case Standing.BEHIND:
            found.upgrade = True
            found.after["version"] = wanted.version
            found.lines.append(f"version: {have} -> {wanted.version}")
        case Standing.AHEAD:
            text = f"The cluster runs {have}, newer than {wanted.version}: DigitalOcean has installed patches."
            found.warnings.append(text)


def _pools(found: Differences, cluster: Mapping[str, Any], wanted: Wanted) -> None:
    raw = {str(each.get("name")): dict(each) for each in cluster.get("node_pools") or ()}
    pools, meant = found.after["node_pools"], set()
    for pool in wanted.pools:
        there, new = raw.get(pool.name), raw.get(new_name(pool))
        meant |= {pool.name, new_name(pool)}
        if there is not None and there.get("size") != pool.size:
            found.replace.append((there, new, pool))
            found.lines.append(f"pool {pool.name}: nodes of size {there.get('size')} -> {pool.size}, by a new pool")
        elif there is None and new is not None:
            found.rename.append((new, pool))
            found.lines.append(f"pool {pool.name}: the new pool {new_name(pool)} gets its name")
            pools.pop(new_name(pool))
        elif there is None:
            found.add.append(pool)
            found.lines.append(f"pool {pool.name}: added, {_amount(pool)} {pool.size}")
        else:
            before, after = found.before["node_pools"][pool.name], merged(found.before["node_pools"][pool.name], pool)
            if before != after:
                found.resize.append((there, pool))
                found.lines += [
                    f"pool {pool.name}: {key}: {_text(before.get(key))} -> {_text(after.get(key))}"
                    for key in _POOL_KEYS
                    if before.get(key) != after.get(key)
                ]
            if gone := sorted(set(before["labels"]) - set(after["labels"])):
                found.warnings.append(f"Nodes of {pool.name} that are there keep the labels {', '.join(gone)}.")
        known = found.before["node_pools"]
        pools[pool.name] = merged(known.get(pool.name) or known.get(new_name(pool)) or {}, pool)
    others = [each for name, each in raw.items() if name not in meant] if wanted.pools else []
    if wanted.purge_pools:
        found.purge = others
        for each in others:
            pools.pop(str(each["name"]))
            found.lines.append(f"pool {each['name']}: drained and removed")
    elif others:
        names = ", ".join(str(each["name"]) for each in others)
        found.warnings.append(f"Not in node_pools, and left alone (purge_node_pools): {names}.")


def _pool_of(pool: Mapping[str, Any]) -> dict[str, Any]:
    scales = pool["auto_scale"]
    found = {key: pool[key] for key in ("size", "auto_scale", "labels", "tags")}
    found["taints"] = sorted(map(plain_taint, pool["taints"]), key=str)
    return {**found, **{key: pool[key] for key in (("min_nodes", "max_nodes") if scales else ("count",))}}


def merged(before: Mapping[str, Any], pool: Pool) -> dict[str, Any]:
    """A pool as it shall be, if it is ``before`` (as :func:`settings_of` shows it) now."""
    wanted: dict[str, Any] = {"labels": dict(pool.labels or {}), "tags": list(pool.tags or ())}
    wanted["taints"] = sorted((dict(each) for each in pool.taints or ()), key=str)
    left = {key: before[key] for key in wanted if getattr(pool, key) is None and key in before}
    amounts = {"min_nodes": pool.min_nodes, "max_nodes": pool.max_nodes} if pool.auto_scale else {"count": pool.count}
    return {"size": pool.size, "auto_scale": pool.auto_scale, **wanted, **left, **amounts}


def _scaler(before: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> dict[str, Any]:
    """Durations that are the same stay as they are written."""
    after = {**before, **(wanted or {})}
    key = "scale_down_unneeded_time"
    if before.get(key) and after.get(key) and seconds_of(before[key]) == seconds_of(after[key]):
        after[key] = before[key]
    return after


def _amount(pool: Pool) -> str:
    return f"{pool.min_nodes} to {pool.max_nodes} x" if pool.auto_scale else f"{pool.count} x"


def _text(value: object) -> str:
    return str(value) if value not in (None, "", [], {}) else "none"


def _fixed(text: str, fields: list[str]) -> TodoCloudError:
    return error(Code.CLUSTER_FIXED, text, fields=fields)
