"""The shapes in a namespace of their own: deployed from their inventory, each changed, broken and taken back."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, NAMESPACE, SERVICE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.cluster.errors import ClusterError
from tests.integration.support import apply, eventually, run_module
from tests.support.environ import clean_environ
from tests.support.patience import patience

HERE = Path(__file__).parent
TOP = HERE.parents[1]
INVENTORY = HERE / "inventory"
DESCRIBE = TOP / "tests/unit/inventories/describe.yml"
ENVIRONMENT = "test"  # as in the inventory
# A command at times runs nothing when it is deployed: broken is an image that is not there.
_BROKEN = {"nightly": "missing"}
_CLAIM = {
    "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "uploads"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}},
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What became of a shape, in seconds; ``refused``: the code of the broken version's failure."""

    name: str
    deployed: float
    changed: float
    broken: float
    refused: str
    back: float


@dataclass
class Shapes:
    """``kubeconfig``: of a local cluster, beside its facts; ``platform``: Dapr is theirs, or nobody's here."""

    kube: KubeSession
    kubeconfig: str
    namespace: str
    platform: bool = False

    def prepare(self) -> None:
        """What is there before the shapes: ConfigMaps and a claim, as other people make them."""
        if self.kube.find(NAMESPACE, "", self.namespace) is None:
            labels = {"todo.cloud/environment": ENVIRONMENT}
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}}
            self.kube.create(NAMESPACE, "", body)
        for name, data in {"flags": {"FEATURE": "on"}, "orders": {"application.yml": "server: {port: 8080}"}}.items():
            made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
            if self.kube.find(CONFIG_MAP, self.namespace, name) is None:
                apply(self.kube, self.namespace, [made])
        apply(self.kube, self.namespace, [_CLAIM])

    def deploy(self, playbook: str = "site.yml", *flags: str) -> float:
        """An ordinary run of a playbook; seconds.

        :raises ClusterError: it failed
        """
        began = time.monotonic()
        done = self._playbook(TOP / playbook, *flags)
        if done.returncode != 0:
            raise ClusterError(f"{playbook} fails: {(done.stdout + done.stderr)[-6000:]}")
        return time.monotonic() - began

    @cached_property
    def waves(self) -> list[list[dict[str, Any]]]:
        """The releases that the entries stand for, in waves."""
        done = self._playbook(DESCRIBE, ANSIBLE_CALLBACK_RESULT_FORMAT="json")
        printed = done.stdout.partition("TASK [Descriptions are printed]")[2].partition(" => ")[2]
        if done.returncode != 0 or not printed:
            raise ClusterError(f"the shapes cannot be described: {(done.stdout + done.stderr)[-4000:]}")
        return list(json.JSONDecoder().raw_decode(printed)[0]["msg"]["waves"])

    @property
    def releases(self) -> dict[str, dict[str, Any]]:
        return {release["name"]: release for wave in self.waves for release in wave}

    def apply(self, *names: str) -> None:
        """Deploy these, side by side.

        :raises ClusterError: one is not verified
        """
        _, failed, text = self._timed("release_apply", [self.releases[name] for name in names])
        if failed:
            raise ClusterError(f"{' '.join(names)}: {text}")

    def version(self, name: str, version: str) -> dict[str, Any]:
        """The release of a shape with another version of its image."""
        release = copy.deepcopy(self.releases[name])
        image = str(release["values"]["image"])
        release["values"]["image"] = f"{image.rpartition(':')[0]}:{version}"
        return release

    def redis(self, version: str) -> dict[str, Any]:
        """Redis' image is nobody's here: another version is another setting, the broken one has a wrong one."""
        release = copy.deepcopy(self.releases["redis"])
        release["values"]["args"] += ["--maxmemory", {"v2": "32mb"}.get(version, "lots")]
        return release

    def install(self, name: str) -> float:
        """Deployed from nothing, alone; seconds. What was there of it is uninstalled; claims stay.

        :raises ClusterError: it is not verified
        """
        helm = Path(self.kubeconfig).parents[2] / "bin/helm"
        words = ["uninstall", name, "--namespace", self.namespace, "--ignore-not-found", "--wait"]
        subprocess.run([str(helm), *words, "--kubeconfig", self.kubeconfig], check=True, capture_output=True)
        seconds, failed, text = self._timed("release_apply", [self.releases[name]])
        if failed:
            raise ClusterError(f"{name}: {text}")
        return seconds

    def life(self, name: str, deployed: float = 0.0) -> Row:
        """A new version is verified, a broken one refused, and what was verified is back."""
        new: Callable[[str], dict[str, Any]] = (
            self.redis if name == "redis" else lambda version: self.version(name, version)
        )
        changed = self._timed("release_apply", [new("v2")])
        broken = self._timed(
            "release_apply", [new(_BROKEN.get(name, "broken"))], on_failure="hold", timeout=round(patience(60))
        )
        back = self._timed("release_rollback", [], names=[name])
        for what, (_, failed, text) in {"v2": changed, "rollback": back}.items():
            if failed:
                raise ClusterError(f"{name}: {what} fails: {text}")
        if not broken[1]:
            raise ClusterError(f"{name}: the broken version counts as verified")
        return Row(name, deployed, changed[0], broken[0], broken[1], back[0])

    def check_answers(self) -> None:
        """What pods that are ready do not show yet.

        :raises AssertionError: one does not answer as it should
        """

        def get(name: str, path: str) -> Any:
            return httpx.get(f"{self.address(name)}{path}", trust_env=False, timeout=10).json()

        assert get("api", "/api")["version"] == "v1"
        assert get("basket", "/ready")["state"] == "kept"
        eventually("the cron calls the basket", lambda: get("basket", "/calls")["calls"].get("/tick"))
        assert get("web", "/api/cached")["since"] == get("web", "/api/cached")["since"]

    def address(self, name: str) -> str:
        """URL of a shape inside the cluster, which a local cluster's machine reaches."""
        spec = self.kube.get(SERVICE, self.namespace, name)["spec"]
        return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}"

    def _timed(self, module: str, wave: list[dict[str, Any]], **options: Any) -> tuple[float, str, str]:
        """Seconds, the failure's code and its text."""
        facts = json.loads((Path(self.kubeconfig).parent / "cluster.json").read_text())
        params: dict[str, Any] = {
            "environment": ENVIRONMENT, "namespace": self.namespace, "timeout": round(patience(180)),
            "stability_seconds": 3, "registries": [{"host": "*", "endpoint": f"http://{facts['registry']}"}], **options,
        }  # fmt: skip
        if wave:
            params |= {"waves": [wave], "all_releases": sorted(self.releases)}
        began = time.monotonic()
        done = run_module(module, params, self.kubeconfig, timeout=400)
        return time.monotonic() - began, done.code or ("failed" if done.failed else ""), str(done.result.get("msg", ""))

    def _playbook(self, playbook: Path, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
        own = {"KUBECONFIG": self.kubeconfig, "SHAPES_NAMESPACE": self.namespace, "ANSIBLE_NOCOLOR": "1", **env}
        extra = json.dumps({"platform_manage": self.platform})
        program = Path(sys.executable).with_name("ansible-playbook")
        argv = [str(program), str(playbook), "-i", str(INVENTORY), "-e", extra, *flags]
        environ = {**clean_environ("TODO_"), **own}
        return subprocess.run(
            argv, cwd=TOP, text=True, capture_output=True, env=environ, check=False, timeout=patience(900)
        )


def table(rows: list[Row]) -> list[str]:
    """Shapes with their seconds, one a line."""
    head = f"{'shape':<12}{'deployed s':>11}{'changed s':>11}{'broken refused s':>18}{'rolled back s':>15}  refused as"
    seconds = [f"{r.deployed:>11.1f}{r.changed:>11.1f}{r.broken:>18.1f}{r.back:>15.1f}" for r in rows]
    return [head, *(f"{row.name:<12}{each}  {row.refused}" for row, each in zip(rows, seconds, strict=True))]
