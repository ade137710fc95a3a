"""API requests and bytes of a wait of a minute for 1, 20 and 200 workloads, beside k8s_info's polling.

The workloads run on nodes that kwok plays and become available after a minute (``minReadySeconds``). For each number,
one ``rollout_wait`` task and a poller with k8s_info's own waiter wait for the same workloads at the same time, each
behind a proxy of its own that counts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NODE

from tests.bench.figures import Findings, Goal, spread
from tests.bench.world import Broken, Ran, Started, World, wait
from tests.integration.support import BUSYBOX, apply
from tests.support.api_proxy import ApiProxy

SIZES = (1, 20, 200)
WAIT_SECONDS = 60
_LIMIT_SECONDS = 170.0
_CONSTANT = 1.5  # requests with 200 workloads, by those with one: watches that end and begin anew are not in step
OURS, PEER = "rollout_wait", "k8s_info's waiter"


@dataclass(frozen=True)
class Wait:
    """One wait and what it cost."""

    tool: str
    workloads: int
    seconds: float
    requests: int
    bytes: int

    def as_row(self) -> dict[str, Any]:
        """For the table."""
        return {
            "tool": self.tool,
            "workloads": self.workloads,
            "seconds": round(self.seconds),
            "requests": self.requests,
            "requests a minute": round(self.requests * 60 / self.seconds),
            "kB": round(self.bytes / 1000),
            "kB a workload": round(self.bytes / 1000 / self.workloads, 1),
        }


def measure(world: World) -> Findings:
    """The table of requests."""
    if not any(_is_fake(node) for node in world.kube.list_(NODE)[0]):
        raise Broken("there are no kwok nodes: start the cluster with --kwok-nodes 3")
    waits: list[Wait] = []
    with ExitStack() as stack:
        spaces = {size: stack.enter_context(world.namespace(f"traffic-{size}")) for size in SIZES}
        with ThreadPoolExecutor(16) as pool:
            for size, space in sorted(spaces.items(), reverse=True):
                list(pool.map(lambda name, space=space: apply(world.kube, space, [_deployment(name)]), _names(size)))
        proxies: list[tuple[str, int, ApiProxy]] = []
        running: list[Started] = []
        for size, space in spaces.items():
            for tool, command in ((OURS, _ours), (PEER, _peer)):
                proxy = stack.enter_context(ApiProxy(Path(world.kubeconfig)))
                proxies.append((tool, size, proxy))
                running.append(world.start(command(world, space, _names(size)), proxy.kubeconfig))
        for (tool, size, proxy), ran in zip(proxies, wait(running, _LIMIT_SECONDS), strict=True):
            waits.append(_counted(tool, size, proxy, ran.ok()))
    return findings(waits)


def findings(waits: Sequence[Wait]) -> Findings:
    """From waits to the table."""
    found = Findings("traffic", f"API requests and bytes of a wait of about {WAIT_SECONDS} s")
    found.rows = [each.as_row() for each in sorted(waits, key=lambda each: (each.tool != OURS, each.workloads))]
    growth = spread([each.requests / each.seconds for each in waits if each.tool == OURS])
    found.goals = [Goal("rollout_wait: requests with 200 workloads by those with 1", growth, _CONSTANT, "times")]
    found.notes = [
        f"{PEER}: kubernetes.core's own waiter, one thread for each workload, every 5 s, one client for all; "
        "k8s_info tasks would add the look-up of the API's resources for each task",
        "bytes are those of requests and answers at the proxy, without TLS",
    ]
    return found


def _names(size: int) -> list[str]:
    return [f"w{number:03}" for number in range(size)]


def _deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    spec = {
        "nodeSelector": {"type": "kwok"},
        "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
        "containers": [{"name": "app", "image": BUSYBOX}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "minReadySeconds": WAIT_SECONDS + 10,  # counted from when the pods are there: the waits begin later
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _ours(world: World, namespace: str, names: Sequence[str]) -> list[str]:
    workloads = [{"name": name, "namespace": namespace} for name in names]
    # The seconds that a pod has to stay ready are in minReadySeconds already.
    task = {"todo.cloud.rollout_wait": {"workloads": workloads, "timeout": 150, "stability_seconds": 0}}
    return world.playbook_command({"tasks": [task]})


def _peer(world: World, namespace: str, names: Sequence[str]) -> list[str]:
    del world
    return [sys.executable, str(Path(__file__).with_name("poller.py")), namespace, *names]


def _counted(tool: str, size: int, proxy: ApiProxy, ran: Ran) -> Wait:
    counts = proxy.counts
    return Wait(tool, size, ran.seconds, counts.requests, counts.bytes_in + counts.bytes_out)


def _is_fake(node: dict[str, Any]) -> bool:
    return (node["metadata"].get("labels") or {}).get("type") == "kwok"
