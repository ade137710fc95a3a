"""Shared by all pieces: the cluster, temporary namespaces, timed commands and playbooks."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE, SERVICE_ACCOUNT
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.cluster.paths import BIN, TOP
from tests.integration.support import BUSYBOX, environment, eventually

CHART = TOP / "tests" / "fixtures" / "charts" / "bench"
LIMIT_SECONDS = 180.0  # no single command of the benchmark takes longer
READY_AFTER_SECONDS = 2
_LOOK_SECONDS = 0.01


class Broken(Exception):
    """A measurement failed: there is no figure."""


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    seconds: float
    code: int
    output: str

    def ok(self) -> Ran:
        """Returns itself on success; otherwise raises Broken with the end of its output."""
        if self.code != 0:
            raise Broken(self.output[-3000:])
        return self

    @property
    def changed(self) -> int:
        """Tasks of a playbook run that changed something, all hosts together."""
        recap = self.output.rpartition("PLAY RECAP")[2]
        return sum(int(number) for number in re.findall(r"\bchanged=(\d+)", recap))


@dataclass(frozen=True)
class Started:
    """A command in the background. ``began``: on the monotonic clock."""

    process: subprocess.Popen[bytes]
    output: IO[str]
    began: float

    def end(self) -> None:
        """End it with all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def wait(running: Sequence[Started], limit: float = LIMIT_SECONDS) -> list[Ran]:
    """All commands to their ends, each with its own seconds; those that take longer than the limit are killed."""
    ended: dict[int, float] = {}
    try:
        while len(ended) < len(running):
            now = time.monotonic()
            for number, one in enumerate(running):
                if number not in ended and one.process.poll() is not None:
                    ended[number] = now - one.began
            if now - running[0].began > limit:
                raise Broken(f"{running[0].process.args!r} and others did not all end within {limit:.0f} s")
            time.sleep(_LOOK_SECONDS)
    finally:
        for one in running:
            one.end()
    return [_ran(one, ended[number]) for number, one in enumerate(running)]


def _ran(one: Started, seconds: float) -> Ran:
    one.output.seek(0)
    with one.output:
        return Ran(seconds, one.process.returncode, one.output.read())


@dataclass(frozen=True)
class World:
    """The cluster that is measured on."""

    kubeconfig: str
    kube: KubeSession
    folder: Path

    @contextmanager
    def namespace(self, word: str, **labels: str) -> Iterator[str]:
        """A namespace of its own that is removed in the end (in the background)."""
        name = f"bench-{word}-{secrets.token_hex(3)}"
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.kube.create(NAMESPACE, "", body)
        try:
            eventually("default service account", lambda: self.kube.find(SERVICE_ACCOUNT, name, "default"))
            yield name
        finally:
            self.kube.delete(NAMESPACE, "", name)

    def gone(self, namespace: str) -> None:
        """Wait until a removed namespace is gone: its pods would be in the way of the next figures."""
        eventually(f"namespace {namespace} is gone", lambda: not self.kube.find(NAMESPACE, "", namespace), 120)

    def environ(self, kubeconfig: str | Path | None = None) -> dict[str, str]:
        """The environment of a command; nothing of the caller's Helm, Kubernetes or Ansible settings is in it."""
        path = str(kubeconfig or self.kubeconfig)
        left_out = ("HELM", "PYTHONPATH", "TODO_CLOUD_STARTED")
        clean = {key: value for key, value in environment(path).items() if not key.startswith(left_out)}
        homes = {f"HELM_{what}_HOME": str(self.folder / "helm" / what.lower()) for what in ("CACHE", "CONFIG", "DATA")}
        return {**clean, **homes, "KUBECONFIG": path}

    def run(self, *argv: str | Path, kubeconfig: str | Path | None = None) -> Ran:
        """A command to its end, timed."""
        return wait([self.start(argv, kubeconfig)])[0]

    def start(self, argv: Sequence[str | Path], kubeconfig: str | Path | None = None) -> Started:
        """A command in the background; its output goes to a file, so nothing has to read along."""
        output = tempfile.TemporaryFile("w+", dir=self.folder)  # noqa: SIM115 - closed when it was read, see _ran
        process = subprocess.Popen(
            [str(word) for word in argv], env=self.environ(kubeconfig), cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        return Started(process, output, time.monotonic())

    def side_by_side(self, commands: Sequence[Sequence[str | Path]], kubeconfig: str | Path | None = None) -> list[Ran]:
        """Commands started at once; each with its own seconds, counted from the start of the first."""
        began = time.monotonic()
        running = [self.start(argv, kubeconfig) for argv in commands]
        return [
            replace(ran, seconds=ran.seconds + one.began - began)
            for one, ran in zip(running, wait(running), strict=True)
        ]

    def playbook(self, play: Mapping[str, Any], *flags: str, kubeconfig: str | Path | None = None) -> Ran:
        """Write a playbook of one play and run it."""
        return self.run(*self.playbook_command(play, *flags), kubeconfig=kubeconfig)

    def playbook_command(self, play: Mapping[str, Any], *flags: str) -> list[str]:
        """The command that runs a play; JSON is YAML."""
        file = self.folder / f"play-{secrets.token_hex(4)}.yml"
        file.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, **play}]))
        program = Path(sys.executable).with_name("ansible-playbook")
        return [str(program), str(file), "-e", f"ansible_python_interpreter={sys.executable}", *flags]


def serving_pod(ready_after: int = READY_AFTER_SECONDS) -> dict[str, Any]:
    """The spec of a pod that is ready some seconds after its start."""
    probe = {"tcpSocket": {"port": 8080}, "initialDelaySeconds": ready_after, "periodSeconds": 1}
    return {
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "app", "image": BUSYBOX, "command": ["httpd", "-f", "-p", "8080", "-h", "/"],
                "readinessProbe": probe,
            }
        ],
    }  # fmt: skip


@contextmanager
def world() -> Iterator[World]:
    """The cluster that TODO_CLOUD_TEST_KUBECONFIG names, and a folder for what the commands need.

    Raises Broken when there is none.
    """
    path = os.environ.get("TODO_CLOUD_TEST_KUBECONFIG", "")
    if not Path(path).is_file():
        raise Broken("TODO_CLOUD_TEST_KUBECONFIG names no kubeconfig: run `make bench`, or start a cluster first.")
    with (
        tempfile.TemporaryDirectory(prefix="todo-cloud-bench-") as folder,
        KubeSession.from_params({"kubeconfig": path}, user_agent="todo.cloud bench") as kube,
    ):
        yield World(path, kube, Path(folder))


HELM, HELM3, KUBECTL, HELMFILE = (BIN / name for name in ("helm", "helm3", "kubectl", "helmfile"))
