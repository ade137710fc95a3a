# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nodes without machines: pods that the scheduler binds to them live as their plots say.

API server, controllers and scheduler are real; this plays the kubelets.
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

from tests.integration.rollouts.body import Body, now
from tests.integration.rollouts.plots import Part, Steps, steps
from tests.integration.support import eventually

SCRIPT = "todo.cloud/script"
TAINT = "todo.cloud/played"
_LEASES = "kube-node-lease"
_JSON = {"Content-Type": "application/json"}


class PlayedNodes:
    """Context manager: nodes that exist as long as it is open.

    Their label is ``played: TOKEN``, and ``first-N: TOKEN`` on the first N of them.
    """

    def __init__(self, kube: KubeSession, count: int = 3) -> None:
        self.kube = kube
        self.token = f"played-{secrets.token_hex(3)}"
        self.names = [f"{self.token}-{number}" for number in range(count)]
        self._scripts: dict[str, list[Part]] = {}
        self._cast: dict[str, int] = {}
        self._bodies: dict[str, tuple[str, Body]] = {}
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._stop = threading.Event()
        self._workers = ThreadPoolExecutor(max_workers=6)

    # -- what a scenario uses -----------------------------------------------------------------------------------

    def script(self, key: str, parts: list[Part]) -> None:
        """Pods annotated with this key play these parts in the order of their creation, all others the last one."""
        with self._wake:
            self._scripts[key] = parts
            self._cast[key] = 0

    def settled(self, key: str) -> int:
        """How many pods of a script are well for good."""
        return sum(1 for name, body in list(self._bodies.values()) if name == key and body.settled)

    def broken(self, key: str) -> int:
        """How many pods of a script show their trouble."""
        return sum(1 for name, body in list(self._bodies.values()) if name == key and body.broken)

    def waiting(self, key: str) -> int:
        """How many pods of a script neither are well nor show their trouble yet."""
        return sum(1 for name, body in list(self._bodies.values()) if name == key and not (body.settled or body.broken))

    # -- the nodes ----------------------------------------------------------------------------------------------

    def __enter__(self) -> PlayedNodes:
        for number, name in enumerate(self.names):
            self._make(number, name)
        for work in (self._heartbeats, self._perform, *(lambda name=name: self._follow(name) for name in self.names)):
            threading.Thread(target=work, daemon=True).start()
        eventually("played nodes are ready", lambda: all(self._usable(name) for name in self.names))
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
        meta = {"name": name, "labels": {"played": self.token, "kubernetes.io/hostname": name, **first}}
        taint = {"key": TAINT, "value": self.token, "effect": "NoSchedule"}
        self.kube.create(NODE, "", {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": {"taints": [taint]},
                                    "status": {"capacity": room, "allocatable": room}})  # fmt: skip
        condition = {"type": "Ready", "status": "True", "reason": "Played", "message": "", "lastHeartbeatTime": now(),
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
                        self._meet(pod)
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
                    self._bodies.pop(event["object"]["metadata"]["uid"], None)
                elif event["type"] != "BOOKMARK":
                    self._meet(event["object"])
                if self._stop.is_set():
                    break
            return version
        finally:
            stream.close()

    def _meet(self, pod: Object) -> None:
        meta = pod["metadata"]
        key = meta.get("annotations", {}).get(SCRIPT, "")
        known = meta["uid"] in self._bodies
        if meta.get("deletionTimestamp"):
            if known:
                self._bodies[meta["uid"]][1].settled = False
            self._later(0.2, lambda: self._remove(pod))
        elif not known and key in self._scripts:
            with self._wake:
                parts = self._scripts[key]
                part = parts[min(self._cast[key], len(parts) - 1)]
                self._cast[key] += 1
            body = Body(pod)
            self._bodies[meta["uid"]] = (key, body)
            plot = steps(body, part)
            self._later(0.0, lambda: self._step(pod, body, plot))

    def _step(self, pod: Object, body: Body, plot: Steps) -> None:
        if pod["metadata"]["uid"] not in self._bodies:
            return
        pause = next(plot, None)
        meta = pod["metadata"]
        try:
            for saying in body.sayings:
                self._say(pod, *saying)
            body.sayings.clear()
            self.kube.patch(POD, meta["namespace"], meta["name"], {"status": body.status()}, subresource="status")
        except NotFound:
            return
        if pause is not None:
            self._later(pause, lambda: self._step(pod, body, plot))

    def _say(self, pod: Object, reason: str, message: str, container: str, at: str) -> None:
        meta = pod["metadata"]
        about = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "namespace": meta["namespace"],
                 "uid": meta["uid"], "fieldPath": f"spec.containers{{{container}}}" if container else ""}  # fmt: skip
        event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{meta['name']}.{secrets.token_hex(6)}"},
                 "involvedObject": about, "reason": reason, "message": message, "type": "Warning", "count": 1,
                 "firstTimestamp": at, "lastTimestamp": at, "source": {"component": "kubelet"}}  # fmt: skip
        self.kube.create(EVENT, meta["namespace"], event)

    def _remove(self, pod: Object) -> None:
        """The last word about a pod that is deleted, which is its kubelet's."""
        meta = pod["metadata"]
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
        path = POD.path(meta["namespace"], meta["name"])
        self.kube._json("DELETE", path, "delete", f"pod {meta['name']}", headers=_JSON, body=body)

    # -- when ---------------------------------------------------------------------------------------------------

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        with self._wake:
            heapq.heappush(self._agenda, (time.monotonic() + seconds, next(self._numbers), work))
            self._wake.notify()

    def _perform(self) -> None:
        while not self._stop.is_set():
            with self._wake:
                due = self._agenda[0][0] - time.monotonic() if self._agenda else 1.0
                if due > 0:
                    self._wake.wait(min(due, 1.0))
                    continue
                work = heapq.heappop(self._agenda)[2]
            self._workers.submit(self._try, work)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (NotFound, Conflict):  # the pod is gone, or another one has its name by now
            return
        except TodoCloudError as exc:
            if not self._stop.is_set():
                print(f"played node: {exc}", json.dumps(dict(exc.failure.details), default=str)[:300])


def _micro() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
