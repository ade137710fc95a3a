"""A forged release set in an environment: what is planned, shown, gone back to and promoted because of it.

Check mode only: nothing may be written, whatever the set says.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.planning.promotion import (
    Terms,
    check_charts,
    choose,
    promote_images,
)
from ansible_collections.todo.cloud.plugins.module_utils.records.packing import _digest
from ansible_collections.todo.cloud.plugins.module_utils.releases.status import set_info
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnDrift

from tests.fuzz.frame import Target
from tests.support.fake_environment import A2, C2, World, spec, two_sets

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@cache
def world() -> World:
    """Two sets; the first one is replaced by the forged one."""
    return two_sets()


def seed(number: int) -> str:
    item = world().kube.objects["ConfigMap", "ns", f"release-set-{number}"]
    return str(item["data"]["set.json"])


def attempt(text: Any) -> None:
    if not isinstance(text, str):
        return
    there = world()
    for number in (1, 2):
        item = there.kube.objects["ConfigMap", "ns", f"release-set-{number}"]
        kept = dict(item["data"])
        with suppress(UnicodeEncodeError):
            item["data"] = {"set.json": text, "digest": _digest(text, item["binaryData"])}
        try:
            _all_that_reads(there)
        finally:
            item["data"] = kept
    assert there.writes() == []


def _all_that_reads(there: World) -> None:
    for read in (
        lambda: there.rollback("1", check=True, diff=True),
        lambda: there.rollback(check=True),
        lambda: there.apply({"components": C2}, {"api": A2}, check=True, drift=OnDrift.REPORT),
        lambda: set_info(there.kube, "ns", "staging", status=True),
        lambda: set_info(there.kube, "ns", "staging", at="1"),
        lambda: _promotion(there),
    ):
        with suppress(TodoCloudError):
            json.dumps(str(read())).encode()


def _promotion(there: World) -> None:
    record = choose(there.run().records, Terms("staging", may_differ=("maps",)), NOW)
    specs = [spec("components", C2), spec("api", A2)]
    check_charts(record, specs, Terms("staging"))
    promote_images(record, specs, lambda host: None, "staging")


TARGET = Target("forged_set", (seed(1), seed(2)), attempt)
