"""What a Lease says of its holder."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import LEASE
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import (
    LOCK_NAME,
    TTL_SECONDS,
    duration_of,
    held,
    holder_of,
    silent_for,
)
from ansible_collections.todo.cloud.plugins.module_utils.locking.manual import LockView

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.locking.test_lock import lease, lock


def test_a_lease_that_another_program_wrote_still_names_its_holder() -> None:
    kube = FakeKube()
    body = {"metadata": {"name": LOCK_NAME}, "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 30}}
    kube.put(LEASE, "ns", body)
    assert holder_of(lease(kube)).identity == "somebody"
    with pytest.raises(TodoCloudError, match="somebody"), lock(kube):
        pytest.fail("the lock was taken")


@pytest.mark.parametrize("spec", [{}, {"spec": None}, {"spec": "x"}, {"spec": {"leaseDurationSeconds": "x"}}])
def test_a_lease_without_a_sound_spec_is_free(spec: dict[str, object]) -> None:
    kube = FakeKube()
    kube.put(LEASE, "ns", {"metadata": {"name": LOCK_NAME}, **spec})
    assert duration_of(lease(kube)) == TTL_SECONDS
    assert LockView.of(kube, lease(kube)) == LockView()
    with lock(kube):
        assert lease(kube)["spec"]["holderIdentity"]


def test_no_lease_keeps_others_waiting_for_years() -> None:
    assert duration_of({"spec": {"leaseDurationSeconds": 2**31 - 1}}) == 86_400


@pytest.mark.parametrize("entries", ["x", [1], [{"time": "yesterday"}], [{"time": 5}]])
def test_stamps_that_are_none_say_nothing(entries: object) -> None:
    kube = FakeKube()
    assert silent_for(kube, {"metadata": {"managedFields": entries}}) in (0.0, kube.now)
    assert "is locked" in held("ns", {"metadata": {"managedFields": entries}}).failure.message
