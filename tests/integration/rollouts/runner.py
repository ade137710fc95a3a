# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs one scenario on a real API server and lets the real RolloutWaiter judge it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace

from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import Object
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    NODE,
    RESOURCE_QUOTA,
    SERVICE_ACCOUNT,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import (
    RolloutWaiter,
    Target,
    Verdict,
    WaitOptions,
)

from tests.integration.rollouts.faults import Behaviour
from tests.integration.rollouts.nodes import SimulatedNodes
from tests.integration.rollouts.operators import KIND, Operating
from tests.integration.rollouts.scenarios import Scenario
from tests.integration.rollouts.shapes import Shape, manifest
from tests.integration.support import apply, eventually

# Seconds after which an expected state counts as missed, even on a busy machine.
_PATIENCE = 300.0
# Pods of a custom resource are told apart by their age, in whole seconds, one of which may be the server's clock's.
_TELLING_SECONDS = 2.5


@dataclass(frozen=True)
class Outcome:
    """The verdict, and how many pods were settled at that time."""

    verdict: Verdict
    settled: int
    lines: tuple[str, ...]


class ScenarioRunner:
    """Runs one scenario in one namespace; ``group``: of the custom kind whose operators are simulated."""

    def __init__(self, kube: KubeSession, nodes: SimulatedNodes, namespace: str, scene: Scenario, group: str) -> None:
        self._kube, self._nodes, self._namespace, self._scene = kube, nodes, namespace, scene
        self._name = f"r{scene.seed}"
        named = {key: self._own_name(value) for key, value in scene.shape.pod.items()}
        self._shape: Shape = replace(scene.shape, pod=named)
        self._lines: list[str] = []
        self._seen = threading.Event()
        self._key = ""
        # what is deployed and judged
        self._deployed = ("batch/v1" if scene.shape.kind == "Job" else "apps/v1", scene.shape.kind)
        self._operating: Operating | None = None
        if scene.shape.operator:
            self._deployed = (f"{group}/v1", KIND)
            self._operating = Operating(kube, group, namespace, self._name, scene.shape.operator)

    def run(self) -> Outcome:
        """Prepare, wait, act meanwhile, clean up."""
        with self._operating or nullcontext():
            return self._run()

    def _run(self) -> Outcome:
        scene = self._scene
        try:
            self._before()
            if scene.before and self._operating:
                time.sleep(_TELLING_SECONDS)
            if scene.behaviours:
                self._apply(len(scene.before), list(scene.behaviours))
            target = Target(*self._deployed, self._namespace, self._name)
            options = WaitOptions(**{"timeout": _PATIENCE, "stability_seconds": 1.0, "log_lines": 0, **scene.options})
            if (
                scene.code is Code.NOT_READY
            ):  # only the timeout decides: the fault must be visible before the wait begins
                eventually(f"{self._key} is unready", self._all_visible, _PATIENCE)
            with ThreadPoolExecutor(max_workers=1) as side:
                acting = side.submit(self._act)
                verdict = RolloutWaiter(self._kube, options, self._record_line).wait([target])
                settled = self._nodes.settled(self._key)
                self._seen.set()
                acting.result()
            return Outcome(verdict, settled, tuple(self._lines))
        finally:
            self._clean()

    # -- preparation --------------------------------------------------------------------------------------

    def _before(self) -> None:
        if self._scene.act.startswith("quota"):
            self._quota(0)
        for number, (behaviour, state) in enumerate(self._scene.before):
            key = self._key
            plain = {name: value for name, value in self._shape.spec.items() if name != "paused"}
            deadline = {"progressDeadlineSeconds": 2} if state == "late" else {}
            self._apply(number, [behaviour], replace(self._shape, spec=plain), **deadline)
            if state == "settled":
                eventually(f"{self._key} is settled", self._all_settled, _PATIENCE)
            else:
                eventually(f"{self._key} shows its fault", lambda: self._nodes.broken(self._key) > 0, _PATIENCE)
            if deadline:
                eventually("the progress deadline is exceeded", self._late, _PATIENCE)
            if not self._scene.behaviours and number == 1:
                self._key = key
                apply(self._kube, self._namespace, [self._manifest(replace(self._shape, spec=plain))])

    def _all_visible(self) -> bool:
        return self._nodes.broken(self._key) > 0 and not self._nodes.waiting(self._key)

    def _late(self) -> bool:
        return "ProgressDeadlineExceeded" in str(self._live()["status"])

    def _all_settled(self) -> bool:
        if self._nodes.settled(self._key) < self._shape.replicas:
            return False
        status = self._live().get("status", {})
        ready = status.get("readyReplicas", status.get("numberReady", 0))
        return bool(ready >= self._shape.replicas)

    def _live(self) -> Object:
        return self._kube.get(self._kube.resource("apps/v1", self._shape.kind), self._namespace, self._name)

    def _apply(self, number: int, behaviours: list[Behaviour], shape: Shape | None = None, **spec: object) -> None:
        """Applies the workload with its own template, whose pods have these behaviours."""
        self._key = f"{self._namespace}/{self._name}/{number}"
        self._nodes.script(self._key, behaviours)
        apply(self._kube, self._namespace, [self._manifest(shape or self._shape, **spec)])

    def _manifest(self, shape: Shape, **spec: object) -> Object:
        workload = manifest(shape, self._name, self._key, self._nodes.token, **spec)
        return self._operating.object(workload) if self._operating else workload

    def _own_name(self, value: object) -> object:
        if isinstance(value, dict):
            return {key.replace("NAME", self._name): self._own_name(inner) for key, inner in value.items()}
        return self._name if value == "NAME" else value

    def _quota(self, pods: int) -> None:
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
                 "spec": {"hard": {"pods": str(pods)}}}  # fmt: skip
        apply(self._kube, self._namespace, [quota])

        def counted() -> bool:
            live = self._kube.get(RESOURCE_QUOTA, self._namespace, "q")
            return bool(live.get("status", {}).get("hard") == {"pods": str(pods)})

        eventually("quota is counted", counted)

    # -- actions during the wait --------------------------------------------------------------------------

    def _record_line(self, line: str) -> None:
        self._lines.append(line)
        self._seen.set()

    def _act(self) -> None:
        if not self._scene.act:
            return
        self._seen.wait(_PATIENCE)  # until the wait has read the objects once
        time.sleep(0.5 + self._scene.seed % 10 / 10)  # a time that depends on the seed
        if act := _ACTIONS.get(self._scene.act):
            act(self)

    def _fix(self) -> None:
        if self._scene.act == "fix":
            eventually(f"{self._key} shows its fault", lambda: self._nodes.broken(self._key) > 0, _PATIENCE)
        self._apply(len(self._scene.before) + 1, [Behaviour()])

    def _resume(self) -> None:
        self._kube.patch(DEPLOYMENT, self._namespace, self._name, {"spec": {"paused": False}})

    def _give_account(self) -> None:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": self._name}}
        self._kube.create(SERVICE_ACCOUNT, self._namespace, account)

    def _give_room(self, value: str | None = "yes") -> None:
        self._kube.patch(NODE, "", self._nodes.names[0], {"metadata": {"labels": {f"{self._name}-fits": value}}})

    def _delete(self) -> None:
        self._kube.delete(self._kube.resource("apps/v1", self._shape.kind), self._namespace, self._name)

    def _recreate(self) -> None:
        self._delete()
        self._fix()

    def _scale(self, replicas: int) -> None:
        resource = self._kube.resource("apps/v1", self._shape.kind)
        self._kube.patch(resource, self._namespace, self._name, {"spec": {"replicas": replicas}}, subresource="scale")

    def _clean(self) -> None:
        self._kube.delete(self._kube.resource(*self._deployed), self._namespace, self._name)
        if self._scene.act.startswith("quota"):
            self._kube.delete(RESOURCE_QUOTA, self._namespace, "q")
        if self._scene.act == "room":
            self._give_room(None)


_ACTIONS: dict[str, Callable[[ScenarioRunner], None]] = {
    "fix": ScenarioRunner._fix,
    "resume": ScenarioRunner._resume,
    "quota freed": lambda self: self._quota(50),
    "account freed": ScenarioRunner._give_account,
    "room": ScenarioRunner._give_room,
    "delete": ScenarioRunner._delete,
    "recreate": ScenarioRunner._recreate,
    "up": lambda self: self._scale(self._shape.replicas + 2),
    "down": lambda self: self._scale(1),
}
