# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Performs one scenario on a real API server and lets the real RolloutWaiter judge it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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

from tests.integration.rollouts.nodes import PlayedNodes
from tests.integration.rollouts.plots import Part
from tests.integration.rollouts.scenarios import Scenario
from tests.integration.rollouts.shapes import Shape, manifest
from tests.integration.support import apply, eventually

# Seconds after which something that must come has not come, on however busy a machine.
_PATIENCE = 300.0


@dataclass(frozen=True)
class Outcome:
    """What was said, and how many pods were well for good when it was said."""

    verdict: Verdict
    settled: int
    lines: tuple[str, ...]


class Performance:
    """One scenario in one namespace."""

    def __init__(self, kube: KubeSession, nodes: PlayedNodes, namespace: str, scene: Scenario) -> None:
        self._kube, self._nodes, self._namespace, self._scene = kube, nodes, namespace, scene
        self._name = f"r{scene.seed}"
        named = {key: self._own_name(value) for key, value in scene.shape.pod.items()}
        self._shape: Shape = replace(scene.shape, pod=named)
        self._lines: list[str] = []
        self._seen = threading.Event()
        self._key = ""

    def run(self) -> Outcome:
        """Set the stage, wait, act meanwhile, clean up."""
        scene = self._scene
        try:
            self._before()
            if scene.parts:
                self._apply(len(scene.before), list(scene.parts))
            group = "batch/v1" if self._shape.kind == "Job" else "apps/v1"
            target = Target(group, self._shape.kind, self._namespace, self._name)
            options = WaitOptions(**{"timeout": _PATIENCE, "stability_seconds": 1.0, "log_lines": 0, **scene.options})
            if scene.code is Code.NOT_READY:  # only time tells: it must be there when the time begins
                eventually(f"{self._key} is unready", self._all_told, _PATIENCE)
            with ThreadPoolExecutor(max_workers=1) as side:
                acting = side.submit(self._act)
                verdict = RolloutWaiter(self._kube, options, self._say).wait([target])
                settled = self._nodes.settled(self._key)
                self._seen.set()
                acting.result()
            return Outcome(verdict, settled, tuple(self._lines))
        finally:
            self._clean()

    # -- setting the stage --------------------------------------------------------------------------------------

    def _before(self) -> None:
        if self._scene.act.startswith("quota"):
            self._quota(0)
        for number, (part, state) in enumerate(self._scene.before):
            key = self._key
            plain = {name: value for name, value in self._shape.spec.items() if name != "paused"}
            deadline = {"progressDeadlineSeconds": 2} if state == "late" else {}
            self._apply(number, [part], replace(self._shape, spec=plain), **deadline)
            if state == "settled":
                eventually(f"{self._key} is well", self._all_well, _PATIENCE)
            else:
                eventually(f"{self._key} shows its trouble", lambda: self._nodes.broken(self._key) > 0, _PATIENCE)
            if deadline:
                eventually("the deadline is missed", self._late, _PATIENCE)
            if not self._scene.parts and number == 1:
                self._key = key
                apply(self._kube, self._namespace, [self._manifest(replace(self._shape, spec=plain))])

    def _all_told(self) -> bool:
        return self._nodes.broken(self._key) > 0 and not self._nodes.waiting(self._key)

    def _late(self) -> bool:
        return "ProgressDeadlineExceeded" in str(self._live()["status"])

    def _all_well(self) -> bool:
        if self._nodes.settled(self._key) < self._shape.replicas:
            return False
        status = self._live().get("status", {})
        ready = status.get("readyReplicas", status.get("numberReady", 0))
        return bool(ready >= self._shape.replicas)

    def _live(self) -> Object:
        return self._kube.get(self._kube.resource("apps/v1", self._shape.kind), self._namespace, self._name)

    def _apply(self, number: int, parts: list[Part], form: Shape | None = None, **spec: object) -> None:
        """The workload with a template of its own, whose pods play these parts."""
        self._key = f"{self._namespace}/{self._name}/{number}"
        self._nodes.script(self._key, parts)
        apply(self._kube, self._namespace, [self._manifest(form or self._shape, **spec)])

    def _manifest(self, form: Shape, **spec: object) -> Object:
        return manifest(form, self._name, self._key, self._nodes.token, **spec)

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

    # -- acting while it is waited for --------------------------------------------------------------------------

    def _say(self, line: str) -> None:
        self._lines.append(line)
        self._seen.set()

    def _act(self) -> None:
        if not self._scene.act:
            return
        self._seen.wait(_PATIENCE)  # the wait has looked once
        time.sleep(0.5 + self._scene.seed % 10 / 10)  # the story's own timing
        if act := _ACTS.get(self._scene.act):
            act(self)

    def _mend(self) -> None:
        if self._scene.act == "mend":
            eventually(f"{self._key} shows its trouble", lambda: self._nodes.broken(self._key) > 0, _PATIENCE)
        self._apply(len(self._scene.before) + 1, [Part()])

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
        self._mend()

    def _scale(self, replicas: int) -> None:
        resource = self._kube.resource("apps/v1", self._shape.kind)
        self._kube.patch(resource, self._namespace, self._name, {"spec": {"replicas": replicas}}, subresource="scale")

    def _clean(self) -> None:
        group = "batch/v1" if self._shape.kind == "Job" else "apps/v1"
        self._kube.delete(self._kube.resource(group, self._shape.kind), self._namespace, self._name)
        if self._scene.act.startswith("quota"):
            self._kube.delete(RESOURCE_QUOTA, self._namespace, "q")
        if self._scene.act == "room":
            self._give_room(None)


_ACTS: dict[str, Callable[[Performance], None]] = {
    "mend": Performance._mend,
    "resume": Performance._resume,
    "quota freed": lambda self: self._quota(50),
    "account freed": Performance._give_account,
    "room": Performance._give_room,
    "delete": Performance._delete,
    "recreate": Performance._recreate,
    "up": lambda self: self._scale(self._shape.replicas + 2),
    "down": lambda self: self._scale(1),
}
