# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster as it is wanted: a module's options, checked before anything is asked. None leaves a setting as it is."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..failure import Code, TodoCloudError, error
from . import versions
from .clusters import own_tags

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
# Decided when a cluster is made.
FIXED = ("region", "vpc_uuid", "cluster_subnet", "service_subnet")


@dataclass(frozen=True)
class Pool:
    """``count`` counts unless ``auto_scale``; None leaves labels, taints and tags as they are."""

    name: str
    size: str
    count: int
    auto_scale: bool
    min_nodes: int
    max_nodes: int
    labels: Mapping[str, str] | None
    taints: Sequence[Mapping[str, str]] | None
    tags: Sequence[str] | None

    @property
    def most(self) -> int:
        """Most nodes that it may have."""
        return self.max_nodes if self.auto_scale else self.count

    def body(self, name: str = "") -> dict[str, Any]:
        """What makes it."""
        found: dict[str, Any] = {"name": name or self.name, "size": self.size, "auto_scale": self.auto_scale}
        found["count"] = self.min_nodes or 1 if self.auto_scale else self.count
        if self.auto_scale:
            found |= {"min_nodes": self.min_nodes, "max_nodes": self.max_nodes}
        if self.labels is not None:
            found["labels"] = dict(self.labels)
        if self.taints is not None:
            found["taints"] = [dict(each) for each in self.taints]
        if self.tags is not None:
            found["tags"] = list(self.tags)
        return found


@dataclass(frozen=True)
class Wanted:
    """``settings``: those of the cluster that are given, in the shape of :func:`clusters.shown`."""

    name: str
    version: str
    fixed: Mapping[str, str]
    settings: Mapping[str, Any]
    pools: tuple[Pool, ...]
    ha: bool
    allow_replace: bool = False
    purge_pools: bool = False

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Wanted:
        """Raises invalid_input."""
        name = params.get("name") or ""
        if name and not _NAME.fullmatch(name):
            raise _invalid("name", f"name is {name!r}: small letters, digits and hyphens, 63 at most.")
        version = params.get("version") or ""
        if version:
            versions.check(version)
        pools = pools_of(params.get("node_pools") or ())
        return cls(
            name=name,
            version=version,
            fixed={key: params[key] for key in FIXED if params.get(key)},
            settings=_settings(params),
            pools=pools,
            ha=bool(params.get("ha")),
            allow_replace=bool(params.get("allow_replace")),
            purge_pools=bool(params.get("purge_node_pools")),
        )


def pools_of(given: Sequence[Mapping[str, Any]]) -> tuple[Pool, ...]:
    """Raises invalid_input."""
    if not all(each.get("name") and each.get("size") for each in given):
        raise _invalid("node_pools", "Each of node_pools needs name and size.")
    pools = tuple(map(_pool, given))
    names = [each.name for each in pools]
    if len(set(names)) < len(names):
        raise _invalid("node_pools", f"node_pools names a pool twice: {', '.join(names)}.")
    return pools


def _settings(params: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        key: params[key] for key in ("auto_upgrade", "surge_upgrade") if params.get(key) is not None
    }
    if params.get("tags") is not None:
        if foreign := sorted(set(params["tags"]) - set(own_tags(params["tags"]))):
            raise _invalid("tags", f"tags has {', '.join(foreign)}, which DigitalOcean sets by itself.")
        found["tags"] = own_tags(params["tags"])
    if policy := params.get("maintenance"):
        time = _TIME.fullmatch(policy["start_time"])
        if not time:
            text = f"maintenance.start_time is {policy['start_time']!r}: give an hour in UTC in quotes, '03:00'."
            raise _invalid("maintenance", text)
        found["maintenance"] = {"day": policy["day"], "start_time": f"{int(time[1]):02}:{time[2]}"}
    if firewall := params.get("control_plane_firewall"):
        addresses = sorted(map(address_of, firewall.get("allowed_addresses") or ()))
        if firewall["enabled"] and not addresses:
            raise _invalid("control_plane_firewall", "control_plane_firewall would keep everybody out: name addresses.")
        found["control_plane_firewall"] = {"enabled": firewall["enabled"], "allowed_addresses": addresses}
    if (scaler := params.get("autoscaler")) is not None:
        given = {key: value for key, value in scaler.items() if value is not None}
        if "scale_down_unneeded_time" in given:
            seconds_of(given["scale_down_unneeded_time"])
        found["autoscaler"] = given
    return found


def _pool(given: Mapping[str, Any]) -> Pool:
    name, scales = str(given["name"]), bool(given.get("auto_scale"))
    least, most, count = (int(given.get(key) or 0) for key in ("min_nodes", "max_nodes", "count"))
    if not _NAME.fullmatch(name):
        raise _invalid("node_pools", f"The pool {name!r} needs a name of small letters, digits and hyphens.")
    if (scales and not 0 <= least <= most) or (scales and most < 1):
        raise _invalid(
            "node_pools", f"The pool {name} scales from {least} to {most} nodes: set min_nodes and max_nodes."
        )
    if not scales and count < 1:
        raise _invalid("node_pools", f"The pool {name} needs a count of 1 at least, or auto_scale.")
    if not scales and (least or most):
        raise _invalid("node_pools", f"The pool {name} has min_nodes or max_nodes, but not auto_scale: true.")
    taints = given.get("taints")
    return Pool(
        name=name,
        size=given["size"],
        count=0 if scales else count,
        auto_scale=scales,
        min_nodes=least,
        max_nodes=most,
        labels=None if given.get("labels") is None else {key: str(text) for key, text in given["labels"].items()},
        taints=None if taints is None else [plain_taint(each) for each in taints],
        tags=None if given.get("tags") is None else own_tags(given["tags"]),
    )


def plain_taint(taint: Mapping[str, Any]) -> dict[str, str]:
    return {"key": str(taint["key"]), "value": str(taint.get("value") or ""), "effect": str(taint["effect"])}


def address_of(text: object) -> str:
    """An address or a network, one way of writing it. Raises invalid_input."""
    try:
        found = ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        text = f"control_plane_firewall has {str(text)!r}, which is no address and no network."
        raise _invalid("control_plane_firewall", text) from None
    return str(found.network_address) if found.num_addresses == 1 else str(found)


def seconds_of(text: object) -> int:
    """Of a duration like ``1m0s``. Raises invalid_input."""
    found = _DURATION.fullmatch(str(text))
    if not found or not any(found.groups()):
        raise _invalid("autoscaler", f"autoscaler.scale_down_unneeded_time is {text!r}: give a duration like 10m0s.")
    hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return (hours * 60 + minutes) * 60 + seconds


def _invalid(option: str, text: str) -> TodoCloudError:
    return error(Code.INVALID_INPUT, text, option=option)
