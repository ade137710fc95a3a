# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clusters as modules return them: without what DigitalOcean adds to each by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..failure import Code, error
from .api import DigitalOcean, Found

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def find_cluster(cloud: DigitalOcean, name: str | None, cluster_id: str | None) -> Found | None:
    """The cluster with this id, else the only one of this name. Raises conflict if there are several."""
    if cluster_id:
        if not _UUID.fullmatch(cluster_id):
            raise error(Code.INVALID_INPUT, f"cluster_id is {cluster_id!r}, which is no id of DigitalOcean (a UUID).")
        return cloud.cluster(cluster_id)
    return cloud.named(name or "")


def the_cluster(cloud: DigitalOcean, name: str | None, cluster_id: str | None) -> Found:
    """As :func:`find_cluster`. Raises not_found."""
    found = find_cluster(cloud, name, cluster_id)
    if found is None:
        text = f"There is no cluster {cluster_id or name} in this account of DigitalOcean."
        raise error(Code.NOT_FOUND, text, cluster=cluster_id or name)
    return found


def own_tags(tags: Iterable[object] | None) -> list[str]:
    """Without ``k8s``, ``k8s:worker`` and ``k8s:<id>``, which are DigitalOcean's, sorted."""
    return sorted(tag for tag in map(str, tags or ()) if tag != "k8s" and not tag.startswith("k8s:"))


def state_of(cluster: Mapping[str, Any]) -> str:
    return str((cluster.get("status") or {}).get("state") or "")


def shown_pool(pool: Mapping[str, Any]) -> dict[str, Any]:
    """A node pool of a result."""
    nodes = [{"name": str(each.get("name", "")), "state": state_of(each)} for each in pool.get("nodes") or ()]
    return {
        "id": str(pool.get("id") or ""),
        "name": str(pool.get("name") or ""),
        "size": str(pool.get("size") or ""),
        "count": int(pool.get("count") or 0),
        "auto_scale": bool(pool.get("auto_scale")),
        "min_nodes": int(pool.get("min_nodes") or 0),
        "max_nodes": int(pool.get("max_nodes") or 0),
        "labels": dict(pool.get("labels") or {}),
        "taints": [dict(each) for each in pool.get("taints") or ()],
        "tags": own_tags(pool.get("tags")),
        "nodes": nodes,
    }


def shown(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """A cluster of a result."""
    policy, firewall = cluster.get("maintenance_policy") or {}, cluster.get("control_plane_firewall") or {}
    scaler = cluster.get("cluster_autoscaler_configuration") or {}
    return {
        "id": str(cluster.get("id") or ""),
        "name": str(cluster.get("name") or ""),
        "region": str(cluster.get("region") or ""),
        "version": str(cluster.get("version") or ""),
        "state": state_of(cluster),
        "message": str((cluster.get("status") or {}).get("message") or ""),
        "endpoint": str(cluster.get("endpoint") or ""),
        "ha": bool(cluster.get("ha")),
        "auto_upgrade": bool(cluster.get("auto_upgrade")),
        "surge_upgrade": bool(cluster.get("surge_upgrade")),
        "maintenance": {"day": str(policy.get("day") or ""), "start_time": str(policy.get("start_time") or "")},
        "control_plane_firewall": {
            "enabled": bool(firewall.get("enabled")),
            "allowed_addresses": sorted(map(str, firewall.get("allowed_addresses") or ())),
        },
        "autoscaler": {key: scaler[key] for key in sorted(scaler) if scaler[key] is not None},
        "vpc_uuid": str(cluster.get("vpc_uuid") or ""),
        "cluster_subnet": str(cluster.get("cluster_subnet") or ""),
        "service_subnet": str(cluster.get("service_subnet") or ""),
        "tags": own_tags(cluster.get("tags")),
        "node_pools": [shown_pool(each) for each in cluster.get("node_pools") or ()],
        "created_at": str(cluster.get("created_at") or ""),
    }


def shown_options(options: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a new cluster may have: versions with the newest first, sizes, regions."""
    return {
        kind: [str(each["slug"]) for each in options.get(kind) or () if each.get("slug")]
        for kind in ("versions", "sizes", "regions")
    }
