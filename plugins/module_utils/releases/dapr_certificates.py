# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A step of a rotation of Dapr's certificates, under the platform's lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..dapr.rotation import Rotated, Rotation
from ..kube.api import Guarded, KubeClient
from ..locking.holder import Holder
from ..locking.lock import EnvironmentLock
from ..rollout.targets import Target
from ..rollout.waiter import RolloutWaiter, WaitOptions


def rotate(kube: KubeClient, params: Mapping[str, Any], *, check: bool, progress: Callable[[str], None]) -> Rotated:
    """The module dapr_certificates. Raises dapr_trust, lock_held, a verdict's."""
    timeout = int(params["timeout"])
    options = WaitOptions(timeout, graces={"first_crash": 90.0})  # as the role dapr has it

    def wait(targets: Sequence[Target]) -> None:
        RolloutWaiter(kube, options, progress).wait(targets).raise_if_failed()

    def step(client: KubeClient, *, check: bool) -> Rotated:
        return Rotation(
            client, params["namespace"], params["dapr_namespace"], params["all_releases"], manage=params["manage"],
            check=check, wait=wait, progress=progress,
        ).step(params["below_days"])  # fmt: skip

    if check or not params["manage"]:
        return step(kube, check=True)
    kube.outlast(timeout, progress)
    lock = EnvironmentLock(
        kube, params["dapr_namespace"], Holder.me("dapr_certificates", grace=timeout), wait=params["lock_wait"],
        progress=progress, ttl=params["lock_ttl"], platform=True,
    )  # fmt: skip
    with lock:
        done = step(Guarded(kube, lock.check), check=False)
    done.warnings += [lock.takeover] if lock.takeover else []
    return done
