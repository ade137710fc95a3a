"""The Lease of a lock, with the holder in its annotation."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any
from unittest.mock import patch

from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import LEASE
from ansible_collections.todo.cloud.plugins.module_utils.locking.holder import Holder
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME, TAKEN_OVER, held, lease_body
from ansible_collections.todo.cloud.plugins.module_utils.locking.lock import EnvironmentLock, lock_state
from ansible_collections.todo.cloud.plugins.module_utils.locking.manual import LockState, ManualLock

from tests.fuzz.frame import Target
from tests.support.fake_kube import FakeKube

HERE = Holder.me("release_apply", "0123abc", grace=5, url="https://ci/42")
WRITTEN = [{"manager": "x", "time": "2026-11-21T10:00:00Z"}]


def lease(holder: Holder) -> dict[str, Any]:
    body = lease_body("ns", LOCK_NAME, holder, 15, {}, {TAKEN_OVER: "ada took it"})
    return {"metadata": {**body["metadata"], "managedFields": WRITTEN}, "spec": body["spec"]}


def attempt(item: Any) -> None:
    """Read in each way in which a Lease is read; nobody is killed because of what it says."""
    if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
        return  # the API server has no such objects
    metadata = {**item["metadata"], "name": LOCK_NAME, "resourceVersion": "1"}
    kube = FakeKube()
    kube.put(LEASE, "ns", {**item, "metadata": metadata})
    there = kube.get(LEASE, "ns", LOCK_NAME)
    assert held("ns", there).failure.message
    lock_state(kube, "ns", HERE)
    for state in LockState:
        with suppress(TodoCloudError):
            ManualLock(kube, "ns", HERE).ensure(state, check=True).after.as_result()
    with suppress(TodoCloudError), EnvironmentLock(kube, "ns", Holder.me("a test")) as lock:
        lock.check()


def never(pid: int, signal: int) -> None:
    assert not signal, f"killed {pid}"


def attempt_safely(item: Any) -> None:
    with patch.object(os, "kill", never):
        attempt(item)


TARGET = Target("lease", (lease(HERE), lease(Holder("somebody", who="ada", machine="other"))), attempt_safely)
