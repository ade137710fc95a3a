# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One environment on the test cluster, and the engine run against it in this process."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import Run
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import Revision, StoredRelease
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    LEASE,
    POD,
    SECRET,
    SERVICE,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.labels import RELEASE_EVENTS
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import parse_waves
from ansible_collections.todo.cloud.plugins.module_utils.releases.adopt import Adoption
from ansible_collections.todo.cloud.plugins.module_utils.releases.apply import Engine
from ansible_collections.todo.cloud.plugins.module_utils.releases.image_rollback import ImageRollback
from ansible_collections.todo.cloud.plugins.module_utils.releases.rollback import Rollback
from ansible_collections.todo.cloud.plugins.module_utils.releases.status import set_info
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import WaitOptions
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnFailure, Settings

from tests.cluster.paths import BIN, TOP
from tests.integration.support import BUSYBOX, eventually
from tests.schemas import check_result
from tests.support.patience import patience

CHART = str(TOP / "tests" / "fixtures" / "charts" / "sleeper")
ENVIRONMENT = "test"
both_helms = pytest.mark.parametrize("world", ["helm", "helm3"], indirect=True)  # Helm 4 and Helm 3


@dataclass
class Outcome:
    """A run's result, and the failure it ended with, if any."""

    result: dict[str, Any]
    code: str = ""
    message: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.result["releases"]}

    @property
    def outcomes(self) -> dict[str, str]:
        return {row["name"]: row["outcome"] for row in self.result["releases"]}

    @property
    def actions(self) -> dict[str, str]:
        return {item["name"]: item["action"] for item in self.result["plan"]}

    def ok(self) -> Outcome:
        assert not self.code, f"{self.code}: {self.message}\n" + "\n".join(self.lines)
        return self


@dataclass
class World:
    """A namespace as an environment. ``helm`` is the program's path."""

    kubeconfig: str
    kube: KubeSession
    namespace: str
    helm: str = str(BIN / "helm")

    def release(self, name: str, *, watches: tuple[str, ...] = (), app_id: str = "", **values: Any) -> dict[str, Any]:
        """A release of the test chart; ``watches`` are names of Secrets."""
        return {
            "name": name, "namespace": self.namespace, "chart": CHART, "values": values, "app_id": app_id,
            "watches": [{"kind": "Secret", "name": each} for each in watches],
        }  # fmt: skip

    def apply(self, *waves: dict[str, Any] | list[dict[str, Any]], **settings: Any) -> Outcome:
        """release_apply. Lists are waves; releases that stand alone are one wave together."""
        lists = [each for each in waves if isinstance(each, list)] or [[e for e in waves if isinstance(e, dict)]]
        names = tuple(settings.pop("all_releases", [release["name"] for wave in lists for release in wave]))

        def run(whole: Run) -> Any:
            return Engine(whole, parse_waves(lists, self.namespace)).apply()

        return self._run("release_apply", run, all_releases=names, **settings)

    def back(self, to: str = "verified", *names: str, **settings: Any) -> Outcome:
        """release_rollback."""

        def run(whole: Run) -> Any:
            return Rollback(whole, to, names).run()

        return self._run("release_rollback", run, **settings)

    def adopt(self, *releases: dict[str, Any], **settings: Any) -> Outcome:
        """release_adopt; the releases are one wave."""

        def run(whole: Run) -> Any:
            return Adoption(whole, parse_waves([list(releases)], self.namespace)).run()

        return self._run("release_adopt", run, all_releases=tuple(release["name"] for release in releases), **settings)

    def earlier(self, image: str, *names: str, **settings: Any) -> Outcome:
        """release_rollback with an image."""

        def run(whole: Run) -> Any:
            return ImageRollback(whole, names, image).run()

        return self._run("release_rollback", run, **settings)

    def _run(self, module: str, run: Callable[[Run], Any], **settings: Any) -> Outcome:
        """Runs what the module runs, in this process; its result has to fit the module's schema."""
        wait = settings.pop("wait", WaitOptions(stability_seconds=0.5))
        hold = OnFailure(settings.pop("on_failure", "set"))
        settings.setdefault("timeout", round(patience(60)))
        heard: Callable[[str], None] = settings.pop("hear", lambda line: None)  # called with each line of progress
        options = Settings(ENVIRONMENT, self.namespace, on_failure=hold, wait=wait, **settings)
        lines: list[str] = []

        def progress(line: str) -> None:
            lines.append(line)
            heard(line)

        with KubeSession.from_params({"kubeconfig": self.kubeconfig}) as kube:
            try:
                helm = HelmCli(kube.kubeconfig, self.helm)
                result = run(Run(kube, helm, options, progress, module)).as_result()
                check_result(module, result)
                return Outcome(result, lines=lines)
            except TodoCloudError as exc:
                check_result(module, {"failed": True, "failure": exc.failure.as_result(), **exc.results})
                result = {"releases": [], "plan": [], **exc.results}
                return Outcome(result, exc.failure.code.value, exc.failure.message, lines)

    # -- what is there ------------------------------------------------------------------------------------------

    def history(self, name: str) -> list[Revision]:
        return HelmReader(self.kube, self.namespace).history(name)

    def statuses(self, name: str) -> list[str]:
        return [revision.status.value for revision in self.history(name)]

    def stored(self, name: str, revision: int | None = None) -> StoredRelease:
        return HelmReader(self.kube, self.namespace).read(name, revision)

    def text(self, name: str) -> str:
        """What the release's ConfigMap says: which of its inputs is deployed."""
        return str(self.kube.get(CONFIG_MAP, self.namespace, name)["data"]["text"])

    def pods(self, name: str) -> dict[str, dict[str, Any]]:
        """Pods of a release that are not being deleted, by uid."""
        selector = f"app.kubernetes.io/instance={name}"
        found, _ = self.kube.list_(POD, self.namespace, label_selector=selector)
        return {p["metadata"]["uid"]: p for p in found if not p["metadata"].get("deletionTimestamp")}

    def sets(self) -> list[dict[str, Any]]:
        return list(set_info(self.kube, self.namespace, ENVIRONMENT)["sets"])

    def fingerprint(self) -> dict[str, str]:
        """uid and version of everything in the namespace that a run could write; not status, not events of runs."""
        found = {}
        for resource in (SECRET, CONFIG_MAP, DEPLOYMENT, SERVICE, LEASE):
            for item in self.kube.list_(resource, self.namespace)[0]:
                meta = item["metadata"]
                if meta["name"] == RELEASE_EVENTS:
                    continue
                version = meta.get("generation") or meta["resourceVersion"]
                found[f"{resource.kind}/{meta['name']}"] = f"{meta['uid']} {version}"
        return found

    def everything_stored(self) -> str:
        """All of Helm's records and ours as text, unpacked: what somebody who may read them can find there."""
        found = []
        for resource in (SECRET, CONFIG_MAP):
            for item in self.kube.list_(resource, self.namespace)[0]:
                if item.get("type") == "Opaque":
                    continue
                found.append(json.dumps(item))
                if (item["metadata"].get("labels") or {}).get("owner") == "helm":
                    packed = base64.b64decode(base64.b64decode(item["data"]["release"]))
                    release = json.loads(gzip.decompress(packed))
                    found.append(json.dumps(release))
        return "\n".join(found)

    def secret(self, name: str, data: Mapping[str, str]) -> None:
        """Makes or changes a Secret."""
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict(data)}
        if self.kube.find(SECRET, self.namespace, name):
            self.kube.patch(SECRET, self.namespace, name, {"stringData": dict(data)})
        else:
            self.kube.create(SECRET, self.namespace, body)


def on_the_node(world: World, folder: str, command: str) -> None:
    """Runs a shell command with a folder of the node as /needs."""
    container = {
        "name": "c", "image": BUSYBOX, "command": ["sh", "-c", command],
        "volumeMounts": [{"name": "n", "mountPath": "/needs"}],
    }  # fmt: skip
    volume = {"name": "n", "hostPath": {"path": folder, "type": "DirectoryOrCreate"}}
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "on-the-node"}, "spec": spec}
    world.kube.create(POD, world.namespace, body)
    phase = eventually(command, lambda: _ended(world))
    world.kube.delete(POD, world.namespace, "on-the-node")
    eventually("the pod is gone", lambda: world.kube.find(POD, world.namespace, "on-the-node") is None)
    assert phase == "Succeeded"


def _ended(world: World) -> str:
    phase = world.kube.get(POD, world.namespace, "on-the-node")["status"]["phase"]
    return str(phase) if phase in ("Succeeded", "Failed") else ""
