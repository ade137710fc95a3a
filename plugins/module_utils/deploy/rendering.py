# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What charts render to, asked of Helm once per release and run; for whatever looks at objects before a write.

A chart that can't ask the cluster is rendered without it: that takes a third of the time of a server-side dry run, and
the API server itself judges the objects afterwards (see preflight).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from ..failure import Code
from ..helm.errors import HelmError
from ..helm.program import Helm, Rendered
from ..helm.state import Action
from ..helm.stored import CorruptRelease
from ..kube.api import KubeReader
from ..planning.chart_text import may_ask_the_cluster, may_have_crds
from ..planning.hiding import without_secrets
from ..planning.plan import PlanItem, Read
from ..planning.spec import ReleaseSpec, VersionIds
from ..settings import Settings
from .request import apply_request

_SIDE_BY_SIDE = 8


class Rendering:
    """Manifests as Helm would store them. Threads may share it.

    The same inputs are rendered once; a chart with random values would give others each time.
    """

    def __init__(self, kube: KubeReader, helm: Helm, settings: Settings) -> None:
        self._kube = kube
        self._helm = helm
        self._settings = settings
        self._known: dict[tuple[str, str], Rendered | HelmError] = {}
        self._crds: dict[tuple[str, str], str] = {}  # by chart and version

    def one(self, spec: ReleaseSpec, version_ids: VersionIds, revision: int) -> Rendered:
        """A release's next ``revision``. Raises HelmError, the same one each time."""
        key = spec.name, spec.with_values(spec.values).wanted(version_ids)  # the same with a keyed digest
        if key not in self._known:
            try:
                self._known[key] = self.again(spec, version_ids, revision)
            except HelmError as exc:
                self._known[key] = HelmError(without_secrets(exc.failure, spec), transient=exc.transient)
        known = self._known[key]
        if isinstance(known, HelmError):
            raise known
        return known

    def again(self, spec: ReleaseSpec, version_ids: VersionIds, revision: int) -> Rendered:
        """The same once more, to see what is random. Raises HelmError."""
        request = apply_request(self._settings, spec, version_ids, revision)
        if may_ask_the_cluster(spec.chart, spec.values):
            try:
                return self._helm.render(request)
            except HelmError as exc:
                if exc.failure.code is not Code.RELEASE_PENDING:  # Helm renders none that a killed run left
                    raise
        return Rendered(self._helm.template(request, kubernetes=self._kube.version()))

    def crds(self, spec: ReleaseSpec, version_ids: VersionIds) -> str:
        """What a first installation creates beside it. Raises HelmError."""
        key = spec.chart, spec.chart_version or ""
        if key not in self._crds:
            request = apply_request(self._settings, spec, version_ids, 1)
            self._crds[key] = self._helm.crds(request) if may_have_crds(spec.chart) else ""
        return self._crds[key]

    def all(self, items: Sequence[PlanItem], version_ids: VersionIds, read: Read) -> Mapping[str, Rendered | HelmError]:
        """Planned releases by name, rendered side by side; what Helm said where it can't. Those with nothing to do are
        as they were rendered when they were deployed.
        """

        def one(item: PlanItem) -> Rendered | HelmError:
            if item.spec is None:
                raise AssertionError("removals are not rendered")
            if item.action is Action.NONE:
                with suppress(CorruptRelease):
                    stored = read(item.name, item.revision)
                    return Rendered(stored.manifest, tuple(stored.hooks))
            try:
                return self.one(item.spec, version_ids, item.revision + 1)
            except HelmError as exc:
                return exc

        rendered = [item for item in items if item.spec is not None]
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            return dict(zip((item.name for item in rendered), pool.map(one, rendered), strict=True))
