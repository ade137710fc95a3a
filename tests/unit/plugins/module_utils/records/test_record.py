"""A release set is known by its name."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.todo.cloud.plugins.module_utils.parsing import Malformed
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.records.samples import MEMBER


@pytest.mark.parametrize("name", ["release-set-0", "release-set-01", "release-set-9999999999", "release-set-\u00b2"])
def test_names_that_no_record_has_are_passed_over(name: str) -> None:
    kube = FakeKube()
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": name, "labels": {"todo.cloud/release-set": "staging"}}})
    assert RecordStore(kube, "ns", "staging").headers() == []


@pytest.mark.parametrize(
    ("name", "why"),
    [("web", "'web' is called 'api'"), ("api", "")],
)
def test_a_member_is_the_one_that_it_is_called(name: str, why: str) -> None:
    if not why:
        MEMBER.check(name)
        return
    with pytest.raises(Malformed, match=why):
        MEMBER.check(name)
