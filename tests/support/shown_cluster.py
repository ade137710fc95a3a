"""A server that shows captured states of workloads and never changes, and a wait for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import (
    RolloutWaiter,
    Target,
    Verdict,
    WaitOptions,
)

from tests.support import states
from tests.support.fake_api import Answer, FakeApi, Request, fake_api, listing

LOG = b'time="x" level=fatal msg="[INIT_COMPONENT_FAILURE]: SASL Authentication failed" password=hunter2\n'


def objects(*names: str) -> list[dict[str, Any]]:
    """The objects of some states, each as a list would show it."""
    found = [obj for name in names for obj in states.objects(name)]
    for obj in found:
        obj.setdefault("metadata", {"name": "event", "namespace": "zoo", "uid": "event"})["resourceVersion"] = "1"
    return found


def deployment(name: str, namespace: str = "zoo") -> Target:
    """A Deployment of the states."""
    return Target("apps/v1", "Deployment", namespace, name)


@contextmanager
def cluster(
    states: list[dict[str, Any]], override: Callable[[Request], Answer | None] = lambda request: None
) -> Iterator[tuple[FakeApi, KubeSession, list[str]]]:
    """A server that shows these objects and never changes; ``override`` may answer otherwise."""
    kinds = {"deployments": "Deployment", "replicasets": "ReplicaSet", "pods": "Pod", "events": "Event",
             "statefulsets": "StatefulSet", "daemonsets": "DaemonSet", "nodes": "Node", "jobs": "Job"}  # fmt: skip

    def answer(request: Request, n: int) -> Answer:
        if (special := override(request)) is not None:
            return special
        if request.path.endswith("/log"):
            return Answer(body=LOG)
        if request.query.get("watch"):
            return Answer(lines=[], hang=30)
        kind = kinds.get(request.path.rpartition("/")[2], "")
        wanted = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
        return listing([obj for obj in states if obj["kind"] == kind and wanted in ("", obj["metadata"]["name"])])

    with fake_api(answer) as api, KubeSession(api.params) as kube:
        yield api, kube, []


def wait(kube: KubeSession, lines: list[str], *targets: Target, **options: Any) -> Verdict:
    """Waits for targets; ``lines`` gets its progress."""
    return RolloutWaiter(kube, WaitOptions(**{"timeout": 20.0, **options}), lines.append).wait(targets)
