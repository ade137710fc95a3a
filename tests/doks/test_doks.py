# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One command makes the cluster and deploys the app; a second one writes nothing; it sleeps, wakes, and is deleted.

DigitalOcean is the stand-in. The Kubernetes behind it is the local cluster, whose kubeconfig it hands out.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.cluster.paths import TOP
from tests.e2e.conftest import until
from tests.support.digitalocean.account import Account, Clock
from tests.support.digitalocean.server import TOKEN, FakeDigitalOcean

NAME = os.environ.get("TODO_CLOUD_CLUSTER", "")
POOLS = [{"name": "app", "size": "s-2vcpu-4gb", "count": 2}]
DOKS = {"region": "fra1", "version": "1.36", "node_pools": POOLS, "budget": 60}
CHANGED = re.compile(r"changed=[1-9]")
BALANCER = {"id": "4de7ac8b-495b-4884-9a69-1050c6793cd6", "name": "traefik"}


@dataclass
class Place:
    """``local``: kubeconfig of the cluster behind the stand-in; ``kubeconfig``: the one that the run writes."""

    cloud: FakeDigitalOcean
    local: Path
    kubeconfig: Path

    def play(self, playbook: str, *arguments: str, code: int = 0, **more: Any) -> str:
        """The output, single-spaced."""
        given = {
            "cluster_provider": "doks", "cluster_doks": DOKS, "cluster_kubeconfig": str(self.kubeconfig),
            "cluster_context": f"do-fra1-{NAME}", **more,
        }  # fmt: skip
        env = {**os.environ, "DIGITALOCEAN_ACCESS_TOKEN": TOKEN, "DIGITALOCEAN_API_URL": self.cloud.url}
        env.pop("KUBECONFIG", None)
        argv = ["ansible-playbook", playbook, "-i", "inventories/local", "-e", json.dumps(given), *arguments]
        before, begun = len(self.cloud.requests), time.monotonic()
        done = subprocess.run(
            argv,
            cwd=TOP,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        seconds, requests = time.monotonic() - begun, len(self.cloud.requests) - before
        print(f"{playbook} {' '.join(arguments)}: {seconds:.1f} s, {requests} requests to DigitalOcean", flush=True)
        assert done.returncode == code, done.stdout
        assert TOKEN not in done.stdout
        return " ".join(done.stdout.split())

    def answers(self) -> bool:
        url = json.loads((self.local.parent / "cluster.json").read_text())["url"]
        try:
            return httpx.get(url, verify=False, follow_redirects=True, timeout=10).status_code == 200
        except httpx.HTTPError:
            return False

    def pods(self) -> list[str]:
        """Pods of the environment's services that have not ended (a migration's has)."""
        with KubeSession.from_params({"kubeconfig": str(self.local)}) as kube:
            found = kube.list_(POD, "todo-local", label_selector="app.kubernetes.io/part-of=todo-app")[0]
        running = [each for each in found if each["status"].get("phase") not in ("Succeeded", "Failed")]
        return sorted(each["metadata"]["name"] for each in running)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    local = Path(os.environ["TODO_CLOUD_TEST_KUBECONFIG"])
    with FakeDigitalOcean(Account(Clock(speed=20))).serving() as cloud:
        cloud.kubeconfig = local.read_text()
        yield Place(cloud, local, tmp_path_factory.mktemp("doks") / "kubeconfig")
        assert cloud.violations == []


def nodes(cloud: FakeDigitalOcean) -> int:
    (cluster,) = cloud.account.listed()
    return len(cluster["node_pools"][0]["nodes"])


def test_from_an_empty_account_and_back(place: Place) -> None:
    cloud, made = place.cloud, ["POST /v2/kubernetes/clusters"]
    would = place.play("playbooks/cluster.yml", "--check", code=2)
    assert f"The cluster {NAME} would be made at DigitalOcean" in would
    assert cloud.writes() == []

    place.play("site.yml")
    assert cloud.writes() == made
    until(place.answers, 60, "the app answers")
    assert place.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert not CHANGED.search(place.play("site.yml"))
    assert cloud.writes() == made

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
    refused = place.play("playbooks/destroy_cluster.yml", code=2, **confirmed, destroy_environments=["other"])
    assert "local" in refused
    assert "delete_associated" in place.play("playbooks/destroy_cluster.yml", code=2, **confirmed)
    assert cloud.writes() == made
    place.play("playbooks/destroy_cluster.yml", **confirmed, destroy_associated="all")
    assert (cloud.account.clusters, cloud.account.left_over) == ({}, [])
