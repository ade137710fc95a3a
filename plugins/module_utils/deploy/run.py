# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one run works with, before it holds the lock and while it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from ..dapr.check import SidecarCheck
from ..helm.program import Helm
from ..helm.storage import HelmStorage
from ..kube.api import Check, Guarded, KubeClient
from ..locking.holder import Holder
from ..locking.lock import EnvironmentLock
from ..planning.live import Listing
from ..planning.snapshot import Snapshot, take
from ..planning.spec import DAPR
from ..records.store import RecordStore
from ..rollout.targets import Target
from ..settings import Progress, Settings
from .boundary import Boundary
from .timeline import Timeline


class Run:
    """Clients and settings of a run. ``what``: the module's name, for those who wait for its lock."""

    def __init__(self, kube: KubeClient, helm: Helm, settings: Settings, progress: Progress, what: str) -> None:
        self.kube = kube
        self.helm = helm
        self.settings = settings
        self.progress = progress
        self.what = what
        self.holder = Holder.me(what, settings.commit, grace=settings.timeout, url=settings.run_url)
        self.storage = HelmStorage(kube, settings.namespace)
        self.records = RecordStore(kube, settings.namespace, settings.environment, settings.record_keys)
        self.timeline = Timeline()
        kube.outlast(settings.timeout, progress)

    def with_settings(self, settings: Settings) -> Run:
        """The same run with other settings."""
        return Run(self.kube, self.helm, settings, self.progress, self.what)

    def spent(self) -> dict[str, Any]:
        """Helm calls, API requests and the timeline so far, for a module's result."""
        return {
            "helm_calls": self.helm.calls,
            "api": self.kube.counts.as_result(),
            "timeline": self.timeline.as_result(),
        }

    def boundary(self) -> Boundary:
        """What this run's releases may hold. It remembers whose the objects are that it has read."""
        return Boundary(self.kube, self.settings.namespace, self.settings.allowed_namespaces)

    def look(
        self,
        kinds: Iterable[str] = (),
        targets: Iterable[Target] = (),
        listings: Iterable[Listing] = (),
        *,
        remembered: bool = False,
    ) -> Snapshot:
        """The environment at this moment; the arguments are those of :func:`take`."""
        settings = self.settings
        dapr = SidecarCheck(self.kube, settings.namespace, settings.dapr_namespace)
        with ThreadPoolExecutor(1) as pool:
            plane = None if settings.platform else pool.submit(dapr.control_plane)  # Dapr itself watches no Dapr
            snapshot = take(
                self.kube, self.records, settings.namespace, settings.environment, kinds, settings.wait, targets,
                listings, remembered=remembered,
            )  # fmt: skip
            version = (plane.result().version if plane else "") or "unknown"
        self.storage.note(snapshot.histories)
        return replace(snapshot, version_ids={**snapshot.version_ids, DAPR: version})


class LockedRun(Run):
    """A run that holds the lock, as :func:`locked_run` makes it: each of its writes, Helm's included, asks it first."""

    def __init__(self, run: Run, check: Check, takeover: str = "") -> None:
        kube = Guarded(run.kube, check)
        super().__init__(kube, run.helm.guarded(check), run.settings, run.progress, run.what)
        self.check = check
        self.holder = run.holder
        self.timeline = run.timeline
        self.storage = run.storage.written_by(kube)
        self.records = run.records.written_by(kube)
        self.warnings = [takeover] if takeover else []


@contextmanager
def locked_run(run: Run) -> Iterator[LockedRun]:
    """The run under its lock. Raises lock_held, and from each write lock_lost."""
    settings = run.settings
    lock = EnvironmentLock(
        run.kube,
        settings.namespace,
        run.holder,
        wait=settings.lock_wait,
        progress=run.progress,
        ttl=settings.lock_ttl,
        platform=settings.platform,
    )
    with ExitStack() as held, ThreadPoolExecutor(1) as pool:
        with run.timeline.span("lock", f"lock of {settings.environment or settings.namespace}"):
            held.enter_context(lock)
        pool.submit(lambda: run.helm.version)  # it takes a process: meanwhile the environment is looked at again
        yield LockedRun(run, lock.check, lock.takeover)
