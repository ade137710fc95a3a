"""The unfinished rollback in the lock's Lease, and headers of release sets."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import LEASE
from ansible_collections.todo.cloud.plugins.module_utils.locking.lease import LOCK_NAME, UNFINISHED
from ansible_collections.todo.cloud.plugins.module_utils.records.rollback_target import forget, remembered

from tests.fuzz.frame import Target
from tests.support.fake_kube import FakeKube


def attempt(noted: Any) -> None:
    kube = FakeKube()
    annotations = {UNFINISHED: noted} if isinstance(noted, str) else noted
    kube.put(LEASE, "ns", {"metadata": {"name": LOCK_NAME, "annotations": annotations}})
    target = remembered(kube, "ns")
    assert target is None or (type(target.set) is int and all(type(each) is int for each in target.leaves))
    assert isinstance(forget(kube, "ns"), str)


TARGET = Target("rollback_target", (json.dumps({"set": 1, "names": ["api"], "leaves": [2], "who": "ada"}),), attempt)
