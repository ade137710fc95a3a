# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A login tried by a Job in the environment's namespace: under its policies and quota, as a service would."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..environments.policies import EGRESS, Peer, Port, allows, isolates
from ..failure import Code, TodoCloudError
from ..kube.api import KubeClient
from ..kube.deadline import Deadline
from ..kube.errors import KubeError
from ..kube.resources import JOB, POD, SECRET, WELL_KNOWN
from ..live_lines import Passing
from ..readiness.fields import name
from ..rollout.targets import Target as Workload
from ..rollout.verdict import WaitOptions
from ..rollout.waiter import RolloutWaiter
from .login import AGAIN, Dialect, Kind, Login, Target, last_try, waits

_NETWORK_POLICY = WELL_KNOWN["networking.k8s.io/v1", "NetworkPolicy"]
_ACCESS = {Kind.POSTGRESQL: "todo.cloud/access-database", Kind.KAFKA: "todo.cloud/access-broker"}
_PEER = {Kind.POSTGRESQL: "database", Kind.KAFKA: "broker"}
_RESOURCES = {
    Kind.POSTGRESQL: {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}},
    Kind.KAFKA: {"requests": {"cpu": "50m", "memory": "192Mi"}, "limits": {"cpu": "1", "memory": "384Mi"}},
}
_START_SECONDS = 120  # to pull the image and start the pod
_SPARE_SECONDS = 60
_TELL_SECONDS = 3.0
_USER = 65532


class JobTry:
    """Tries logins of one namespace. ``image`` has what the dialect's script needs."""

    def __init__(
        self, kube: KubeClient, environment: str, image: str, pull_secrets: list[str], progress: Callable[[str], None]
    ) -> None:
        self._kube = kube
        self._environment = environment
        self._image = image
        self._pull_secrets = pull_secrets
        self._progress = progress

    def output(self, login: Login, dialect: Dialect, target: Target, files: Mapping[str, str], wait: int) -> str:
        """What the script said. The Job and the copy of the credentials that it mounts are gone afterwards, even when
        this run is killed. Raises an error that says why no pod could try it.
        """
        job = self._job(login, dialect, wait)
        namespace, job_name = login.namespace, job["metadata"]["name"]
        self._progress(Passing(f"{login.name}: a Job tries the login at {target.address}", of=""))
        made = self._create(login, job)
        try:
            owner = {"apiVersion": JOB.api_version, "kind": JOB.kind, "name": job_name, "uid": made["metadata"]["uid"]}
            data = {key: base64.b64encode(text.encode()).decode() for key, text in files.items()}
            metadata = {"name": job_name, "labels": job["metadata"]["labels"], "ownerReferences": [owner]}
            self._kube.create(
                SECRET, namespace, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
            )
            with _Told(lambda: self._tell(login, target, job_name, wait)):
                self._wait(login, job_name, wait)
            return self._log(namespace, job_name)
        finally:
            self._kube.delete(SECRET, namespace, job_name)
            self._kube.delete(JOB, namespace, job_name)

    def cut(self, login: Login, target: Target) -> str:
        """Why network policies of the namespace cut the connection; empty if they do not, or may not be read."""
        try:
            policies = self._kube.list_(_NETWORK_POLICY, login.namespace)[0]
        except KubeError:
            return ""
        pod = {"metadata": {"labels": self._labels(login)}, "spec": {}}
        for host, port in target.hosts:
            if not allows(policies, pod, EGRESS, _peer(host), Port(port), login.namespace):
                those = ", ".join(sorted(name(each) for each in isolates(policies, pod, EGRESS)))
                whose = f"the network policies of namespace {login.namespace} ({those})"
                return f"{whose} do not let its pods reach {host}:{port}"
        return ""

    def remedy(self, login: Login) -> str:
        """What opens the way."""
        return f"Open it by networkPolicies.{_PEER[login.kind]} in environment_values (namespaces, cidrs, ports)."

    def _create(self, login: Login, job: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._kube.create(JOB, login.namespace, job)
        except KubeError as exc:
            raise login.fails(exc.failure.code, f"the login was not tried: {exc.failure.message.rstrip('.')}") from exc

    def _wait(self, login: Login, job_name: str, wait: int) -> None:
        options = WaitOptions(timeout=wait + _START_SECONDS, stability_seconds=0)
        target = Workload(JOB.api_version, JOB.kind, login.namespace, job_name, release=job_name)
        verdict = RolloutWaiter(self._kube, options, lambda line: None).wait([target], Deadline.after(options.timeout))
        for failure in verdict.failures:
            why = failure.message.rstrip(".")
            raise TodoCloudError(
                login.fails(failure.code, f"the login was not tried: {why}", **failure.details).failure
            )

    def _log(self, namespace: str, job_name: str) -> str:
        pods = self._kube.list_(POD, namespace, label_selector=f"job-name={job_name}")[0]
        return "\n".join(self._kube.logs(namespace, name(pod), "login", tail=400) for pod in pods)

    def _tell(self, login: Login, target: Target, job_name: str, wait: int) -> bool:
        """Says once that it waits, where the script says so."""
        try:
            said = self._log(login.namespace, job_name)
        except KubeError:
            return False
        if AGAIN not in said:
            return False
        self._progress(waits(login, target, wait, last_try(said)[1]))
        return True

    def _labels(self, login: Login) -> dict[str, str]:
        return {
            "app.kubernetes.io/name": f"login-{login.name}",
            "app.kubernetes.io/managed-by": "todo.cloud",
            "todo.cloud/environment": self._environment,
            "todo.cloud/login": login.name,
            _ACCESS[login.kind]: "true",
        }

    def _job(self, login: Login, dialect: Dialect, wait: int) -> dict[str, Any]:
        job_name, labels = f"login-{login.name}-{secrets.token_hex(3)}", self._labels(login)
        container = {
            "name": "login",
            "image": self._image,
            "command": ["/bin/sh", "-c", dialect.script(login, wait)],
            "resources": _RESOURCES[login.kind],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [
                {"name": "login", "mountPath": "/login", "readOnly": True},
                {"name": "tmp", "mountPath": "/tmp"},
            ],
        }
        spec = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "imagePullSecrets": [{"name": each} for each in self._pull_secrets],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _USER,
                "fsGroup": _USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [
                {"name": "login", "secret": {"secretName": job_name, "defaultMode": 0o440}},
                {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
            ],
        }
        return {
            "apiVersion": JOB.api_version,
            "kind": JOB.kind,
            "metadata": {"name": job_name, "labels": labels},
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": wait + _START_SECONDS + _SPARE_SECONDS,
                "ttlSecondsAfterFinished": _SPARE_SECONDS,
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        }


class _Told:
    """Calls ``tell`` now and then until it returns True, while the block runs."""

    def __init__(self, tell: Callable[[], bool]) -> None:
        self._tell = tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._over.wait(_TELL_SECONDS):
            if self._tell():
                return

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join(_TELL_SECONDS)


def _peer(host: str) -> Peer:
    """A Service's namespace, or somebody outside of the cluster."""
    parts = host.removesuffix(".").removesuffix(".cluster.local").split(".")
    if len(parts) >= 3 and parts[-1] == "svc":
        return Peer(namespace=parts[-2])
    is_address = ":" in host or all(part.isdigit() for part in host.split("."))
    return Peer(outside=True, address=host if is_address else "")


def times_out(failure_code: Code) -> bool:
    """Whether policies may be the reason."""
    return failure_code in (Code.DEPENDENCY_DOWN, Code.HOST_UNKNOWN)
