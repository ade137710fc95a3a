# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a release needs of others, and how each part is broken and mended on the local cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    POD,
    STATEFUL_SET,
    Resource,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.readiness.fields import is_true

from tests.cluster.paths import TOP
from tests.integration.support import eventually

HOOK = Resource("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations",
                namespaced=False)  # fmt: skip
HOOK_NAME = "faults.todo.cloud"
_REGISTRY_PORT = 5000


@dataclass
class Place:
    """The cluster's name, the environment's namespace, and a client of its own."""

    cluster: str
    namespace: str
    kube: KubeSession

    def in_node(self, *command: str) -> str:
        """Output of a command inside of the node."""
        whole = [sys.executable, "-m", "tests.cluster", "exec", self.cluster, "--", *command]
        return subprocess.run(whole, cwd=TOP, check=True, capture_output=True, text=True, timeout=60).stdout

    @contextmanager
    def silent(self, program: str) -> Iterator[None]:
        """A program of the node is stopped: it accepts connections and says nothing."""
        listed = (line.split(None, 2) for line in self.in_node("ps", "-eo", "pid,args").splitlines()[1:])
        (pid,) = (pid for pid, name, *_ in listed if name.endswith(f"/bin/{program}"))
        self.in_node("kill", "-STOP", pid)
        try:
            yield
        finally:
            self.in_node("kill", "-CONT", pid)

    @contextmanager
    def without(self, kind: Resource, namespace: str, name: str) -> Iterator[None]:
        """A workload has no pods; at the end they are ready again."""
        spec = self.kube.get(kind, namespace, name)["spec"]
        labels = ",".join(f"{key}={value}" for key, value in spec["selector"]["matchLabels"].items())

        def pods() -> list[bool]:
            return [is_true(pod, "Ready") for pod in self.kube.list_(POD, namespace, label_selector=labels)[0]]

        self.kube.patch(kind, namespace, name, {"spec": {"replicas": 0}})
        try:
            eventually(f"{name} has no pods", lambda: not pods())
            yield
        finally:
            self.kube.patch(kind, namespace, name, {"spec": {"replicas": spec["replicas"]}})

    @contextmanager
    def refusing(self, port: int) -> Iterator[None]:
        """A port of the node refuses connections."""
        rule = ("-p", "tcp", "--dport", str(port), "-j", "REJECT", "--reject-with", "tcp-reset")
        self.in_node("iptables", "-I", "INPUT", *rule)
        try:
            yield
        finally:
            self.in_node("iptables", "-D", "INPUT", *rule)

    @contextmanager
    def guarded(self, group: str, resource: str) -> Iterator[None]:
        """A webhook for these objects of the namespace, whose Service is not there."""
        rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                "resources": [resource]}  # fmt: skip
        webhook = {
            "name": HOOK_NAME, "rules": [rule], "failurePolicy": "Fail", "sideEffects": "None", "timeoutSeconds": 2,
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"namespace": self.namespace, "name": "guard"}},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
        }  # fmt: skip
        body = {"apiVersion": HOOK.api_version, "kind": HOOK.kind, "metadata": {"name": HOOK_NAME}}
        self.kube.create(HOOK, "", {**body, "webhooks": [webhook]})
        try:
            yield
        finally:
            self.kube.delete(HOOK, "", HOOK_NAME)


@dataclass(frozen=True)
class Part:
    """``broken``: for as long as the block lasts; ``code`` and ``named``: how a run ends that it outlasts.

    It returns after a line of progress that holds ``back_at``, or after ``back_after`` seconds; ``outlasted``: the
    timeout, in seconds, of the run that it does not return for.
    """

    name: str
    broken: Callable[[Place], AbstractContextManager[None]]
    named: str
    code: str = "platform_down"
    back_at: str = "waiting for it"
    back_after: float = 0.0
    outlasted: int = 40


def _dapr(name: str, kind: Resource = DEPLOYMENT) -> Part:
    service = f"dapr-{name}"
    return Part(f"Dapr's {name}", lambda place: place.without(kind, "dapr-system", service), service)


PARTS = (
    Part("broker", lambda place: place.without(STATEFUL_SET, "kafka", "kafka"), "kafka", "dependency_down"),
    Part("registry", lambda place: place.refusing(_REGISTRY_PORT), "registry", "dependency_down"),
    Part("cluster DNS", lambda place: place.without(DEPLOYMENT, "kube-system", "coredns"), "cluster DNS"),
    _dapr("sidecar-injector"),
    _dapr("sentry"),
    _dapr("scheduler-server", STATEFUL_SET),
    _dapr("placement-server", STATEFUL_SET),
    Part("webhook of pods", lambda place: place.guarded("", "pods"), HOOK_NAME),
    Part("webhook of workloads", lambda place: place.guarded("apps", "deployments"), HOOK_NAME, "webhook_down",
         "trying again"),
    Part("etcd", lambda place: place.silent("etcd"), "API server", "unreachable", "", 50.0),
    Part("API server", lambda place: place.silent("kube-apiserver"), "API server", "unreachable", "", 50.0),
    Part("node", lambda place: place.silent("kubelet"), "node", back_at="", back_after=75.0, outlasted=100),
)  # fmt: skip
