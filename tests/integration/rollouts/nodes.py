# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Simulated nodes: pods that the scheduler binds to them follow a given behaviour.

API server, controllers and scheduler are real; this simulates the kubelets.
"""

from __future__ import annotations

import heapq
import itertools
import json
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import Object
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Conflict, NotFound
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import EVENT, LEASE, NODE, POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.kube.transport import network_errors

from tests.integration.rollouts.faults import Behaviour, Steps, steps
from tests.integration.rollouts.pod_status import PodStatus, now
from tests.integration.support import eventually

SCRIPT = "todo.cloud/script"
TAINT = "todo.cloud/simulated"
_LEASES = "kube-node-lease"
_AGAIN_SECONDS = 0.5
_JSON = {"Content-Type": "application/json"}


class SimulatedNodes:
    """Context manager: nodes that exist while it is open.

    Their label is ``simulated: TOKEN``, and ``first-N: TOKEN`` on the first N of them.
    """

    def __init__(self, kube: KubeSession, count: int = 3) -> None:
        self.kube = kube
        self.token = f"simulated-{secrets.token_hex(3)}"
        self.names = [f"{self.token}-{number}" for number in range(count)]
        self._scripts: dict[str, list[Behaviour]] = {}
        self._started: dict[str, int] = {}
        self._statuses: dict[str, tuple[str, PodStatus]] = {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._stop = threading.Event()
        self._workers = ThreadPoolExecutor(max_workers=6)

    # -- used by scenarios -----------------------------------------------------------------------------------

    def script(self, key: str, behaviours: list[Behaviour]) -> None:
        """Pods annotated with this key get these behaviours in the order of their creation, further ones the last."""
        with self._wake:
            self._scripts[key] = behaviours
            self._started[key] = 0

    def settled(self, key: str) -> int:
        """How many pods of a script are settled."""
        return sum(1 for name, status in list(self._statuses.values()) if name == key and status.settled)

    def broken(self, key: str) -> int:
        """How many pods of a script show their fault."""
        return sum(1 for name, status in list(self._statuses.values()) if name == key and status.broken)

    def waiting(self, key: str) -> int:
        """How many pods of a script are neither settled nor show their fault yet."""
        return sum(
            1 for name, status in list(self._statuses.values()) if name == key and not (status.settled or status.broken)
        )

    # -- the nodes ----------------------------------------------------------------------------------------------

    def __enter__(self) -> SimulatedNodes:
        for number, name in enumerate(self.names):
            self._make(number, name)
        for work in (self._heartbeats, self._run_queue, *(lambda name=name: self._follow(name) for name in self.names)):
            threading.Thread(target=work, daemon=True).start()
        eventually("simulated nodes are ready", lambda: all(self._usable(name) for name in self.names))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        with self._wake:
            self._wake.notify_all()
        self._workers.shutdown(wait=True, cancel_futures=True)
        for name in self.names:
            self.kube.delete(NODE, "", name)
            self.kube.delete(LEASE, _LEASES, name)

    def _make(self, number: int, name: str) -> None:
        first = {f"first-{upto}": self.token for upto in range(number + 1, len(self.names) + 1)}
        room = {"cpu": "1000", "memory": "1000Gi", "pods": "5000"}
        meta = {"name": name, "labels": {"simulated": self.token, "kubernetes.io/hostname": name, **first}}
        taint = {"key": TAINT, "value": self.token, "effect": "NoSchedule"}
        self.kube.create(NODE, "", {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": {"taints": [taint]},
                                    "status": {"capacity": room, "allocatable": room}})  # fmt: skip
        condition = {"type": "Ready", "status": "True", "reason": "Simulated", "lastHeartbeatTime": now(),
                     "lastTransitionTime": now()}  # fmt: skip
        self.kube.patch(NODE, "", name, {"status": {"conditions": [condition]}}, subresource="status")
        spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": _micro()}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}
        self.kube.create(LEASE, _LEASES, lease)

    def _usable(self, name: str) -> bool:
        taints = self.kube.get(NODE, "", name)["spec"].get("taints", [])
        return [taint["key"] for taint in taints] == [TAINT]

    def _heartbeats(self) -> None:
        while not self._stop.wait(5.0):
            for name in self.names:
                with suppress(TodoCloudError):
                    self.kube.patch(LEASE, _LEASES, name, {"spec": {"renewTime": _micro()}})

    # -- their pods ---------------------------------------------------------------------------------------------

    def _follow(self, node: str) -> None:
        """Lists and watches the pods of one node."""
        version, chosen = "", f"spec.nodeName={node}"
        while not self._stop.is_set():
            with suppress(TodoCloudError, *network_errors()):
                if not version:
                    pods, version = self.kube.list_(POD, field_selector=chosen)
                    for pod in pods:
                        self._observe(pod)
                stream = self.kube.watch(POD, "", version, seconds=20, silence=30, field_selector=chosen)
                version = self._read(stream, version)
                continue
            version = ""

    def _read(self, stream: Any, version: str) -> str:
        try:
            for event in stream:
                if event["type"] == "ERROR":
                    return ""
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] == "DELETED":
                    self._statuses.pop(event["object"]["metadata"]["uid"], None)
                elif event["type"] != "BOOKMARK":
                    self._observe(event["object"])
                if self._stop.is_set():
                    break
            return version
        finally:
            stream.close()

    def _observe(self, pod: Object) -> None:
        meta = pod["metadata"]
        key = meta.get("annotations", {}).get(SCRIPT, "")
        known = meta["uid"] in self._statuses
        if meta.get("deletionTimestamp"):
            if known:
                self._statuses[meta["uid"]][1].settled = False
            self._later(0.2, lambda: self._remove(pod))
        elif not known and key in self._scripts:
            with self._wake:
                behaviours = self._scripts[key]
                behaviour = behaviours[min(self._started[key], len(behaviours) - 1)]
                self._started[key] += 1
            status = PodStatus(pod)
            self._statuses[meta["uid"]] = (key, status)
            script_steps = steps(status, behaviour)
            self._later(0.0, lambda: self._step(pod, status, script_steps))

    def _step(self, pod: Object, status: PodStatus, script_steps: Steps) -> None:
        if pod["metadata"]["uid"] not in self._statuses:
            return
        pause = next(script_steps, None)
        more = None if pause is None else lambda: self._step(pod, status, script_steps)
        self._send(pod, status, pause or 0.0, more)

    def _send(self, pod: Object, status: PodStatus, pause: float, more: Callable[[], None] | None) -> None:
        """What the pod has come to, until the API server takes it; then, after a pause, its next step."""
        meta = pod["metadata"]
        try:
            for event in status.events:
                self._create_event(pod, *event)
            status.events.clear()
            # with the uid, as kubelets do: another pod of a StatefulSet may have the name by now
            body = {"metadata": {"uid": meta["uid"]}, "status": status.status()}
            self.kube.patch(POD, meta["namespace"], meta["name"], body, subresource="status")
        except (NotFound, Conflict):
            return
        except TodoCloudError:
            self._later(_AGAIN_SECONDS, lambda: self._send(pod, status, pause, more))
            return
        if more:
            self._later(pause, more)

    def _create_event(self, pod: Object, reason: str, message: str, container: str, at: str) -> None:
        meta = pod["metadata"]
        about = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "namespace": meta["namespace"],
                 "uid": meta["uid"], "fieldPath": f"spec.containers{{{container}}}" if container else ""}  # fmt: skip
        event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{meta['name']}.{secrets.token_hex(6)}"},
                 "involvedObject": about, "reason": reason, "message": message, "type": "Warning", "count": 1,
                 "firstTimestamp": at, "lastTimestamp": at, "source": {"component": "kubelet"}}  # fmt: skip
        self.kube.create(EVENT, meta["namespace"], event)

    def _remove(self, pod: Object) -> None:
        """Finally removes a deleted pod, as its kubelet does."""
        meta = pod["metadata"]
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
        path = POD.path(meta["namespace"], meta["name"])
        self.kube._json("DELETE", path, "delete", f"pod {meta['name']}", headers=_JSON, body=body)

    # -- scheduled work ----------------------------------------------------------------------------------------

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        with self._wake:
            heapq.heappush(self._queue, (time.monotonic() + seconds, next(self._numbers), work))
            self._wake.notify()

    def _run_queue(self) -> None:
        while not self._stop.is_set():
            with self._wake:
                due = self._queue[0][0] - time.monotonic() if self._queue else 1.0
                if due > 0:
                    self._wake.wait(min(due, 1.0))
                    continue
                work = heapq.heappop(self._queue)[2]
            self._workers.submit(self._try, work)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (NotFound, Conflict):  # the pod is gone, or another one has its name by now
            return
        except TodoCloudError as exc:
            if not self._stop.is_set():
                print(f"simulated node: {exc}", json.dumps(dict(exc.failure.details), default=str)[:300])


def _micro() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
