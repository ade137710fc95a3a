# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits until a cluster is what it shall be, says what is missing meanwhile, and why it will not come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..failure import Code, TodoCloudError, error
from .api import DigitalOcean, Found
from .clusters import state_of

_PAUSE = 10.0
_REMINDER = 60.0
_MESSAGES = 3
_BUSY = frozenset({"provisioning", "upgrading", ""})


class Waiting:
    """``timeout``: seconds for each wait."""

    def __init__(self, cloud: DigitalOcean, timeout: float) -> None:
        self._cloud = cloud
        self._timeout = timeout

    def until_running(self, cluster_id: str, also: Callable[[Found], str] = lambda cluster: "") -> Found:
        """The cluster, once it runs with all its nodes, and ``also`` finds nothing missing (it says what).

        Raises cluster_failed for one that has failed, timeout.
        """

        def missing(cluster: Found | None) -> str:
            if cluster is None:
                raise error(Code.CLUSTER_FAILED, f"The cluster {cluster_id} was deleted meanwhile.", state="deleted")
            state = state_of(cluster)
            if state in ("error", "deleting", "deleted"):
                raise self._failed(cluster)
            if state != "running":
                return f"it is {state or 'not known yet'}"
            return _nodes_missing(cluster) or also(cluster)

        found = self._until(cluster_id, missing)
        return found if found is not None else {}  # missing() raises for None

    def until(self, cluster_id: str, left: Callable[[Found], str]) -> None:
        """Until ``left`` finds nothing more to wait for, whatever the state of the cluster. Raises timeout."""
        self._until(cluster_id, lambda cluster: left(cluster) if cluster else "")

    def until_settled(self, cluster: Found) -> Found:
        """The cluster, once DigitalOcean is done with what it does to it now; it may be degraded.

        Raises cluster_failed, timeout.
        """

        def missing(found: Found | None) -> str:
            if found is None:
                raise error(
                    Code.CLUSTER_FAILED, f"The cluster {cluster['name']} was deleted meanwhile.", state="deleted"
                )
            if state_of(found) == "error":
                raise self._failed(found)
            return f"it is {state_of(found) or 'not known yet'}" if state_of(found) in _BUSY else ""

        if not missing(cluster):
            return cluster
        return self._until(str(cluster["id"]), missing) or cluster

    def until_gone(self, cluster_id: str) -> None:
        """Raises timeout."""

        def missing(cluster: Found | None) -> str:
            return "" if cluster is None or state_of(cluster) == "deleted" else "it is still being deleted"

        self._until(cluster_id, missing)

    def _until(self, cluster_id: str, missing: Callable[[Found | None], str]) -> Found | None:
        client, waited, said, last = self._cloud.client, 0.0, 0.0, ""
        while True:
            cluster = self._cloud.cluster(cluster_id)
            what = missing(cluster)
            name = (cluster or {}).get("name") or cluster_id
            if not what:
                return cluster
            if what != last or waited - said >= _REMINDER:
                client.say(f"cluster {name}: {what} ({waited:.0f} s)")
                last, said = what, waited
            if waited >= self._timeout:
                if cluster and state_of(cluster) == "degraded":
                    raise self._failed(cluster)
                told = self._told(cluster_id)
                text = f"The cluster {name} is not ready after {self._timeout:.0f} s: {what}{told}."
                raise error(Code.TIMEOUT, f"{text} What was begun goes on: run this again.", waited=waited)
            client.pause(_PAUSE)
            waited += _PAUSE

    def _failed(self, cluster: Mapping[str, Any]) -> TodoCloudError:
        state, identity = state_of(cluster), str(cluster["id"])
        text = f"The cluster {cluster.get('name')} is in the state {state}{self._told(identity, cluster)}."
        if state in ("error", "degraded"):
            text += f" See cloud.digitalocean.com/kubernetes/clusters/{identity}, or ask DigitalOcean's support."
        return error(Code.CLUSTER_FAILED, text, state=state, messages=self._messages(identity))

    def _told(self, cluster_id: str, cluster: Mapping[str, Any] | None = None) -> str:
        """DigitalOcean's own words, as a part of a sentence."""
        status = str(((cluster or {}).get("status") or {}).get("message") or "")
        words = list(dict.fromkeys(filter(None, [status, *self._messages(cluster_id)])))
        return f" ({'; '.join(words[:_MESSAGES])})" if words else ""

    def _messages(self, cluster_id: str) -> list[str]:
        """They only explain: a failure to read them hides nothing."""
        try:
            return self._cloud.messages(cluster_id)[:_MESSAGES]
        except TodoCloudError:
            return []


def _nodes_missing(cluster: Mapping[str, Any]) -> str:
    for pool in cluster.get("node_pools") or ():
        nodes = pool.get("nodes") or ()
        running = sum(state_of(each) == "running" for each in nodes)
        wanted = len(nodes) if pool.get("auto_scale") else max(len(nodes), int(pool.get("count") or 0))
        if running < wanted:
            return f"{running} of {wanted} nodes of the pool {pool.get('name')} run"
    return ""
