# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options and result of a wait: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..failure import Code, Failure, TodoCloudError, error
from ..observing.kept import LogStore
from ..readiness.graces import DEFAULT_GRACES
from ..readiness.rules import DEFAULT_RULES, Rules
from ..readiness.status import State
from .targets import Target


@dataclass(frozen=True)
class Patience:
    """What one release has instead of the options for all: graces over theirs, and its own stability (None: theirs)."""

    graces: Mapping[str, float] = field(default_factory=dict)
    stability_seconds: float | None = None

    @classmethod
    def parse(cls, graces: Any, stability: Any) -> Patience:
        """From a release's description; raises invalid_input."""
        if not isinstance(graces, Mapping):
            raise error(Code.INVALID_INPUT, "graces is a dictionary of seconds.", option="graces")
        seconds = _number(stability)
        options = WaitOptions.from_params({"graces": graces, "stability_seconds": seconds})
        return cls(options.graces, seconds)


def _number(stability: Any) -> float | None:
    try:
        return None if stability in (None, "") else float(stability)
    except (TypeError, ValueError) as exc:
        raise error(Code.INVALID_INPUT, "stability_seconds is a number.", option="stability_seconds") from exc


@dataclass(frozen=True)
class WaitOptions:
    """How long to wait, and which symptoms to tolerate. All times in seconds.

    ``graces`` overrides :data:`DEFAULT_GRACES` by class; ``stability_seconds``: how long pods must have been ready
    without a restart; ``log_lines``: how much of a failing container's log goes into the evidence;
    ``stale_seconds``: how old the last known state may be, after an outage of the API server, to be a verdict at the
    timeout; ``rules``: what custom resources' status means; ``log_store``: where the log of a pod that is gone is.
    With a ``timeout`` of 0, objects are read once.
    """

    timeout: float = 300.0
    fail_fast: bool = True
    graces: Mapping[str, float] = field(default_factory=dict)
    stability_seconds: float = 3.0
    log_lines: int = 30
    stale_seconds: float = float("inf")
    by_release: Mapping[str, Patience] = field(default_factory=dict)
    rules: Rules = DEFAULT_RULES
    log_store: LogStore | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.graces) - set(DEFAULT_GRACES))
        if unknown:
            known = ", ".join(sorted(DEFAULT_GRACES))
            raise error(
                Code.INVALID_INPUT, f"graces has no class {unknown[0]!r}; the classes are: {known}.", option="graces"
            )
        numbers = {"timeout": self.timeout, "stability_seconds": self.stability_seconds, "log_lines": self.log_lines}
        for name, value in [*numbers.items(), *((f"graces.{key}", value) for key, value in self.graces.items())]:
            if value < 0:
                raise error(Code.INVALID_INPUT, f"{name} is {value}; it cannot be negative.", option=name)

    def patience(self, release: str) -> Patience:
        """What counts for one release."""
        own = self.by_release.get(release, Patience())
        stability = self.stability_seconds if own.stability_seconds is None else own.stability_seconds
        return Patience({**self.graces, **own.graces}, stability)

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> WaitOptions:
        """From a module's options of the same names; absent ones keep their defaults. Raises ``invalid_input``."""
        given = {entry.name: params[entry.name] for entry in fields(cls) if params.get(entry.name) is not None}
        given["rules"] = Rules.from_option(params.get("readiness_rules"))
        given["log_store"] = LogStore.parse(params.get("log_store"))
        try:
            if "graces" in given:
                given["graces"] = {key: float(value) for key, value in given["graces"].items()}
        except (TypeError, ValueError) as exc:
            raise error(Code.INVALID_INPUT, "graces takes numbers of seconds only.", option="graces") from exc
        return cls(**given)


@dataclass(frozen=True)
class WorkloadVerdict:
    """Result of one target."""

    target: Target
    state: State
    message: str
    failure: Failure | None = None
    judged: bool = True  # False: it exists, and says nothing about itself

    def as_result(self) -> dict[str, Any]:
        """Plain JSON; the full failure is in ``failures`` of the verdict."""
        return {
            "release": self.target.release,
            "kind": self.target.kind,
            "namespace": self.target.namespace,
            "name": self.target.name,
            "state": self.state.value,
            "message": self.message,
            "judged": self.judged,
            "code": self.failure.code.value if self.failure else "",
        }


@dataclass(frozen=True)
class PodTimes:
    """When a pod was made, and when it became ready (0: it is not); ``sidecars``: name and start of each that started.

    Seconds since 1970, on the server's clock.
    """

    release: str
    name: str
    created: float
    ready: float = 0.0
    sidecars: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Result of a wait: Current only if every target is Current at the same moment."""

    state: State
    workloads: tuple[WorkloadVerdict, ...]
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()
    api: Mapping[str, int] = field(default_factory=dict)
    elapsed: float = 0.0
    pods: tuple[PodTimes, ...] = ()  # of what was rolled out

    @property
    def ok(self) -> bool:
        """True when every target is Current."""
        return self.state is State.CURRENT

    def not_judged(self, release: str) -> list[str]:
        """Objects of a release that say nothing about themselves, as ``Kind name``."""
        return [one.target.full_label for one in self.workloads if one.target.release == release and not one.judged]

    def as_result(self) -> dict[str, Any]:
        """Plain JSON: verdict, workloads, failures, notes (Ansible reserves the key warnings), api, elapsed."""
        return {
            "verdict": self.state.value,
            "workloads": [workload.as_result() for workload in self.workloads],
            "failures": [failure.as_result() for failure in self.failures],
            "notes": list(self.warnings),
            "api": dict(self.api),
            "elapsed": round(self.elapsed, 1),
        }

    def raise_if_failed(self) -> None:
        """Raise the first failure, if any, with the whole verdict as further results."""
        if not self.ok:
            raise TodoCloudError(self.failures[0], self.as_result())


__all__ = ["DEFAULT_GRACES", "Verdict", "WaitOptions", "WorkloadVerdict"]
