# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands in the way of a plan: looked for before the first write, and again under the lock. It writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cache

from ..dapr.trust import read_trust
from ..deploy.boundary import Boundary, Contents, second_histories
from ..deploy.changes import changes_problems
from ..deploy.recorder import check_fits
from ..deploy.rendering import Rendering
from ..deploy.run import Run
from ..deploy.signatures import signature_problems
from ..deploy.takeover import first_hooks, not_taken_over, turned_into_hooks
from ..deploy.verify_job import VerifyJob
from ..failure import Code, TodoCloudError
from ..helm.errors import HelmError
from ..helm.manifest import runs_with
from ..helm.program import Rendered
from ..helm.state import Action
from ..helm.stored import CorruptRelease
from ..kube.errors import KubeError, NotFound
from ..live_lines import Passing
from ..planning.image_digests import ImageDigests
from ..planning.oddities import unwatched
from ..planning.plan import Kind, PlanItem, changes
from ..planning.snapshot import Snapshot
from ..planning.spec import ReleaseSpec
from ..preflight.check import Preflight
from ..preflight.dapr_trust import trust_problems
from ..preflight.problem import Problem
from ..preflight.versions import helm_and_cluster
from ..readiness.daprd import ENABLED

_WRITTEN = (Kind.CHANGE, Kind.NEW, Kind.STUCK, Kind.DRIFTED)


class Obstacles:
    """Those of one run."""

    def __init__(self, run: Run, rendering: Rendering, images: ImageDigests, verify_job: VerifyJob | None) -> None:
        self._run = run
        self._kube = run.kube
        self._read = run.storage.read
        self._settings = run.settings
        self._rendering = rendering
        self._images = images
        self._verify_job = verify_job

    def of(
        self, plan: Sequence[PlanItem], snapshot: Snapshot, specs: Sequence[ReleaseSpec]
    ) -> tuple[list[Problem], list[str]]:
        """Of what is about to be written, and what is worth a note. ``specs``: all releases."""
        settings, images = self._settings, self._images
        written = [i for i in plan if settings.preflight_all or (i.kind in _WRITTEN and i.action.writes)]
        wanted = [i for i in written if i.spec is not None]
        if wanted:
            self._run.progress(Passing("the charts are rendered", of=""))
        rendered = self._rendering.all(wanted, snapshot.version_ids, self._read)
        can_be = [i for i in plan if not isinstance(rendered.get(i.name), HelmError)]
        contents = self.contents(can_be, snapshot)
        found = [*contents.problems, *second_histories(plan, self._run.storage)]
        found += self.forbidden(plan, snapshot)
        if self._verify_job and changes(plan):
            found += self._verify_job.problems(specs, snapshot)
        found += self._trust(plan if settings.check else wanted, rendered)
        if not wanted:
            return found, contents.notes()
        look = Preflight(
            self._kube, settings.namespace, images.absent, settings.prepared_secrets, images.platforms,
            images.users, settings.dapr_namespace, settings.environment, self._run.progress,
        )  # fmt: skip
        with suppress(KubeError):  # a proxy in front of the API server may keep it to itself
            found += helm_and_cluster(settings.environment, self._run.helm.version, self._kube.version())
        crds = self._crds(can_be, snapshot).values()
        running = {item.name: _with_hooks_that_run(item, rendered[item.name]) for item in wanted}
        return [*found, *look.problems(running, crds), *_unwatched(wanted, rendered)], contents.notes()

    def forbidden(self, plan: Sequence[PlanItem], snapshot: Snapshot) -> list[Problem]:
        """By the rules of changes."""
        settings, rules = self._settings, self._settings.change_rules
        if not rules:
            return []
        written = [item for item in plan if item.action.writes]
        looked = [item for item in plan if item.spec] if settings.preflight_all else written
        rendered = self._rendering.all(looked, snapshot.version_ids, self._read)
        found = changes_problems(settings, written, snapshot, rendered, self._read, self._kube.server_now())
        if rules.image_key:
            found += signature_problems(settings, looked, snapshot, rendered, self._read, self._images)
        return found

    def _trust(self, plan: Sequence[PlanItem], rendered: Mapping[str, Rendered | HelmError]) -> list[Problem]:
        """Of Dapr, where a release has a sidecar."""
        settings = self._settings
        texts = (each.manifest for each in rendered.values() if isinstance(each, Rendered))
        if not (any(i.spec and i.spec.app_id for i in plan) or any(ENABLED in text for text in texts)):
            return []
        trust = read_trust(self._kube, settings.dapr_namespace)
        return list(trust_problems(settings.environment, trust, settings.dapr_refuse_below_days))

    def _crds(self, plan: Sequence[PlanItem], snapshot: Snapshot) -> dict[str, str]:
        """What Helm creates before the objects of first installations."""
        return {
            item.name: self._rendering.crds(item.spec, snapshot.version_ids)
            for item in plan
            if item.spec and item.action is Action.INSTALL
        }

    def too_large(self, specs: Sequence[ReleaseSpec], snapshot: Snapshot) -> list[Problem]:
        """Values of examined releases that no release set could hold."""
        try:
            check_fits(specs, snapshot.newest, self._settings.environment)
        except TodoCloudError as exc:
            message, _colon, remedy = exc.failure.message.rstrip(".").rpartition(": ")
            return [Problem(self._settings.environment, exc.failure.code, message, remedy)]
        return []

    def contents(self, plan: Sequence[PlanItem], snapshot: Snapshot) -> Contents:
        """Objects of what is written or verified, and those that may not be: of other namespaces or releases."""

        def one(item: PlanItem) -> Sequence[str]:
            if item.spec is None or not item.action.writes:
                stored = self._read(item.name, item.revision)
                return stored.manifest, *stored.hooks
            rendered = self._rendering.one(item.spec, snapshot.version_ids, item.revision + 1)
            return rendered.manifest, *rendered.hooks

        busy = [item for item in plan if item.action not in (Action.NONE, Action.UNINSTALL, Action.REFUSE)]
        with ThreadPoolExecutor(8) as pool:
            manifests = dict(zip((item.name for item in busy), pool.map(one, busy), strict=True))
        boundary = self._run.boundary()
        contents = boundary.look(manifests, self._crds(busy, snapshot))
        found: list[Problem] = []
        for item in busy:
            if item.spec and not item.spec.raw and item.action in (Action.INSTALL, Action.UPGRADE):
                found += self._takeovers(item, item.spec, snapshot, boundary)
        return replace(contents, problems=(*contents.problems, *found))

    def _takeovers(self, item: PlanItem, spec: ReleaseSpec, snapshot: Snapshot, boundary: Boundary) -> list[Problem]:
        """What Helm would not take over, or take away. Manifests as files are taken over (``--take-ownership``)."""
        rendered = self._rendering.one(spec, snapshot.version_ids, item.revision + 1)

        @cache  # both looks may want it
        def stored() -> str:
            if item.action is Action.INSTALL:
                return ""
            try:
                return self._read(item.name, item.revision).manifest
            except (CorruptRelease, NotFound):
                return ""

        return [
            *not_taken_over(boundary, item.name, rendered, stored),
            *turned_into_hooks(item.name, rendered, stored),
            *(first_hooks(item.name, rendered, snapshot.history(item.name)) if item.action is Action.UPGRADE else ()),
        ]


def _with_hooks_that_run(item: PlanItem, rendered: Rendered | HelmError) -> Rendered | HelmError:
    if isinstance(rendered, HelmError):
        return rendered
    if not item.action.writes:
        return replace(rendered, hooks=())
    firsts = {Action.INSTALL: (True,), Action.UPGRADE: (False,)}.get(item.action, (True, False))
    hooks = (hook for hook in rendered.hooks if all(runs_with(hook, first=first) for first in firsts))
    return replace(rendered, hooks=tuple(hooks))


def _unwatched(items: Sequence[PlanItem], rendered: Mapping[str, Rendered | HelmError]) -> list[Problem]:
    """Releases whose charts would ignore what they watch."""
    remedy = "take it out of app_service_watches, or have the chart put podAnnotations into its pod template"
    found = []
    for item in items:
        each = rendered[item.name]
        if item.spec and isinstance(each, Rendered) and (why := unwatched(item.spec, each.manifest)):
            found.append(Problem(item.name, Code.INVALID_INPUT, why, remedy))
    return found
