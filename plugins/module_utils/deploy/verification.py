# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verifies a wave: the workloads of its releases by the waiter, then their sidecars, which are repaired once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from ..dapr.check import SidecarCheck, SidecarReport
from ..dapr.owners import Key
from ..dapr.repair import repaired
from ..failure import Code, Failure, TodoCloudError
from ..helm.manifest import key_of, objects_of
from ..helm.storage import HelmReader
from ..helm.stored import StoredRelease
from ..kube.deadline import Deadline
from ..planning.snapshot import targets_of
from ..readiness.daprd import ENABLED
from ..readiness.rules import group_of
from ..rollout.targets import Target
from ..rollout.verdict import Verdict, WaitOptions
from ..rollout.waiter import RolloutWaiter
from .run import Run

# When the timeout comes during an outage of the API server, a state that is older than this proves nothing.
_STALE_SECONDS = 5.0
_NAMED = 5


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

    def not_judged(self, release: str) -> str:
        """What of a release says nothing about itself, for people; empty when all of it does."""
        names = self.verdict.not_judged(release) if self.verdict else []
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"{', '.join(names[:_NAMED])}{more}: exists, not judged" if names else ""


class Verifier:
    """Verifies releases of one namespace. ``repair_sidecars``: pods may be restarted, which needs the lock."""

    def __init__(self, run: Run, *, repair_sidecars: bool) -> None:
        self._repair = repair_sidecars
        self._kube = run.kube
        self._storage = run.storage
        self._settings = run.settings
        self._progress = run.progress
        self._timeline = run.timeline
        self._options: WaitOptions = replace(run.settings.wait, stale_seconds=_STALE_SECONDS)

    def verify(self, names: Sequence[str], app_ids: Mapping[str, str], deadline: Deadline) -> Verification:
        """Waits for the newest revisions of ``names``; ``app_ids``: release -> Dapr app id, for those that have one."""
        stored = _read_all(self._storage, names)
        targets = [t for name in names for t in targets_of(stored[name])]
        verdict = self._wait(targets, deadline)
        failures = _by_release(verdict, names)
        if not all(f.code is Code.SIDECAR_MISSING for f in failures.values()):
            return Verification(failures, verdict, stored, verdict.warnings)
        wanted = {app: name for name, app in app_ids.items() if app and name in names}
        sidecars, report = self._sidecars(wanted, sidecar_objects(stored, self._settings.namespace), targets, deadline)
        restarted = report.restarted if report else ()
        warnings = (*verdict.warnings, *(report.notes if report else ()))
        if failures and not sidecars and not restarted:  # the pods were replaced by something else meanwhile
            verdict = self._wait(targets, deadline)
            sidecars = _by_release(verdict, names)
        return Verification(sidecars, verdict, stored, warnings, restarted)

    def _wait(self, targets: Sequence[Target], deadline: Deadline) -> Verdict:
        names = list(dict.fromkeys(target.release for target in targets))
        what = ", ".join(names) if len(names) <= _NAMED else f"{len(names)} releases"
        with self._timeline.span("wait", what, names[0] if len(names) == 1 else "") as span:
            verdict = RolloutWaiter(self._kube, self._options, self._progress).wait(targets, deadline)
            span.ends(next(iter(verdict.failures), None))
        self._timeline.pods(verdict.pods, self._kube.server_now() - time.time())
        return verdict

    def _sidecars(
        self, owners: Mapping[str, str], rendered: Mapping[Key, str], targets: Sequence[Target], deadline: Deadline
    ) -> tuple[dict[str, Failure], SidecarReport | None]:
        """Failures by release. Pods that started while the injector was down are restarted, once.

        ``owners``: Dapr app id -> release, for those that must be there.
        """
        if not rendered and not owners:
            return {}, None
        check = SidecarCheck(self._kube, self._settings.namespace, self._settings.dapr_namespace)

        def look() -> SidecarReport:
            return check.look(owners, releases=rendered)

        with self._timeline.span("sidecars", "sidecars of Dapr") as span:
            report = look()
            span.ends(next(iter(report.failures), None))
        if report.lacking and self._repair:
            try:
                report, verdict = repaired(
                    self._kube, check, report, look, self._options, self._progress, targets, deadline
                )
            except TodoCloudError as exc:
                if exc.failure.code is not Code.INJECTOR_DOWN:
                    raise
                missing = [f for f in report.failures if f.code is Code.SIDECAR_MISSING]
                return {_release(f, owners): exc.failure for f in missing}, report
            if verdict and not verdict.ok:
                return _by_release(verdict, sorted(set(rendered.values()))), report
        failures: dict[str, Failure] = {}
        for failure in report.failures:
            failures.setdefault(_release(failure, owners), _of(failure, _release(failure, owners)))
        return failures, report


def sidecar_objects(stored: Mapping[str, StoredRelease], namespace: str) -> dict[Key, str]:
    """Kind and name of every object of releases that may ask for Dapr sidecars -> release.

    Those are the ones whose text names the annotation, and custom kinds: what their pods say is not in the manifest.
    """
    found: dict[Key, str] = {}
    for name, release in stored.items():
        objects = objects_of(release.manifest)
        if ENABLED in release.manifest or any(_is_custom(item) for item in objects):
            for item in objects:
                kind, where, named = key_of(item)
                if where in ("", namespace):
                    found[kind, named] = name
    return found


def _is_custom(item: Mapping[str, Any]) -> bool:
    group = group_of(item)
    return "." in group and not group.endswith((".k8s.io", "dapr.io"))


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


def _release(failure: Failure, owners: Mapping[str, str]) -> str:
    return str(failure.details.get("release") or owners.get(str(failure.details.get("app_id"))) or "")


def _of(failure: Failure, release: str) -> Failure:
    return Failure(failure.code, failure.message, {"release": release, **failure.details})
