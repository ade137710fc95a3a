"""What a Lease says of its holder."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import LEASE
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME, holder_of

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.locking.test_lock import lease, lock


def test_a_lease_that_another_program_wrote_still_names_its_holder() -> None:
    kube = FakeKube()
    body = {"metadata": {"name": LOCK_NAME}, "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 30}}
    kube.put(LEASE, "ns", body)
    assert holder_of(lease(kube)).identity == "somebody"
    with pytest.raises(TodoCloudError, match="somebody"), lock(kube):
        pytest.fail("the lock was taken")
