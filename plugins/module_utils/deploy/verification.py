# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verifies a wave: the workloads of its releases by the waiter, then their sidecars, which are repaired once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ..dapr.check import SidecarCheck, SidecarReport
from ..failure import Code, Failure, TodoCloudError
from ..helm.storage import HelmReader, StoredRelease
from ..kube.deadline import Deadline
from ..planning.snapshot import targets_of
from ..rollout.targets import Target
from ..rollout.verdict import Verdict, WaitOptions
from ..rollout.waiter import RolloutWaiter
from .run import Run

# The longest outage of the API server during a wait; with the lock's release it stays under a minute.
OUTAGE_SECONDS = 35.0


@dataclass(frozen=True)
class Verification:
    """Failures by release (empty: all good), the waiter's verdict, and what was verified."""

    failures: Mapping[str, Failure] = field(default_factory=dict)
    verdict: Verdict | None = None
    stored: Mapping[str, StoredRelease] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """All of it is good."""
        return not self.failures


class Verifier:
    """Verifies releases of one namespace. ``repair_sidecars``: pods may be restarted, which needs the lock."""

    def __init__(self, run: Run, *, repair_sidecars: bool) -> None:
        self._repair = repair_sidecars
        self._kube = run.kube
        self._storage = run.storage
        self._settings = run.settings
        self._progress = run.progress

    def verify(self, names: Sequence[str], app_ids: Mapping[str, str], deadline: Deadline) -> Verification:
        """Waits for the newest revisions of ``names``; ``app_ids``: release -> Dapr app id, for those that have one."""
        stored = _read_all(self._storage, names)
        targets = [t for name in names for t in targets_of(stored[name])]
        verdict = self._wait(targets, deadline)
        failures = _by_release(verdict, names)
        wanted = {name: app for name, app in app_ids.items() if app and name in names}
        repairable = all(f.code is Code.SIDECAR_MISSING and name in wanted for name, f in failures.items())
        if not repairable:
            return Verification(failures, verdict, stored, verdict.warnings)
        sidecars, report = self._sidecars(wanted, targets, deadline)
        restarted = report.restarted if report else ()
        if failures and not sidecars and not restarted:  # the pods were replaced by something else meanwhile
            verdict = self._wait(targets, deadline)
            sidecars = _by_release(verdict, names)
        return Verification(sidecars, verdict, stored, verdict.warnings, restarted)

    def _wait(self, targets: Sequence[Target], deadline: Deadline) -> Verdict:
        options: WaitOptions = replace(self._settings.wait, outage_seconds=OUTAGE_SECONDS)
        return RolloutWaiter(self._kube, options, self._progress).wait(targets, deadline)

    def _sidecars(
        self, app_ids: Mapping[str, str], targets: Sequence[Target], deadline: Deadline
    ) -> tuple[dict[str, Failure], SidecarReport | None]:
        """Failures by release. Pods that started while the injector was down are restarted, once."""
        if not app_ids:
            return {}, None
        check = SidecarCheck(self._kube, self._settings.namespace, self._settings.dapr_namespace)
        report = check.look(app_ids.values())
        if report.lacking and self._repair:
            self._progress(f"restarting {', '.join(report.lacking)}: the Dapr sidecar is missing")
            try:
                restarted = tuple(check.restart_lacking(report))
            except TodoCloudError as exc:
                if exc.failure.code is Code.LOCK_LOST:
                    raise
                return {name: exc.failure for name, app in app_ids.items() if _lacks(report, app)}, report
            verdict = self._wait(targets, deadline)
            if not verdict.ok:
                return _by_release(verdict, list(app_ids)), replace(report, restarted=restarted)
            report = replace(check.look(app_ids.values()), restarted=restarted)
        owners = {app: name for name, app in app_ids.items()}
        return {owners[f.details["app_id"]]: _of(f, owners[f.details["app_id"]]) for f in report.failures}, report


def _read_all(storage: HelmReader, names: Sequence[str]) -> dict[str, StoredRelease]:
    """The newest revisions of some releases."""
    found = storage.histories() if len(names) > 1 else {}
    newest = {name: found[name][-1].revision if found.get(name) else None for name in names}
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(names, pool.map(lambda name: storage.read(name, newest[name]), names), strict=True))


def _by_release(verdict: Verdict, names: Sequence[str]) -> dict[str, Failure]:
    """One failure per release; the first one counts."""
    found: dict[str, Failure] = {}
    for failure in verdict.failures:
        found.setdefault(str(failure.details.get("release") or names[0]), failure)
    if not verdict.ok and not found:
        found[names[0]] = Failure(Code.NOT_READY, "The workloads are not Current.", {"release": names[0]})
    return found


def _lacks(report: SidecarReport, app_id: str) -> bool:
    return any(app.app_id == app_id and app.lacking for app in report.apps)


def _of(failure: Failure, release: str) -> Failure:
    return Failure(failure.code, failure.message, {"release": release, **failure.details})
