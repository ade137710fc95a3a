"""The module dapr_certificates: who manages the platform writes under its lock."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.locking.holder import Holder
from ansible_collections.todo.cloud.plugins.module_utils.locking.lock import EnvironmentLock
from ansible_collections.todo.cloud.plugins.module_utils.releases.dapr_certificates import rotate

from tests.unit.plugins.module_utils.dapr.test_rotation import DAPR, NAMESPACE, SOON, cluster

PARAMS: dict[str, Any] = {
    "namespace": NAMESPACE, "dapr_namespace": DAPR, "all_releases": ["api", "web"], "manage": True,
    "below_days": SOON, "timeout": 5, "lock_wait": 0, "lock_ttl": 15,
}  # fmt: skip


def test_nothing_to_do_leaves_the_lock_free() -> None:
    kube = cluster()
    done = rotate(kube, PARAMS, check=False, progress=lambda line: None)
    assert (done.changed, done.warnings) == (False, [])
    assert {kind for _verb, kind, _name in kube.writes} <= {"Lease"}


def test_another_run_on_the_platform_is_not_disturbed() -> None:
    kube = cluster()
    with (
        EnvironmentLock(kube, DAPR, Holder.me("helm_release"), platform=True),
        pytest.raises(TodoCloudError) as caught,
    ):
        rotate(kube, {**PARAMS, "below_days": 400}, check=False, progress=lambda line: None)
    assert caught.value.failure.code is Code.LOCK_HELD
    assert kube.restarted == []


@pytest.mark.parametrize(("check", "manage"), [(True, True), (False, False)])
def test_who_only_looks_takes_no_lock(check: bool, manage: bool) -> None:
    kube = cluster()
    rotate(kube, {**PARAMS, "below_days": 400, "manage": manage}, check=check, progress=lambda line: None)
    assert kube.writes == []
