"""Releases as Helm stores them."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.releases.info import releases_info

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store


def test_info_of_releases_shows_no_values() -> None:
    kube = FakeKube()
    store(kube, revision=1, status="superseded")
    store(kube, revision=2, config={"password": "canary"})
    store(kube, "bad", payload="garbage")
    found = releases_info(kube, "ns")
    assert [each["name"] for each in found] == ["api", "bad"]
    assert found[0]["history"] == [{"revision": 1, "status": "superseded"}, {"revision": 2, "status": "deployed"}]
    assert found[0]["by_hand"] is True
    assert found[1]["status"] == "corrupt"
    assert "canary" not in str(found)
    assert releases_info(kube, "ns", "none") == []
