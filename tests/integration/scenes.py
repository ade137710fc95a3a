# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scenarios of rollouts: each in a namespace of its own, all of them side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.api import Object
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import (
    RolloutWaiter,
    Target,
    Verdict,
    WaitOptions,
)

from tests.integration.support import BUSYBOX, apply, eventually
from tests.support.patience import patience

SLEEP = ["sleep", "86400"]


@dataclass
class Scene:
    """What a scenario works with: a namespace of its own, and a wait in the background."""

    kube: KubeSession
    namespace: str
    lines: list[str] = field(default_factory=list)

    def deploy(self, name: str = "app", kind: str = "Deployment", replicas: int = 1, **container: Any) -> None:
        """A workload of one container; further keys go to the container."""
        labels = {"app": name}
        pod, deadline = container.pop("pod", {}), container.pop("deadline", 600)
        definition = {"name": "app", "image": BUSYBOX, "command": SLEEP, **container}
        template = {
            "metadata": {"labels": labels},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [definition], **pod},
        }
        spec: Object = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        if kind == "StatefulSet":
            spec["serviceName"] = name
        else:
            spec["progressDeadlineSeconds"] = deadline
        apply(
            self.kube,
            self.namespace,
            [{"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}],
        )

    def put(self, api_version: str, kind: str, name: str, **fields: Any) -> None:
        """Any other object."""
        meta = {"name": name}
        apply(self.kube, self.namespace, [{"apiVersion": api_version, "kind": kind, "metadata": meta, **fields}])

    def target(self, name: str = "app", kind: str = "Deployment") -> Target:
        return Target("apps/v1", kind, self.namespace, name)

    def wait(self, *targets: Target, kube: KubeSession | None = None, **options: Any) -> Verdict:
        """Wait now."""
        settings = WaitOptions(**{"timeout": patience(90), **options})
        return RolloutWaiter(kube or self.kube, settings, self.lines.append).wait(targets or (self.target(),))

    @contextmanager
    def waiting(self, *targets: Target, **options: Any) -> Iterator[Future[Verdict]]:
        """Wait in the background."""
        future: Future[Verdict] = Future()

        def run() -> None:
            try:
                future.set_result(self.wait(*targets, **options))
            except BaseException as exc:
                future.set_exception(exc)

        threading.Thread(target=run, daemon=True).start()
        yield future

    def reported(self, text: str) -> None:
        """Until a progress line has this text."""
        eventually(f"a line with {text!r} among {self.lines}", lambda: any(text in line for line in self.lines))

    def pods(self) -> list[Object]:
        return self.kube.list_(POD, self.namespace)[0]


Scenario = Callable[[Scene], Verdict]


@contextmanager
def played(
    scenarios: Iterable[Scenario], kubeconfig: str, make_namespace: Callable[..., str]
) -> Iterator[dict[Any, Future[Verdict]]]:
    """All scenarios, begun at once: their waits are idle."""
    scenes = {scenario: make_namespace() for scenario in scenarios}

    def play(scenario: Scenario, namespace: str) -> Verdict:
        session = KubeSession.from_params({"kubeconfig": kubeconfig}, user_agent="todo.cloud tests")
        return scenario(Scene(session, namespace))

    with ThreadPoolExecutor(max_workers=len(scenes)) as pool:
        yield {scenario: pool.submit(play, scenario, namespace) for scenario, namespace in scenes.items()}
