# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits for rollouts, all side by side, and says early and with evidence how they ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..failure import Failure
from ..readiness.status import State
from .deadline import Deadline
from .session import KubeSession


@dataclass(frozen=True)
class Target:
    """One object whose status is awaited. ``release`` is the Helm release it belongs to, for messages."""

    api_version: str
    kind: str
    namespace: str
    name: str
    release: str = ""

    @property
    def label(self) -> str:
        """What a person calls it: ``Deployment backend-api``."""
        return f"{self.kind} {self.name}"


DEFAULT_GRACES: Mapping[str, float] = {}


@dataclass(frozen=True)
class WaitOptions:
    """How long and how patiently. All times in seconds.

    ``graces`` overrides :data:`DEFAULT_GRACES` by class; ``stability_seconds``: how long pods must have been ready
    without a restart; ``log_lines``: how much of a failing container's log goes into the evidence.
    """

    timeout: float = 300.0
    fail_fast: bool = True
    graces: Mapping[str, float] = field(default_factory=dict)
    stability_seconds: float = 3.0
    log_lines: int = 30

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> WaitOptions:
        """From a module's options of the same names; absent ones keep their defaults."""
        raise NotImplementedError


@dataclass(frozen=True)
class WorkloadVerdict:
    """How one target ended."""

    target: Target
    state: State
    message: str
    failure: Failure | None = None

    def as_result(self) -> dict[str, Any]:
        """Plain JSON."""
        raise NotImplementedError


@dataclass(frozen=True)
class Verdict:
    """How a wait ended: Current only if every target is Current."""

    state: State
    workloads: tuple[WorkloadVerdict, ...]
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()
    api: Mapping[str, int] = field(default_factory=dict)
    elapsed: float = 0.0

    @property
    def ok(self) -> bool:
        """True when every target is Current."""
        return self.state is State.CURRENT

    def as_result(self) -> dict[str, Any]:
        """Plain JSON: verdict, workloads, failures, warnings, api, elapsed."""
        raise NotImplementedError


class RolloutWaiter:
    """Waits for targets. ``progress`` gets one line whenever something changes and every 30 s."""

    def __init__(self, kube: KubeSession, options: WaitOptions, progress: Callable[[str], None]) -> None:
        self._kube = kube
        self._options = options
        self._progress = progress

    def wait(self, targets: Sequence[Target], deadline: Deadline | None = None) -> Verdict:
        """Until all are Current, one failed (``fail_fast``) or the deadline (default: ``options.timeout``) is over."""
        raise NotImplementedError


def targets_of_manifest(manifest: str, namespace: str, release: str = "") -> list[Target]:
    """The objects of a release's manifest (YAML documents) that have a status worth waiting for."""
    raise NotImplementedError
