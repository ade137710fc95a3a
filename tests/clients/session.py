"""``python session.py URL CA``: a cluster's life by pydo, DigitalOcean's generated client, and what it made of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from pydo import Client  # type: ignore[import-not-found]

_BODY = {
    "name": "todo", "region": "fra1", "version": "1.35.6-do.0", "ha": False,
    "node_pools": [{"size": "s-2vcpu-4gb", "count": 2, "name": "app"}],
}  # fmt: skip


def main(url: str, ca: str) -> dict[str, Any]:
    """Step -> what the client returns, or its error."""
    given = json.load(sys.stdin)
    client = Client(token=given["token"], endpoint=url, connection_verify=ca)
    clusters, found = client.kubernetes, {}

    def step(name: str, call: Callable[[], Any]) -> Any:
        try:
            answer = call()
            found[name] = list(answer) if isinstance(answer, type(iter([]))) else answer
        except Exception as exc:  # whatever the client makes of it
            found[name] = {"error": type(exc).__name__, "status": getattr(exc, "status_code", 0)}
        return found[name]

    step("account", client.account.get)
    step("sizes", lambda: client.sizes.list(per_page=200))
    step("options", clusters.list_options)
    one = step("create", lambda: clusters.create_cluster(_BODY))["kubernetes_cluster"]["id"]
    step("list", clusters.list_clusters)
    step("wait", lambda: _until_running(clusters, one))
    pool = step("get", lambda: clusters.get_cluster(one))["kubernetes_cluster"]["node_pools"][0]["id"]
    step("update", lambda: clusters.update_cluster(one, {"name": "todo", "tags": ["a"]}))
    step("upgrades", lambda: clusters.get_available_upgrades(one))
    step("upgrade", lambda: clusters.upgrade_cluster(one, {"version": "1.36.3-do.0"}))
    step("upgraded", lambda: _until_running(clusters, one))
    two = step("add pool", lambda: clusters.add_node_pool(one, {"name": "b", "size": "s-1vcpu-2gb", "count": 1}))
    step("resize pool", lambda: clusters.update_node_pool(one, pool, {"name": "app", "count": 3}))
    step("delete pool", lambda: clusters.delete_node_pool(one, two["node_pool"]["id"]))
    step("messages", lambda: clusters.get_status_messages(one))
    step("kubeconfig", lambda: str(clusters.get_kubeconfig(one))[:100])
    step("associated", lambda: clusters.list_associated_resources(one))
    step("too many nodes", lambda: clusters.update_node_pool(one, pool, {"name": "app", "count": 99}))
    step("destroy", lambda: clusters.destroy_associated_resources_dangerous(one))
    step("gone", lambda: clusters.get_cluster("00000000-0000-4000-8000-000000000000"))
    step("bad token", lambda: Client(token="no", endpoint=url, connection_verify=ca).account.get())
    return found


def _until_running(clusters: Any, cluster_id: str) -> str:
    state = ""
    for _look in range(2000):  # each moves the account's clock
        state = clusters.get_cluster(cluster_id)["kubernetes_cluster"]["status"]["state"]
        if state == "running":
            break
    return state


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:]), default=str))
