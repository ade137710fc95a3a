# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Node pools are added, changed, replaced and removed.

Each step follows from what is there, so that a run goes on where a killed one ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .api import DigitalOcean, Found
from .differences import Differences, merged, new_name, settings_of
from .waiting import Waiting
from .wanted import Pool


class Pools:
    """Those of one cluster."""

    def __init__(self, cloud: DigitalOcean, waiting: Waiting, cluster: Found) -> None:
        self._cloud = cloud
        self._waiting = waiting
        self._cluster = cluster
        self._id = str(cluster["id"])

    def converge(self, found: Differences) -> None:
        """New pools first, so that there is room for what old ones lose."""
        say = self._cloud.client.say
        for pool in found.add:
            say(f"pool {pool.name}: adding it")
            self._cloud.create_pool(self._id, pool.body())
        for there, pool in found.resize:
            say(f"pool {pool.name}: changing it")
            self._cloud.update_pool(self._id, str(there["id"]), self._body(there, pool))
        for new, pool in found.rename:
            self._cloud.update_pool(self._id, str(new["id"]), self._body(new, pool))
        for old, _new, pool in found.replace:
            self._replace(old, pool)
        for each in found.purge:
            self._remove(each)

    def _replace(self, old: Mapping[str, Any], pool: Pool) -> None:
        name = new_name(pool)
        if self._named(name) is None:
            self._cloud.client.say(f"pool {pool.name}: adding {name}, which takes its place")
            self._cloud.create_pool(self._id, pool.body(name))
        self._waiting.until_running(self._id)
        self._remove(old)
        if (new := self._named(name)) is not None:  # else somebody has renamed it meanwhile
            self._cloud.update_pool(self._id, str(new["id"]), self._body(new, pool))

    def _remove(self, pool: Mapping[str, Any]) -> None:
        """Node by node, each drained by DigitalOcean, the last one with the pool."""
        pool_id, name, say = str(pool["id"]), str(pool["name"]), self._cloud.client.say
        if pool.get("auto_scale"):  # else the autoscaler brings nodes back
            nodes = pool.get("nodes") or ()
            body = {"name": name, "count": max(1, len(nodes)), "auto_scale": False}
            self._cloud.update_pool(self._id, pool_id, body)
        for node in list(pool.get("nodes") or ())[:-1]:
            say(f"pool {name}: draining {node.get('name')}")
            self._cloud.delete_node(self._id, pool_id, str(node["id"]))
            self._until_gone(name, str(node["id"]))
        say(f"pool {name}: draining and removing the rest of it")
        self._cloud.delete_pool(self._id, pool_id)
        self._until_gone(name, "")

    def _until_gone(self, name: str, node_id: str) -> None:
        """``node_id``: a node of the pool; empty for the pool."""

        def left(cluster: Found) -> str:
            pool = _pool(cluster, name)
            if pool is None or (node_id and node_id not in [str(each["id"]) for each in pool.get("nodes") or ()]):
                return ""
            return f"{'a node of ' if node_id else ''}the pool {name} is drained"

        self._waiting.until(self._id, left)

    def _pools(self) -> list[dict[str, Any]]:
        return list((self._cloud.cluster(self._id) or {}).get("node_pools") or ())

    def _named(self, name: str) -> Mapping[str, Any] | None:
        return _pool(self._cloud.cluster(self._id) or {}, name)

    def _body(self, there: Mapping[str, Any], pool: Pool) -> dict[str, Any]:
        """All settings, as the API may reset what is left out. It wants a count of autoscaled pools as well."""
        before = settings_of({**self._cluster, "node_pools": [dict(there)]})["node_pools"][str(there["name"])]
        after = merged(before, pool)
        after.pop("size")
        if pool.auto_scale:
            now = next((each for each in self._pools() if each.get("id") == there.get("id")), there)
            after["count"] = min(max(int(now.get("count") or 0), pool.min_nodes), pool.max_nodes)
        return {"name": pool.name, **after}


def _pool(cluster: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next((each for each in cluster.get("node_pools") or () if each.get("name") == name), None)
