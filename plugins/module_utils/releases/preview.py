# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check mode: the plan with each manifest's difference by a server-side dry run. Nothing in the cluster is written."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from ..deploy.rendering import Rendering
from ..deploy.report import Report
from ..deploy.run import Run
from ..failure import Code
from ..helm.errors import HelmError
from ..helm.state import Action, State
from ..locking.lease import held
from ..locking.lock import lock_state
from ..planning.chart_text import may_be_random
from ..planning.diff import manifest_diffs
from ..planning.hiding import credentials_of, texts_of
from ..planning.oddities import random_fields, random_note
from ..planning.plan import PlanItem, Read
from ..planning.snapshot import Snapshot
from ..planning.spec import ReleaseSpec

_SHOWN = (Action.INSTALL, Action.UPGRADE, Action.UNINSTALL)


class Preview:
    """What a run of release_apply would do, put into a report."""

    def __init__(self, run: Run, read: Read, rendering: Rendering) -> None:
        self._kube = run.kube
        self._rendering = rendering
        self._settings = run.settings
        self._read = read

    def fill(self, report: Report, plan: Sequence[PlanItem], snapshot: Snapshot) -> Report:
        """Raises chart_invalid when a chart can't be rendered."""
        report.predicted = True
        report.set = snapshot.newest.id if snapshot.newest else 0
        report.changed = any(item.action.writes for item in plan)
        if any(item.state is State.BUSY for item in plan):
            lease = lock_state(self._kube, self._settings.namespace)[1]
            if lease is not None:
                report.warnings.append(held(self._settings.namespace, lease).failure.message)
        if self._settings.diff:
            with ThreadPoolExecutor(8) as pool:
                shown = [item for item in plan if item.action in _SHOWN]
                for entries in pool.map(lambda item: self._difference(item, snapshot, report), shown):
                    report.diff += entries
        return report

    def _difference(self, item: PlanItem, snapshot: Snapshot, report: Report) -> list[dict[str, str]]:
        """Empty, with a warning, while it can't be rendered (no namespace, no CRD yet)."""
        stored = self._read(item.name, item.revision) if item.revision else None
        before, secrets = (stored.manifest, credentials_of(stored.config)) if stored else ("", set())
        if item.spec is None:
            return manifest_diffs(item.name, before, item.revision, "", "removed", secrets)
        secrets |= texts_of(item.spec)
        try:
            after = self._rendering.one(item.spec, snapshot.version_ids, item.revision + 1).manifest
        except HelmError as exc:
            if exc.failure.code is Code.CHART_INVALID:
                raise
            report.warnings.append(f"{item.name}: the difference can't be shown: {exc.failure.message}")
            return []
        self._note_random(item, item.spec, after, snapshot, report)
        return manifest_diffs(item.name, before, item.revision, after, f"revision {item.revision + 1}", secrets)

    def _note_random(
        self, item: PlanItem, spec: ReleaseSpec, manifest: str, snapshot: Snapshot, report: Report
    ) -> None:
        """A difference that is there in each plan, since the chart draws it."""
        if not may_be_random(spec.chart):
            return
        with suppress(HelmError):
            again = self._rendering.again(spec, snapshot.version_ids, item.revision + 1).manifest
            if note := random_note(item.name, random_fields(manifest, again)):
                report.notes = [*report.notes, note]
