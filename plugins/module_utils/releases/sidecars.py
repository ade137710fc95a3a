# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module dapr_sidecar_check: looks without the lock, restarts pods under it only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..dapr.check import SidecarCheck
from ..dapr.repair import check_sidecars
from ..kube.api import Guarded, KubeClient
from ..locking.holder import Holder
from ..locking.lock import EnvironmentLock
from ..settings import Progress, Settings


def sidecar_check(
    kube: KubeClient, settings: Settings, app_ids: Sequence[str], *, repair: bool, progress: Progress
) -> dict[str, Any]:
    """Raises what check_sidecars raises; lock_held when another run writes in the namespace."""
    namespace, dapr = settings.namespace, settings.dapr_namespace
    look = partial(
        check_sidecars, namespace=namespace, dapr_namespace=dapr, app_ids=app_ids, check_mode=settings.check,
        options=settings.wait, progress=progress,
    )  # fmt: skip
    lacking = repair and bool(SidecarCheck(kube, namespace, dapr).look(app_ids).lacking)
    if not lacking or settings.check:
        return look(kube, repair=lacking)
    holder = Holder.me("dapr_sidecar_check", grace=settings.timeout)
    with EnvironmentLock(kube, namespace, holder, wait=settings.lock_wait, progress=progress) as lock:
        return look(Guarded(kube, lock.check), repair=True)
