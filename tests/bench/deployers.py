"""Tools that bring a set of releases to a state, each as a person would call it; all deploy the same chart and values.

A deployer makes the commands of one action and runs them; what it did is checked by the caller.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.bench.world import CHART, HELM, HELM3, HELMFILE, KUBECTL, Ran, World, serving_pod

TIMEOUT_SECONDS = 120
ENVIRONMENT = "bench"
Waves = Sequence[Sequence[str]]


@dataclass
class Deployer:
    """Base of all: ``kubeconfig`` may be that of a proxy that counts.

    Attributes:
        name: in tables.
        goes_back: it can take all releases back to what was before.
        in_a_row: it takes one release after another, so waves change nothing for it, and a change takes long.
        helm: the Helm program that it works with.
    """

    world: World
    namespace: str
    all_names: Sequence[str]
    kubeconfig: str | Path | None = None

    name = ""
    goes_back = False
    in_a_row = False
    helm = HELM

    def install(self, text: str) -> None:
        """Have all releases there, in the quickest way that this tool can go on from."""
        self._install(self.all_names, self.values_file(text))

    def apply(self, waves: Waves, text: str) -> float:
        """Bring the releases to ``text``; seconds. Waves come one after another."""
        raise NotImplementedError

    def back(self) -> float:
        """Take all releases to what was before, side by side; seconds, which are those of the slowest."""
        raise NotImplementedError

    def _install(self, names: Sequence[str], file: str) -> list[Ran]:
        """``helm upgrade --install --wait`` for all of them at once."""
        flags = ("--namespace", self.namespace, "--values", file, "--wait", "--timeout", f"{TIMEOUT_SECONDS}s")
        commands = [(self.helm, "upgrade", "--install", name, CHART, *flags) for name in names]
        return [ran.ok() for ran in self.world.side_by_side(commands, self.kubeconfig)]

    def values(self, text: str) -> dict[str, Any]:
        """Values of every release."""
        return {"text": text, "pod": serving_pod()}

    def values_file(self, text: str) -> str:
        """The same as a file."""
        file = self.world.folder / f"values-{text}.json"
        file.write_text(json.dumps(self.values(text)))
        return str(file)


class Ideal(Deployer):
    """One server-side apply of everything, then wait: nothing can be faster."""

    name = "kubectl apply of everything, rollout status"
    goes_back = True

    def back(self) -> float:
        return self.apply([self.all_names], "two")

    def install(self, text: str) -> None:
        self.apply([self.all_names], text)

    def apply(self, waves: Waves, text: str) -> float:
        folder = self.world.folder / f"rendered-{text}"
        argv = (HELM, "template", "release-name", CHART, "--values", self.values_file(text), "--output-dir", folder)
        self.world.run(*argv).ok()
        one = (folder / CHART.name / "templates" / "all.yaml").read_text()
        files = []
        for number, wave in enumerate(waves):
            file = self.world.folder / f"all-{text}-{number}.yaml"
            file.write_text("\n---\n".join(one.replace("release-name", name) for name in wave))
            files.append(file)
        seconds = 0.0
        for file in files:
            apply = (KUBECTL, "apply", "--server-side", "--namespace", self.namespace, "--filename", file)
            seconds += self.world.run(*apply, kubeconfig=self.kubeconfig).ok().seconds
            status = (KUBECTL, "rollout", "status", "deployment", "--selector=app.kubernetes.io/part-of=bench",
                      "--namespace", self.namespace, f"--timeout={TIMEOUT_SECONDS}s")  # fmt: skip
            seconds += self.world.run(*status, kubeconfig=self.kubeconfig).ok().seconds
        return seconds


class AtOnce(Deployer):
    """``helm upgrade --wait`` for all releases of a wave at once, in a shell."""

    name = "helm upgrade --wait, all at once"
    goes_back = True

    def apply(self, waves: Waves, text: str) -> float:
        file = self.values_file(text)
        return sum(_longest(self._install(wave, file)) for wave in waves)

    def back(self) -> float:
        wait = ("--namespace", self.namespace, "--wait", "--timeout", f"{TIMEOUT_SECONDS}s")
        commands = [(HELM, "rollback", name, *wait) for name in self.all_names]
        return _longest([ran.ok() for ran in self.world.side_by_side(commands, self.kubeconfig)])


class OneByOne(Deployer):
    """The same, one release after another."""

    name = "helm upgrade --wait, one after another"
    in_a_row = True

    def apply(self, waves: Waves, text: str) -> float:
        file = self.values_file(text)
        return sum(_longest(self._install([name], file)) for wave in waves for name in wave)


class Helmfile(Deployer):
    """``helmfile sync`` of a file that names all releases."""

    name = "helmfile sync"
    in_a_row = True  # whatever its --concurrency: it takes releases of one chart one by one

    def apply(self, waves: Waves, text: str) -> float:
        file = self.world.folder / f"helmfile-{text}-{len(waves)}.yaml"
        before: list[str] = []
        releases = []
        for wave in waves:
            for name in wave:
                releases.append(
                    {
                        "name": name, "namespace": self.namespace, "chart": str(CHART),
                        "values": [self.values_file(text)], "needs": [f"{self.namespace}/{each}" for each in before],
                    }
                )  # fmt: skip
            before = list(wave)
        defaults = {"wait": True, "timeout": TIMEOUT_SECONDS, "createNamespace": False}
        file.write_text(yaml.safe_dump({"helmDefaults": defaults, "releases": releases}))
        argv = (HELMFILE, "--helm-binary", HELM, "--file", file, "sync", "--concurrency", "15", "--skip-deps")
        return self.world.run(*argv, kubeconfig=self.kubeconfig).ok().seconds


class CoreLoop(Deployer):
    """A loop over ``kubernetes.core.helm``. Its release 6.2 fails with Helm 4 (``--all`` is gone): it gets Helm 3."""

    name = "kubernetes.core.helm in a loop (Helm 3)"
    in_a_row = True
    helm = HELM3

    def apply(self, waves: Waves, text: str) -> float:
        task = {
            "kubernetes.core.helm": {
                "name": "{{ item }}", "namespace": self.namespace, "chart_ref": str(CHART),
                "values": self.values(text), "wait": True, "timeout": f"{TIMEOUT_SECONDS}s",
                "binary_path": str(self.helm),
            },
            "loop": [name for wave in waves for name in wave],
        }  # fmt: skip
        return self.world.playbook({"tasks": [task]}, kubeconfig=self.kubeconfig).ok().seconds


class ReleaseApply(Deployer):
    """One ``release_apply`` task. Pods count from the first moment at which they are ready, as with the others."""

    name = "release_apply"
    goes_back = True
    stability_s = 0.0

    def apply(self, waves: Waves, text: str) -> float:
        return self.run(waves, text).seconds

    def run(self, waves: Waves, text: str) -> Ran:
        """The playbook run."""
        given = [
            [
                {"name": name, "namespace": self.namespace, "chart": str(CHART), "values": self.values(text)}
                for name in wave
            ]
            for wave in waves
        ]  # fmt: skip
        task = {**self._common, "waves": given, "all_releases": list(self.all_names)}
        play = {"tasks": [{"todo.cloud.release_apply": task}]}
        return self.world.playbook(play, kubeconfig=self.kubeconfig).ok()

    def back(self) -> float:
        return self.world.playbook({"tasks": [{"todo.cloud.release_rollback": self._common}]}).ok().seconds

    def install(self, text: str) -> None:
        self.apply([self.all_names], text)

    @property
    def _common(self) -> dict[str, Any]:
        return {
            "environment": ENVIRONMENT, "namespace": self.namespace, "helm_binary": str(HELM),
            "timeout": TIMEOUT_SECONDS,
            "stability_seconds": self.stability_s,
        }  # fmt: skip


def _longest(done: Sequence[Ran]) -> float:
    return max(ran.seconds for ran in done)
