"""What a record's member becomes when it is deployed again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.request import spec_of
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError

from tests.unit.plugins.module_utils.records.samples import MEMBER, RECORD


def test_a_record_holds_the_chart_and_its_digests_stay(tmp_path: Path) -> None:
    spec = spec_of(MEMBER, RECORD, "ns", tmp_path)
    assert (spec.inputs, spec.chart_digest, spec.values) == (MEMBER.inputs, MEMBER.chart_digest, MEMBER.values)
    assert Path(spec.chart).read_bytes() == RECORD.charts[MEMBER.chart_digest]


def test_a_record_without_the_chart_says_so(tmp_path: Path) -> None:
    with pytest.raises(TodoCloudError, match="does not hold its chart") as caught:
        spec_of(MEMBER, replace(RECORD, charts={}), "ns", tmp_path)
    assert caught.value.failure.code is Code.ROLLBACK_TARGET_MISSING
    reference = replace(MEMBER, local=False, chart="oci://r/c", chart_version="1.0.0")
    assert spec_of(reference, replace(RECORD, charts={}), "ns", tmp_path).chart_version == "1.0.0"
