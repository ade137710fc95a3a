"""Headers of release sets as a promotion reads them: annotations may forbid, never permit."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.todo.cloud.plugins.module_utils.planning.promotion import Terms, choose
from ansible_collections.todo.cloud.plugins.module_utils.records.packing import pack
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore

from tests.fuzz.frame import Target
from tests.fuzz.targets.record import RECORD
from tests.support.fake_kube import FakeKube

METADATA = json.loads(json.dumps(pack(RECORD)["metadata"]))
TERMS = (Terms("staging", max_age=60), Terms("staging", commit="0123abcd"), Terms("staging", expect_commit="0123abcd"))


def attempt(metadata: Any) -> None:
    if not isinstance(metadata, dict) or not isinstance(metadata.get("labels"), dict):
        return
    if not isinstance(metadata.get("name"), str):
        return  # the API server has no such objects
    for terms in TERMS:
        kube = FakeKube()
        kube.put(CONFIG_MAP, "ns", {**pack(RECORD), "metadata": metadata})
        with suppress(TodoCloudError):
            record = choose(RecordStore(kube, "ns", "staging"), terms)
            assert not terms.max_age, "it is older than that"
            assert (record.commit, record.environment) == ("0123abcd", "staging")


TARGET = Target("promotion", (METADATA,), attempt)
