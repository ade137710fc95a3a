# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in of DigitalOcean, and the local cluster behind it, whose kubeconfig it hands out."""

from __future__ import annotations

import json
import os
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
from tests.e2e.conftest import cluster
from tests.support.digitalocean.account import Account, Clock
from tests.support.digitalocean.server import TOKEN, FakeDigitalOcean
from tests.support.environ import ANSIBLES_OUTPUT

__all__ = ["cluster"]
NAME = os.environ.get("TODO_CLOUD_CLUSTER", "")
_POOLS = [{"name": "app", "size": "s-2vcpu-4gb", "count": 2}]
DOKS: dict[str, Any] = {"region": "fra1", "version": "1.36", "node_pools": _POOLS, "budget": 60}


@dataclass
class Place:
    """``local``: kubeconfig of the cluster behind the stand-in; ``kubeconfig``: the one that the run writes."""

    cloud: FakeDigitalOcean
    local: Path
    kubeconfig: Path
    inventory: str = "inventories/local"

    def play(self, playbook: str, *arguments: str, code: int = 0, **more: Any) -> str:
        """The output, single-spaced."""
        given = {
            "cluster_provider": "doks", "cluster_doks": DOKS, "cluster_kubeconfig": str(self.kubeconfig),
            "cluster_context": f"do-fra1-{NAME}", **more,
        }  # fmt: skip
        own = {"DIGITALOCEAN_ACCESS_TOKEN": TOKEN, "DIGITALOCEAN_API_URL": self.cloud.url}
        env = {**os.environ, **own, **ANSIBLES_OUTPUT}
        env.pop("KUBECONFIG", None)
        argv = ["ansible-playbook", playbook, "-i", self.inventory, "-e", json.dumps(given), *arguments]
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
