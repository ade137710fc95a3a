# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The requests of DigitalOcean's API that this collection makes, each with the scope that its token needs.

Contract: github.com/digitalocean/openapi; tests compare requests, answers and scopes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ..failure import Code, error
from .client import Client

Found = dict[str, Any]  # an object as the API shows it

_CLUSTERS = "/v2/kubernetes/clusters"
READ, CREATE, UPDATE, DELETE = (f"kubernetes:{right}" for right in ("read", "create", "update", "delete"))
ACCESS = "kubernetes:access_cluster"
# What a token needs for all that the modules do.
SCOPES = ("account:read", ACCESS, CREATE, DELETE, READ, UPDATE, "regions:read", "sizes:read")


class DigitalOcean:
    """All methods raise as :meth:`Client.send` does."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def account(self) -> Found:
        return _part(self.client.get("/v2/account", "account:read"), "account")

    def sizes(self) -> list[Found]:
        """Kinds of droplets, with their prices."""
        return self.client.pages("/v2/sizes", "sizes", "sizes:read, regions:read")

    def options(self) -> Found:
        """Regions, versions and sizes that a cluster may have now."""
        return _part(self.client.get("/v2/kubernetes/options", READ), "options")

    def clusters(self) -> list[Found]:
        return self.client.pages(_CLUSTERS, "kubernetes_clusters", READ)

    def cluster(self, cluster_id: str) -> Found | None:
        found = self.client.find(_at(cluster_id), READ)
        return _part(found, "kubernetes_cluster") if found else None

    def named(self, name: str) -> Found | None:
        """The cluster of that name. Raises conflict if there are several."""
        found = [each for each in self.clusters() if each.get("name") == name and _state(each) != "deleted"]
        if len(found) > 1:
            ids = ", ".join(str(each.get("id")) for each in found)
            text = f"There are {len(found)} clusters named {name} ({ids}). Say which one is meant: cluster_id."
            raise error(Code.CONFLICT, text, name=name, ids=[str(each.get("id")) for each in found])
        return found[0] if found else None

    def create_cluster(self, body: Mapping[str, Any]) -> Found:
        """One cluster, also if the answer is lost."""

        def made() -> Found | None:
            return self.named(str(body["name"]))

        return self.client.create(_CLUSTERS, CREATE, body, "kubernetes_cluster", made)

    def update_cluster(self, cluster_id: str, body: Mapping[str, Any]) -> None:
        self.client.put(_at(cluster_id), UPDATE, body)

    def upgrades(self, cluster_id: str) -> list[str]:
        """Versions that the cluster may go to now."""
        found = self.client.get(_at(cluster_id, "upgrades"), READ).get("available_upgrade_versions") or ()
        return [str(each["slug"]) for each in found if isinstance(each, Mapping) and each.get("slug")]

    def upgrade(self, cluster_id: str, version: str, begun: Callable[[], bool]) -> None:
        """``begun``: whether the cluster is on its way, asked after a lost answer."""
        self.client.post(_at(cluster_id, "upgrade"), UPDATE, {"version": version}, begun)

    def messages(self, cluster_id: str) -> list[str]:
        """What DigitalOcean says about the cluster, newest first."""
        found = self.client.get(_at(cluster_id, "status_messages"), READ).get("messages") or ()
        said = [each for each in found if isinstance(each, Mapping)]
        said.sort(key=lambda each: str(each.get("timestamp")), reverse=True)
        return [str(each["message"]) for each in said if each.get("message")]

    def create_pool(self, cluster_id: str, body: Mapping[str, Any]) -> Found:
        """One pool, also if the answer is lost; pools of a cluster are told apart by their names."""

        def made() -> Found | None:
            pools = (self.cluster(cluster_id) or {}).get("node_pools") or ()
            return next((each for each in pools if each.get("name") == body["name"]), None)

        return self.client.create(_at(cluster_id, "node_pools"), UPDATE, body, "node_pool", made)

    def update_pool(self, cluster_id: str, pool_id: str, body: Mapping[str, Any]) -> None:
        self.client.put(_at(cluster_id, "node_pools", pool_id), UPDATE, body)

    def delete_pool(self, cluster_id: str, pool_id: str) -> None:
        """Its nodes are drained, then deleted."""
        self.client.delete(_at(cluster_id, "node_pools", pool_id), UPDATE)

    def delete_node(self, cluster_id: str, pool_id: str, node_id: str) -> None:
        """It is drained first."""
        self.client.delete(_at(cluster_id, "node_pools", pool_id, "nodes", node_id), UPDATE)

    def associated(self, cluster_id: str) -> dict[str, list[Found]]:
        """Load balancers, volumes and snapshots that the cluster has made: kind -> objects."""
        found = self.client.get(_at(cluster_id, "destroy_with_associated_resources"), READ)
        return {kind: list(found.get(kind) or ()) for kind in ("load_balancers", "volumes", "volume_snapshots")}

    def delete_cluster(self, cluster_id: str) -> None:
        """The cluster alone: what it has made stays, and costs."""
        self.client.delete(_at(cluster_id), DELETE)

    def delete_with(self, cluster_id: str, ids: Mapping[str, Sequence[str]]) -> None:
        """The cluster and some of what it has made."""
        path = _at(cluster_id, "destroy_with_associated_resources", "selective")
        self.client.delete(path, DELETE, {kind: list(each) for kind, each in ids.items()})

    def delete_with_all(self, cluster_id: str) -> None:
        """The cluster and everything that it has made."""
        self.client.delete(_at(cluster_id, "destroy_with_associated_resources", "dangerous"), DELETE)

    def kubeconfig(self, cluster_id: str, seconds: int) -> bytes:
        """YAML, of an administrator, whose token lives that long."""
        path = _at(cluster_id, "kubeconfig")
        return self.client.send("GET", path, ACCESS, query={"expiry_seconds": seconds, "type": "token"}).body


def _at(*parts: str) -> str:
    return "/".join((_CLUSTERS, *(quote(str(part), safe="") for part in parts)))


def _part(answer: Mapping[str, Any], key: str) -> Found:
    found = answer.get(key)
    if not isinstance(found, dict):
        raise error(Code.CLOUD_ERROR, f"DigitalOcean's answer has no {key}.", key=key)
    return found


def _state(cluster: Mapping[str, Any]) -> str:
    return str((cluster.get("status") or {}).get("state") or "")
