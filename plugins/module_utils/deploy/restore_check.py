# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a release may go back to what a record says: a record may hold only what its environment may hold.

A revision that Helm still has is looked at as it is stored. What would be made anew from the record is rendered by the
server first. A record that nobody signed may neither bring cluster-scoped objects that the release did not have before
nor name a chart of a source that is not allowed.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from ..environments.admission import Admission
from ..failure import TodoCloudError
from ..helm.manifest import manifest_digest
from ..helm.stored import CorruptRelease, History, ReleaseStatus
from ..kube.errors import KubeError
from ..parsing import quoted
from ..planning.plan import Read
from ..planning.spec import ReleaseSpec, VersionIds
from ..preflight.problem import Problem
from ..records.record import Member, Record
from .boundary import Contents, foreign
from .request import apply_request, spec_of
from .run import Run

_ROLLBACK = ("pre-rollback", "post-rollback")  # events of Helm


@dataclass(frozen=True)
class Target:
    """One release and the record's member that it goes back to."""

    member: Member
    record: Record


class RestoreCheck:
    """For the targets of one run. Threads may share it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._read = run.storage.read
        self._boundary = run.boundary()

    def problems(self, target: Target, history: History, version_ids: VersionIds) -> list[Problem]:
        """Why a release may not go back to its target; empty when it may. Raises rollback_target_missing, HelmError."""
        member = target.member
        if usable(member, history, self._read):
            stored = self._read(member.name, member.revision)
            return [*self._boundary.look_at([stored]).problems, *self._boundary.removal(stored, _ROLLBACK).problems]
        with tempfile.TemporaryDirectory(prefix="todo-cloud-chart-") as folder:
            spec = spec_of(member, target.record, self._run.settings.namespace, Path(folder))
            return self.anew(target, spec, history, version_ids)

    def anew(self, target: Target, spec: ReleaseSpec, history: History, version_ids: VersionIds) -> list[Problem]:
        """Why a release may not be made anew from its target; ``spec``: as the record says it, or with other values."""
        member = target.member
        if not target.record.signed and not self._is_source(target):
            message = (
                f"release set {target.record.id} is not signed and names the chart {quoted(member.chart)}, which "
                "is not of an allowed source"
            )
            return [foreign(member.name, message, "name its source in allowed_chart_sources if this is meant")]
        revision = history[-1].revision + 1 if history else 1
        request = apply_request(self._run.settings, spec, version_ids, revision)
        rendered = self._run.helm.render(request)
        is_first = not history or history[-1].status is ReleaseStatus.UNINSTALLED
        crds = {member.name: self._run.helm.crds(request)} if is_first else {}
        contents = self._boundary.look({member.name: (rendered.manifest, *rendered.hooks)}, crds)
        return [*contents.problems, *self._new_in_the_cluster(target, contents, history)]

    def admission(self, targets: Iterable[Target], histories: Mapping[str, History]) -> Admission:
        """Whether the namespace admits the pods that come back; a revision that was pruned is not known by then."""
        known = [t.member for t in targets if usable(t.member, histories.get(t.member.name, ()), self._read)]
        manifests = [self._read(member.name, member.revision).manifest for member in known]
        return Admission(self._run.kube, self._run.settings.namespace, manifests)

    def _is_source(self, target: Target) -> bool:
        member = target.member
        in_record = member.chart_digest in target.record.charts
        return in_record or is_from(member.chart, self._run.settings.allowed_chart_sources)

    def _new_in_the_cluster(self, target: Target, contents: Contents, history: History) -> list[Problem]:
        if target.record.signed or not contents.cluster_scoped:
            return []
        before = self._before(target, history)
        new = [each for each in contents.cluster_scoped[target.member.name] if each not in before]
        what = f"release set {target.record.id} is not signed and would bring"
        why = "which is cluster-scoped and which the release did not have before"
        return [
            foreign(target.member.name, f"{what} {quoted(each)}, {why}", "deploy it by site.yml if this is meant")
            for each in new
        ]

    def _before(self, target: Target, history: History) -> set[str]:
        """Cluster-scoped objects of the revisions that Helm still has."""
        found: set[str] = set()
        for revision in history:
            try:
                stored = self._read(revision.name, revision.revision)
                found.update(self._boundary.look_at([stored]).cluster_scoped.get(target.member.name, ()))
            except (CorruptRelease, KubeError, TodoCloudError):
                continue
        return found


def is_from(chart: str, sources: Iterable[str]) -> bool:
    """Whether a reference is one of these sources, or below it: other hosts and repositories may begin alike."""
    beginnings = [source.rstrip("/") for source in sources]
    inside = ".." not in re.split(r"[/\\]", unquote(chart))
    return inside and any(each and (chart == each or chart.startswith(f"{each}/")) for each in beginnings)


def usable(member: Member, revisions: History, read: Read) -> bool:
    """Does Helm's history still hold the member's revision, with the manifest that was verified?"""
    found = next((r for r in revisions if member.is_at(r)), None)
    if found is None or found.status not in (ReleaseStatus.DEPLOYED, ReleaseStatus.SUPERSEDED):
        return False
    try:
        manifest = read(member.name, member.revision).manifest
        return manifest_digest(manifest, secrets=not member.secret_values) == member.manifest
    except CorruptRelease:
        return False
