"""Which pods are old."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.deploy.dependency import old_pods


def replica_set(name: str, revision: str) -> dict[str, Any]:
    return {"metadata": {
        "name": name, "labels": {"pod-template-hash": name}, "ownerReferences": [{"uid": "d"}],
        "annotations": {"deployment.kubernetes.io/revision": revision},
    }}  # fmt: skip


def test_old_pods_are_those_of_earlier_replica_sets() -> None:
    owner = {
        "metadata": {"uid": "d", "annotations": {"deployment.kubernetes.io/revision": "2"}},
        "spec": {"selector": {"matchLabels": {"app": "x"}}},
    }
    pods = [
        {"metadata": {"name": f"{h}-{n}", "labels": {"app": "x", "pod-template-hash": h}, **more}}
        for h, n, more in [("old", 1, {}), ("old", 2, {"deletionTimestamp": "t"}), ("new", 1, {})]
    ]
    sets = [replica_set("old", "1"), replica_set("new", "2")]
    assert [p["metadata"]["name"] for p in old_pods(owner, sets, pods)] == ["old-1"]
