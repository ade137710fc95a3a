# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A simulated operator: makes the workload that a custom resource holds, and reports on it as operators do.

The kind is unknown to the judge, so that its conventions decide.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import Object
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.support import apply

KIND = "Application"
_PAUSE_SECONDS = 0.4


@dataclass(frozen=True)
class Operator:
    """How an operator reports. ``fails_for``: seconds for which it says that it failed, whatever its pods do."""

    dialect: str
    fails_for: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What an operator knows of its workload. ``word``: Progressing, Healthy or BuildFailed."""

    generation: int
    word: str
    replicas: int
    ready: int


def _ready(seen: Seen, **more: Any) -> Object:
    done = str(seen.word == "Healthy")
    return {"type": "Ready", "status": done, "reason": seen.word, "message": f"{seen.ready}/{seen.replicas}", **more}


def _kstatus(seen: Seen) -> Object:
    other = {"Progressing": "Reconciling", "BuildFailed": "Stalled"}.get(seen.word, "")
    more = [{"type": other, "status": "True", "reason": seen.word, "message": "see pods"}] if other else []
    return {"observedGeneration": seen.generation, "conditions": [_ready(seen), *more]}


def _phase(seen: Seen) -> Object:
    return {"phase": {"Progressing": "Creating", "Healthy": "Running", "BuildFailed": "Failed"}[seen.word]}


def _counts(seen: Seen) -> Object:
    return {"observedGeneration": seen.generation, "replicas": seen.replicas, "readyReplicas": seen.ready}


# Ways to say it: those that name the generation, one that does not, one that cannot say that it failed, and none.
DIALECTS: Mapping[str, Callable[[Seen], Object]] = {
    "ready": lambda seen: {"observedGeneration": seen.generation, "conditions": [_ready(seen)]},
    "ready of a generation": lambda seen: {"conditions": [_ready(seen, observedGeneration=seen.generation)]},
    "kstatus": _kstatus,
    "phase": _phase,
    "counts": _counts,
    "silent": lambda seen: {},
}


class Operating:
    """Context manager: the operator of one object works while it is open."""

    def __init__(self, kube: KubeSession, group: str, namespace: str, name: str, operator: Operator) -> None:
        self._kube, self._api_version, self._namespace, self._name = kube, f"{group}/v1", namespace, name
        self._operator = operator
        self._began = time.monotonic()
        self._made = 0
        self._said: Object = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def object(self, workload: Object) -> Object:
        """The custom resource that asks for this workload."""
        wanted = {"workload": workload, "replicas": workload["spec"].get("replicas", 1)}
        return {"apiVersion": self._api_version, "kind": KIND, "metadata": {"name": self._name}, "spec": wanted}

    def __enter__(self) -> Operating:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            with suppress(TodoCloudError):
                self._reconcile()

    def _reconcile(self) -> None:
        resource = self._kube.resource(self._api_version, KIND)
        own = self._kube.find(resource, self._namespace, self._name)
        if own is None:
            return
        workload, generation = own["spec"]["workload"], own["metadata"]["generation"]
        if generation != self._made:
            owner = {"apiVersion": self._api_version, "kind": KIND, "name": self._name, "uid": own["metadata"]["uid"]}
            meta = workload["metadata"] | {"ownerReferences": [owner]}
            apply(self._kube, self._namespace, [workload | {"metadata": meta}])
            self._made = generation
        live = self._kube.get(self._kube.resource("apps/v1", workload["kind"]), self._namespace, self._name)
        said = DIALECTS[self._operator.dialect](self._see(live, generation, own["spec"]["replicas"]))
        if said != self._said:
            self._kube.patch(resource, self._namespace, self._name, {"status": said}, subresource="status")
            self._said = said

    def _see(self, live: Object, generation: int, replicas: int) -> Seen:
        if time.monotonic() - self._began < self._operator.fails_for:
            return Seen(generation, "BuildFailed", replicas, 0)
        done = _is_complete(live)
        return Seen(generation, "Healthy" if done else "Progressing", replicas, replicas if done else 0)


def _is_complete(live: Object) -> bool:
    """All pods are of the newest revision and ready."""
    counts = live.get("status", {})
    if counts.get("observedGeneration", 0) < live["metadata"]["generation"]:
        return False
    if live["kind"] == "DaemonSet":
        wanted = counts.get("desiredNumberScheduled", 0)
        have = [counts.get(key, 0) for key in ("updatedNumberScheduled", "numberAvailable", "numberReady")]
    else:
        wanted = live["spec"]["replicas"]
        have = [counts.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
        if live["kind"] == "StatefulSet" and counts.get("currentRevision") != counts.get("updateRevision"):
            return False
    return bool(wanted) and all(count == wanted for count in have)
