"""Helm's Secrets read and, where a dead Helm left one pending, mended."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import (
    CorruptRelease,
    HelmReader,
    HelmStorage,
    ReleaseStatus,
    decode,
    encode,
    histories_of,
    revision_of,
    stored_release,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import NotFound
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import raw_release, store


def test_decode_is_the_reverse_of_encode() -> None:
    assert decode(encode(raw_release())) == raw_release()


def test_decode_reads_what_helm_packed_before_compression_was_introduced() -> None:
    plain = base64.b64encode(base64.b64encode(json.dumps(raw_release()).encode())).decode()
    assert decode(plain)["name"] == "api"


@pytest.mark.parametrize(
    "data",
    [
        "",
        "not base64!",
        base64.b64encode(b"not base64!").decode(),
        base64.b64encode(base64.b64encode(b"\x1f\x8b\x08 broken")).decode(),
        base64.b64encode(base64.b64encode(gzip.compress(b"[]", mtime=0))).decode(),
        base64.b64encode(base64.b64encode(gzip.compress(b'{"name": "x"}', mtime=0))).decode(),
        encode(raw_release())[:-40],
    ],
)
def test_what_is_no_release_is_corrupt(data: str) -> None:
    with pytest.raises(CorruptRelease):
        decode(data)


def test_metadata_alone_reports_revision_status_and_our_labels() -> None:
    found = revision_of(
        {
            "name": "sh.helm.release.v1.api.v12",
            "namespace": "ns",
            "uid": "u",
            "creationTimestamp": "2026-11-21T10:00:00Z",
            "labels": {
                "owner": "helm", "name": "api", "version": "12", "status": "pending-upgrade", "createdAt": "1",
                "todo.cloud/inputs": "abc",
            },
        }
    )  # fmt: skip
    assert found is not None
    assert (found.name, found.revision, found.status) == ("api", 12, ReleaseStatus.PENDING_UPGRADE)
    assert found.status.pending
    assert dict(found.labels) == {"todo.cloud/inputs": "abc"}
    assert found.secret == "sh.helm.release.v1.api.v12"
    assert found.created == 1795255200.0


@pytest.mark.parametrize("labels", [None, {}, {"owner": "me", "version": "1"}, {"owner": "helm", "version": "x"}])
def test_other_secrets_are_no_releases(labels: dict[str, str] | None) -> None:
    assert revision_of({"name": "database", "labels": labels}) is None


def test_histories_are_sorted_by_number_not_by_text() -> None:
    kube = FakeKube()
    for revision in (10, 9, 2):
        store(kube, revision=revision)
    store(kube, "web", 1)
    items, _ = kube.list_(SECRET, "ns")
    found = histories_of(item["metadata"] for item in items)
    assert [r.revision for r in found["api"]] == [2, 9, 10]
    assert list(found) == ["api", "web"]


def test_an_unknown_status_is_read_as_unknown() -> None:
    kube = FakeKube()
    store(kube, status="deployed", labels={"status": "something-new"})
    assert HelmReader(kube, "ns").history("api")[0].status is ReleaseStatus.UNKNOWN


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


PACKED = gzip.compress(json.dumps(raw_release()).encode(), mtime=0)


@pytest.mark.parametrize(
    "packed",
    [
        PACKED[:-12],
        PACKED[:14] + bytes([PACKED[14] ^ 0xFF]) + PACKED[15:],
        PACKED[:10] + b"\xff" * 20 + PACKED[30:],
        PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],
        gzip.compress(b'{"info": {}, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", mtime=0),
        gzip.compress(b'{"info": {}, "a": NaN}', mtime=0),
        gzip.compress(b'{"info": {}, "a": "\\ud800"}', mtime=0),
        gzip.compress(b'{"info": {}, "a": ' + b"9" * 5000 + b"}", mtime=0),
        gzip.compress(b'{"info": {}, "x": "' + b"A" * 40_000_000 + b'"}', mtime=0),
    ],
)
def test_damaged_or_hostile_content_is_corrupt(packed: bytes) -> None:
    with pytest.raises(CorruptRelease) as caught:
        decode(base64.b64encode(base64.b64encode(packed)).decode())
    assert len(caught.value.failure.message) < 200


@pytest.mark.parametrize(
    "changed",
    [
        {"version": "x"}, {"chart": "x"}, {"manifest": 5}, {"config": []}, {"hooks": {"a": 1}}, {"hooks": ["x"]},
        {"info": {"status": 5}}, {"info": {"rollback_revision": "3"}}, {"name": ["api"]}, {"chart": {"metadata": "x"}},
    ],
)  # fmt: skip
def test_a_release_of_wrong_types_is_corrupt(changed: dict[str, object]) -> None:
    with pytest.raises(CorruptRelease):
        stored_release({**raw_release(), **changed})


def test_what_is_null_is_empty_and_an_unknown_status_is_unknown() -> None:
    raw = {**raw_release(), "config": None, "chart": None, "hooks": None}
    raw["info"] = {"status": "exploded", "rollback_revision": None}
    found = stored_release(raw)
    assert (found.status, found.config, found.chart_name, found.rollback_revision) == (
        ReleaseStatus.UNKNOWN, {}, "", 0,
    )  # fmt: skip


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
