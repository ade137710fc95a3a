# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Random workloads, without the behaviour of their pods."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.integration.rollouts.nodes import SCRIPT, TAINT
from tests.integration.rollouts.operators import Operator
from tests.integration.rollouts.pod_status import IMAGE

Object = dict[str, Any]
WORKLOADS = ("Deployment", "Deployment", "StatefulSet", "DaemonSet")
_READY = {"exec": {"command": ["true"]}, "periodSeconds": 1}


@dataclass(frozen=True)
class Shape:
    """``replicas``: of a DaemonSet the number of nodes, of a Job its completions. ``spec``: more of its spec.

    ``linger``: termination grace period of the pods in seconds. ``alive``: the app has a quick liveness probe.
    ``operator``: makes it for a custom resource, which is what is deployed then.
    """

    kind: str
    replicas: int
    spec: Object = field(default_factory=dict)
    containers: tuple[str, ...] = ("app",)
    init: bool = False
    native: bool = False
    linger: int = 0
    alive: bool = False
    pod: Object = field(default_factory=dict)
    operator: Operator | None = None

    @property
    def names(self) -> list[str]:
        """All containers that may have a fault."""
        return [*self.containers, *(["migrate"] if self.init else []), *(["proxy"] if self.native else [])]

    @property
    def ordered(self) -> bool:
        """A StatefulSet that waits for each pod."""
        return self.kind == "StatefulSet" and self.spec.get("podManagementPolicy") != "Parallel"

    @property
    def updated(self) -> int:
        """Pods that an update replaces."""
        strategy = self.spec.get("updateStrategy", {})
        if strategy.get("type") == "OnDelete":
            return 0
        return max(0, self.replicas - int(strategy.get("rollingUpdate", {}).get("partition", 0)))


def shape(rng: Random, kind: str = "") -> Shape:
    """Any workload of this kind (default: any kind but Job)."""
    kind = kind or rng.choice(WORKLOADS)
    replicas = rng.randint(1, 3)
    containers = ("app", *(name for name in ("helper", "daprd") if rng.random() < 0.25))
    spec: Object = {}
    if kind == "Deployment":
        surge, unavailable = rng.choice([(1, 0), (0, 1), ("25%", "25%"), ("100%", 0), (2, 1)])
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
        spec["strategy"] = rolling if rng.random() < 0.85 else {"type": "Recreate"}
    elif kind == "StatefulSet":
        spec["podManagementPolicy"] = rng.choice(["OrderedReady", "OrderedReady", "Parallel"])
        spec["updateStrategy"] = {
            "type": "RollingUpdate",
            "rollingUpdate": {"partition": rng.choice([0, 0, 0, 1])},
        }
    elif kind == "DaemonSet":
        spec["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}
    if rng.random() < 0.3:
        spec["minReadySeconds"] = 1
    return Shape(kind, replicas, spec, containers, init=rng.random() < 0.25, native=rng.random() < 0.15,
                 linger=rng.choice([0, 30]), alive=rng.random() < 0.2)  # fmt: skip


def job(rng: Random, policy: str = "Never", **spec: Any) -> Shape:
    """A Job."""
    completions = rng.randint(1, 2)
    fields = {"parallelism": rng.randint(1, 2), "backoffLimit": 0, **spec}
    if completions > 1 and rng.random() < 0.5:
        fields["completionMode"] = "Indexed"
    return Shape("Job", completions, fields, init=rng.random() < 0.2, pod={"restartPolicy": policy})


def manifest(form: Shape, name: str, script: str, token: str, **spec: Any) -> Object:
    """The object; ``script`` selects the behaviours of its pods, and makes its template a new revision."""
    containers = [_container(each, form) for each in form.containers]
    native = [{**_container("proxy", form), "restartPolicy": "Always"}] if form.native else []
    init = [{"name": "migrate", "image": IMAGE}] if form.init else []
    pod = {
        "terminationGracePeriodSeconds": form.linger,
        "nodeSelector": {f"first-{form.replicas}" if form.kind == "DaemonSet" else "simulated": token},
        "tolerations": [{"key": TAINT, "operator": "Exists"}],
        "initContainers": [*native, *init],
        "containers": containers,
        **form.pod,
    }
    labels = {"app": name}
    template = {"metadata": {"labels": labels, "annotations": {SCRIPT: script}}, "spec": pod}
    body: Object = {"template": template, **form.spec, **spec}
    if form.kind == "Job":
        body["completions"] = form.replicas
    else:
        body["selector"] = {"matchLabels": labels}
    if form.kind in ("Deployment", "StatefulSet"):
        body.setdefault("replicas", form.replicas)
    if form.kind == "StatefulSet":
        body["serviceName"] = name
    group = "batch/v1" if form.kind == "Job" else "apps/v1"
    return {"apiVersion": group, "kind": form.kind, "metadata": {"name": name}, "spec": body}


def _container(name: str, form: Shape) -> Object:
    if name == "helper":  # ready as soon as it runs
        return {"name": name, "image": IMAGE}
    quick = {"livenessProbe": {**_READY, "failureThreshold": 3}} if form.alive and name == "app" else {}
    return {"name": name, "image": IMAGE, "readinessProbe": _READY, **quick}
