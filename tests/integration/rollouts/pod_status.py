# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The status of one pod as a kubelet reports it, in the format of the captured fixtures (tests/unit/.../fixtures)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]
IMAGE = "example.test/app:1"


def now() -> str:
    """The present time in the API's format, in whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class PodStatus:
    """State of a pod's containers, changed by a behaviour; :meth:`status` is what is written to the API.

    ``settled``: ready (or done) permanently. ``broken``: the fault of its behaviour is visible.
    """

    def __init__(self, pod: Object) -> None:
        spec = pod["spec"]
        self.pod = pod
        self.init = [c["name"] for c in spec.get("initContainers", []) if c.get("restartPolicy") != "Always"]
        self.native = [c["name"] for c in spec.get("initContainers", []) if c.get("restartPolicy") == "Always"]
        self.apps = [c["name"] for c in spec["containers"]]
        self.probed = {
            c["name"] for c in [*spec["containers"], *spec.get("initContainers", [])] if "readinessProbe" in c
        }
        first = "PodInitializing" if self.init or self.native else "ContainerCreating"
        self.reports: dict[str, Object] = {
            name: {"name": name, "image": IMAGE, "imageID": "", "ready": False, "started": False, "restartCount": 0,
                   "lastState": {}, "state": {"waiting": {"reason": first}}}
            for name in (*self.init, *self.native, *self.apps)
        }  # fmt: skip
        self.sandbox = self.settled = self.broken = False
        self.events: list[tuple[str, str, str, str]] = []
        self._outcome: Object = {}
        self._began = now()
        self._since: dict[str, tuple[bool, str]] = {}

    def run(self, *names: str) -> None:
        """Starts containers; without a readiness probe they are ready at once."""
        for name in names:
            report = self.reports[name]
            if "terminated" in report["state"] or "terminated" in report["lastState"]:
                report["restartCount"] += 1
            if "terminated" in report["state"]:
                report["lastState"] = report["state"]
            ready = name not in self.probed and name not in self.init
            report |= {"state": {"running": {"startedAt": now()}}, "started": True, "ready": ready,
                       "containerID": f"containerd://{name}-{report['restartCount']}"}  # fmt: skip

    def ready(self, *names: str, yes: bool = True) -> None:
        """Lets their readiness probes pass (or fail)."""
        for name in names:
            self.reports[name]["ready"] = yes

    def end(self, name: str, code: int, reason: str = "", message: str = "") -> None:
        """Terminates a running container."""
        report = self.reports[name]
        began = (report["state"].get("running") or {}).get("startedAt", now())
        end = {"exitCode": code, "reason": reason or ("Error" if code else "Completed"), "startedAt": began,
               "finishedAt": now(), "message": message, "containerID": report.get("containerID", "")}  # fmt: skip
        report |= {"state": {"terminated": end}, "started": False, "ready": name in self.init and code == 0}

    def hold(self, name: str, reason: str, message: str = "") -> None:
        """Puts a container into the state waiting."""
        report = self.reports[name]
        if "terminated" in report["state"]:
            report["lastState"] = report["state"]
        report |= {"state": {"waiting": {"reason": reason, "message": message}}, "started": False, "ready": False}

    def finish(self, phase: str, reason: str = "", message: str = "") -> None:
        """Ends the pod."""
        self._outcome = {"phase": phase, "reason": reason, "message": message}

    def add_event(self, reason: str, message: str, container: str = "") -> None:
        """Adds an event about the pod with the present time; it may be sent later."""
        self.events.append((reason, message, container, now()))

    @property
    def initialized(self) -> bool:
        """Its init containers have completed, its native sidecars have started."""
        completed = all("terminated" in self.reports[name]["state"] for name in self.init)
        return completed and all(self.reports[name]["started"] for name in self.native)

    @property
    def all_ready(self) -> bool:
        """All its containers are ready."""
        return self.initialized and all(self.reports[name]["ready"] for name in (*self.native, *self.apps))

    def status(self) -> Object:
        """For a merge patch of the status subresource."""
        initialized, ready = self.initialized, self.all_ready and not self._outcome
        scheduled = [c for c in self.pod.get("status", {}).get("conditions", []) if c["type"] == "PodScheduled"]
        begun = any("containerID" in self.reports[name] for name in self.apps)
        phase = {"phase": "Running" if initialized and begun else "Pending", **self._outcome}
        return {
            **phase,
            "startTime": self._began,
            "hostIP": "10.0.0.1",
            "podIP": "10.0.0.2" if self.sandbox else None,
            "conditions": [
                *scheduled,
                self._condition("PodReadyToStartContainers", self.sandbox),
                self._condition("Initialized", initialized),
                self._condition("ContainersReady", ready),
                self._condition("Ready", ready),
            ],
            "initContainerStatuses": [self.reports[name] for name in (*self.init, *self.native)] or None,
            "containerStatuses": [self.reports[name] for name in self.apps],
        }

    def _condition(self, kind: str, true: bool) -> Object:
        if self._since.get(kind, (None, ""))[0] is not true:
            self._since[kind] = (true, now())
        return {"type": kind, "status": str(true), "lastTransitionTime": self._since[kind][1]}
