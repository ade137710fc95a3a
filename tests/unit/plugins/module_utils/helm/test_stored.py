"""What a Secret of Helm's holds; what is damaged or hostile is no release."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import (
    CorruptRelease,
    ReleaseStatus,
    decode,
    encode,
    histories_of,
    revision_of,
    stored_release,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import raw_release, store

PACKED = gzip.compress(json.dumps(raw_release()).encode(), mtime=0)


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
