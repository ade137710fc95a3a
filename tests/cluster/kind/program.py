"""The container engine's command line: which one answers, and calls of it and of kind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.cluster.engine import daemon
from tests.cluster.errors import ClusterError
from tests.cluster.kind.remedies import explained

NAMES = ("docker", "podman", "nerdctl")  # as kind knows them
_ASK_LIMIT_SECONDS = 20


@dataclass(frozen=True)
class Program:
    """A command line that answers.

    Attributes:
        name: of the command: docker, podman or nerdctl.
        host: the engine's address, as ``DOCKER_HOST`` has it; empty: the command's own choice.
    """

    name: str
    host: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether this is the engine of ``make engine``, which reaches no registry and has an address of its own."""
        return self.host == daemon.host()

    @property
    def environment(self) -> dict[str, str]:
        """For the command and for kind: with two engines on a machine, kind must take the one that was asked."""
        own = {"KIND_EXPERIMENTAL_PROVIDER": self.name, **({"DOCKER_HOST": self.host} if self.host else {})}
        return (daemon.environment() if self.is_ours else dict(os.environ)) | own

    def run(self, *arguments: str, more: Mapping[str, str] | None = None) -> str:
        """What the command prints.

        Raises:
            ClusterError: it fails; with the remedy where one is known.
        """
        return self._checked([self.name, *arguments], more)

    def kind(self, *arguments: str) -> str:
        """What kind prints.

        Raises:
            ClusterError: it fails; with the remedy where one is known.
        """
        return self._checked(["kind", *arguments])

    def there(self, *arguments: str) -> bool:
        """Whether the command succeeds."""
        return _done([self.name, *arguments], self.environment).returncode == 0

    def inspect(self, container: str) -> dict[str, Any]:
        """What the engine knows of a container; empty when there is none."""
        done = _done([self.name, "inspect", "--type=container", container], self.environment)
        return dict(json.loads(done.stdout)[0]) if done.returncode == 0 else {}

    def info(self) -> dict[str, Any]:
        """The engine's own description."""
        wanted = "json" if self.name == "podman" else "{{json .}}"
        return dict(json.loads(self.run("info", "--format", wanted)))

    def _checked(self, argv: Sequence[str], more: Mapping[str, str] | None = None) -> str:
        done = _done(argv, {**self.environment, **(more or {})})
        if done.returncode != 0:
            raise ClusterError(explained(f"`{' '.join(argv[:3])}`", done.stderr))
        return done.stdout.strip()


def find() -> Program:
    """The engine that answers: the one of KIND_EXPERIMENTAL_PROVIDER, else the first of Docker, Podman, nerdctl.

    Where none does, the engine of ``make engine`` is taken if it runs.

    Raises:
        ClusterError: no engine answers.
    """
    chosen = os.environ.get("KIND_EXPERIMENTAL_PROVIDER", "")
    if chosen not in ("", *NAMES):
        raise ClusterError(
            f"KIND_EXPERIMENTAL_PROVIDER is {chosen!r}: set it to {', '.join(NAMES)}, or leave it empty."
        )
    host = os.environ.get("DOCKER_HOST", "")
    candidates = [Program(name, host if name == "docker" else "") for name in ((chosen,) if chosen else NAMES)]
    if not chosen and not host and daemon.pid():
        candidates.append(Program("docker", daemon.host()))
    answers = {}
    for program in candidates:
        answer = answers[program.name] = _ask(program)
        if not answer:
            return program
    raise ClusterError(_nobody(answers))


def answering() -> Program | None:
    """The engine that answers; None where none does."""
    try:
        return find()
    except ClusterError:
        return None


def usable() -> bool:
    """Whether kind is there and an engine answers that is somebody's choice."""
    found = answering() if shutil.which("kind") else None
    return found is not None and (not found.is_ours or os.environ.get("DOCKER_HOST") == daemon.host())


def _ask(program: Program) -> str:
    """Why an engine does not answer; empty when it does. That its command is installed says nothing."""
    if not shutil.which(program.name, path=program.environment["PATH"]):
        return "not installed"
    try:
        done = _done([program.name, "info"], program.environment, _ASK_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer within {_ASK_LIMIT_SECONDS} s"
    return "" if done.returncode == 0 else " ".join(done.stderr.split())[-300:] or "it fails"


def _nobody(answers: Mapping[str, str]) -> str:
    for name, answer in answers.items():
        if "permission denied" in answer.lower():
            return (
                f"{name} may be used by root only here: add yourself to its group (`sudo usermod -aG {name} $USER`, "
                "then log in again), or install rootless Podman; do not run make with sudo."
            )
    found = "; ".join(f"{name}: {answer}" for name, answer in answers.items())
    return (
        f"No container engine answers ({found}): start Docker or Podman, or use LOCAL_CLUSTER=local (Linux, as root); "
        "`make engine` starts one on a Debian 12 without any."
    )


def _done(
    argv: Sequence[str], environment: Mapping[str, str], limit: float | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=limit,
        close_fds=False,  # a killed run's kind may still be busy: the next one waits for it, see locks.py
    )
