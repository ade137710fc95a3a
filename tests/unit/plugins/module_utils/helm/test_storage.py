"""Helm's Secrets read and, where a dead Helm left one pending, mended."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader, HelmStorage
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import (
    CorruptRelease,
    ReleaseStatus,
    encode,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import NotFound
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import raw_release, store


def test_read_release_newest_and_named() -> None:
    kube = FakeKube()
    store(kube, revision=1, status="superseded")
    store(kube, revision=2, description="Upgrade complete", labels={"todo.cloud/inputs": "abc"})
    newest = HelmReader(kube, "ns").read("api")
    assert (newest.revision, newest.description, newest.chart_name) == (2, "Upgrade complete", "service")
    assert newest.labels == {"todo.cloud/inputs": "abc"}
    assert newest.config == {"replicas": 1}
    assert HelmReader(kube, "ns").read("api", 1).status is ReleaseStatus.SUPERSEDED


def test_read_release_that_is_not_there() -> None:
    kube = FakeKube()
    with pytest.raises(TodoCloudError) as caught:
        HelmReader(kube, "ns").read("api")
    assert caught.value.failure.code is Code.NOT_FOUND
    with pytest.raises(NotFound):
        HelmReader(kube, "ns").read("api", 4)


def test_a_content_is_read_again_only_after_its_secret_changed() -> None:
    kube = FakeKube()
    store(kube, revision=1, description="first")
    storage = HelmStorage(kube, "ns")
    storage.history("api")
    assert [storage.read("api", 1).description for _ in range(2)] == ["first"] * 2
    assert kube.reads.count(("Secret", "sh.helm.release.v1.api.v1")) == 1
    store(kube, revision=1, description="installed anew")
    storage.history("api")
    assert storage.read("api", 1).description == "installed anew"
    storage.mark_failed(storage.history("api")[-1], "interrupted")
    assert storage.read("api", 1).description == "interrupted"
    del kube.objects["Secret", "ns", "sh.helm.release.v1.api.v1"]
    storage.history("api")
    with pytest.raises(NotFound):
        storage.read("api", 1)


def test_a_stuck_entry_becomes_failed_and_says_why_while_the_rest_is_kept() -> None:
    kube = FakeKube()
    store(kube, revision=2, status="pending-upgrade", labels={"todo.cloud/inputs": "abc"})
    HelmStorage(kube, "ns").mark_failed(HelmReader(kube, "ns").history("api")[-1], "interrupted")
    entry = HelmReader(kube, "ns").history("api")[-1]
    assert entry.status is ReleaseStatus.FAILED
    assert dict(entry.labels) == {"todo.cloud/inputs": "abc"}
    stored = HelmReader(kube, "ns").read("api")
    assert (stored.status, stored.description) == (ReleaseStatus.FAILED, "interrupted")
    assert stored.manifest == raw_release()["manifest"]


def test_an_unreadable_entry_is_moved_out_of_helms_way_with_its_bytes() -> None:
    kube = FakeKube()
    store(kube, revision=1, status="superseded")
    store(kube, revision=2, payload="garbage")
    with pytest.raises(CorruptRelease):
        HelmReader(kube, "ns").read("api")
    HelmStorage(kube, "ns").quarantine("sh.helm.release.v1.api.v2", "api")
    assert [r.revision for r in HelmReader(kube, "ns").history("api")] == [1]
    kept = kube.get(SECRET, "ns", "sh.helm.release.v1.api.v2.corrupt")
    assert kept["data"]["release"] == "garbage"


def test_a_quarantine_that_was_cut_off_is_finished() -> None:
    kube = FakeKube()
    store(kube, payload="garbage")
    newest = HelmReader(kube, "ns").history("api")[-1]
    kube.put(SECRET, "ns", {"metadata": {"name": f"{newest.secret}.corrupt"}, "data": {"release": "garbage"}})
    HelmStorage(kube, "ns").quarantine(newest.secret, "api")
    assert HelmReader(kube, "ns").history("api") == []


def test_a_quarantine_loses_nothing_where_another_one_has_the_name() -> None:
    kube = FakeKube()
    uid = store(kube, payload="garbage")
    name = HelmReader(kube, "ns").history("api")[-1].secret
    kube.put(SECRET, "ns", {"metadata": {"name": f"{name}.corrupt"}, "data": {"release": "older garbage"}})
    HelmStorage(kube, "ns").quarantine(name, "api")
    assert kube.get(SECRET, "ns", f"{name}.corrupt")["data"]["release"] == "older garbage"
    assert kube.get(SECRET, "ns", f"{name}.corrupt.{uid}")["data"]["release"] == "garbage"
    assert HelmReader(kube, "ns").history("api") == []


def test_a_secret_without_the_key_is_corrupt() -> None:
    kube = FakeKube()
    store(kube, revision=1)
    kube.objects["Secret", "ns", "sh.helm.release.v1.api.v1"]["data"] = {}
    with pytest.raises(CorruptRelease, match="no key"):
        HelmReader(kube, "ns").read("api")


@pytest.mark.parametrize("other", [{"name": "web"}, {"version": 9}])
def test_a_secret_with_another_revision_is_corrupt(other: dict[str, object]) -> None:
    kube = FakeKube()
    store(kube, "api", 1, payload=encode({**raw_release(), **other}))
    with pytest.raises(CorruptRelease, match="it contains revision"):
        HelmReader(kube, "ns").read("api", 1)


def test_a_copied_secret_does_not_make_another_namespace_ours() -> None:
    kube = FakeKube()
    store(kube, "api", 1, payload=encode({**raw_release(), "namespace": "production"}))
    assert HelmReader(kube, "ns").read("api", 1).namespace == "ns"


def test_the_newest_revisions_are_read_by_one_request() -> None:
    kube = FakeKube()
    store(kube, revision=1, status="superseded")
    store(kube, revision=2)
    store(kube, revision=3, status="failed")
    store(kube, "gone", status="uninstalled")
    store(kube, "broken", payload="none")
    store(kube, "copied", payload=encode(raw_release("other", 9)))
    kube.reads.clear()
    assert [(each.name, each.revision) for each in HelmReader(kube, "ns").newest()] == [("api", 3)]
    assert len(kube.reads) == 1
