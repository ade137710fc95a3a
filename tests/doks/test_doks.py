# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One command makes the cluster and deploys the app; a second one writes nothing; it sleeps, wakes, and is deleted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.doks.conftest import NAME, Place
from tests.e2e.conftest import Cluster, until
from tests.support.digitalocean.server import FakeDigitalOcean

CHANGED = re.compile(r"changed=[1-9]")
BALANCER = {"id": "4de7ac8b-495b-4884-9a69-1050c6793cd6", "name": "traefik"}
OTHER = "todo-other"


def nodes(cloud: FakeDigitalOcean) -> int:
    (cluster,) = cloud.account.listed()
    return len(cluster["node_pools"][0]["nodes"])


def test_from_an_empty_account_and_back(place: Place, cluster: Cluster, tmp_path: Path) -> None:
    cloud, made = place.cloud, ["POST /v2/kubernetes/clusters"]
    would = place.play("playbooks/cluster.yml", "--check", code=2)
    assert f"The cluster {NAME} would be made at DigitalOcean" in would
    assert cloud.writes() == []

    first = place.play("site.yml")
    assert cloud.writes() == made
    uid = cluster.get("namespace", "kube-system")["metadata"]["uid"]
    assert f"cluster_id: {uid}" in first
    assert "storage: class local-path" in first
    assert "metrics: their API is there" in first
    until(place.answers, 60, "the app answers")
    assert place.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert not CHANGED.search(place.play("site.yml"))
    assert cloud.writes() == made
    place.kubeconfig.rename(aside := tmp_path / "aside")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSIBLE_LOCAL_TEMP", str(tmp_path / "memory"))
        own = place.play("site.yml", cluster_kubeconfig="{{ lookup('todo.cloud.run_folder') }}/kubeconfig")
    assert sum(map(int, re.findall(r"changed=(\d+)", own))) == 1, "the run's own kubeconfig, and nothing else"
    assert not [*(tmp_path / "memory").rglob("kubeconfig"), *place.kubeconfig.parent.iterdir()]
    aside.rename(place.kubeconfig)

    assert place.pods()
    pools: dict[str, Any] = {"sleep_pools": {"app": {"asleep": 1, "awake": 2}}}
    place.play("playbooks/sleep.yml", **pools)
    assert nodes(cloud) == 1
    until(lambda: not place.pods(), 120, "no pod is left")
    until(lambda: not place.answers(), 60, "nothing answers")
    assert "is asleep already" in place.play("playbooks/sleep.yml")
    assert "so the public endpoint was not asked" in place.play("playbooks/verify.yml")
    place.play("playbooks/wake.yml", **pools)
    assert nodes(cloud) == 2
    until(place.answers, 60, "the app answers")
    assert not CHANGED.search(place.play("site.yml")), "the inventory finds what it wants"

    made = cloud.writes()
    assert len(made) == 3, "the cluster, and its pool twice"
    (identity,) = cloud.account.clusters
    cloud.account.associated[identity] = {"load_balancers": [BALANCER]}
    confirmed: dict[str, Any] = {"destroy_confirm": NAME}
    cluster.kubectl("create", "namespace", OTHER)
    cluster.kubectl("label", "namespace", OTHER, "todo.cloud/environment=other")
    both = place.play("playbooks/destroy_cluster.yml", code=2, **confirmed, destroy_associated="all")
    assert "not deleted: the environments other are in it" in both
    left = place.play("playbooks/destroy_cluster.yml", code=2, **confirmed, destroy_environments=["other"])
    assert "not deleted: the environments local are in it" in left
    cluster.kubectl("delete", "namespace", OTHER, "--timeout=60s")
    assert "delete_associated" in place.play("playbooks/destroy_cluster.yml", code=2, **confirmed)
    assert cloud.writes() == made
    place.play("playbooks/destroy_cluster.yml", **confirmed, destroy_associated="all")
    assert (cloud.account.clusters, cloud.account.left_over) == ({}, [])
