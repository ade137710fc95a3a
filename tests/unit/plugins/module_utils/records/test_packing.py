"""Release sets: written whole, read whole or not at all."""

from __future__ import annotations

import base64
import gzip
import json
import random
import time
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.records.packing import _digest, check_size, pack, unpack
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import Target

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.records.samples import MEMBER, RECORD

REMEMBERED = replace(RECORD, members={"api": replace(MEMBER, live={"v1 Service": "0123456789ab"})})


def test_a_record_comes_back_as_it_was() -> None:
    assert unpack(pack(RECORD)) == RECORD


def test_what_is_remembered_of_live_objects_stands_beside_the_text_that_older_versions_read() -> None:
    item = pack(REMEMBERED)
    assert unpack(item) == REMEMBERED
    assert item["data"]["set.json"] == pack(RECORD)["data"]["set.json"]
    assert unpack(pack(RECORD)).members["api"].live == {}


def test_one_digest_for_all_kinds_as_records_of_the_first_days_have_it_tells_nothing() -> None:
    assert unpack(remembering(b'{"api": "0123456789ab"}')).members["api"].live == {}


def remembering(live: bytes) -> dict[str, Any]:
    item = pack(REMEMBERED)
    binary = {**item["binaryData"], "live.json": base64.b64encode(live).decode()}
    data = {**item["data"], "digest": _digest(item["data"]["set.json"], binary)}
    return {**item, "data": data, "binaryData": binary}


@pytest.mark.parametrize("live", [b"", b"[]", b'{"api": 5}', b'{"api": {"v1 Service": 5}}', b"\xff"])
def test_forged_memories_of_live_objects_are_damaged(live: bytes) -> None:
    item = remembering(live)
    with pytest.raises(TodoCloudError, match="damaged"):
        unpack(item)
    with pytest.raises(TodoCloudError, match="digest"):
        unpack({**pack(REMEMBERED), "binaryData": item["binaryData"]})


def test_the_config_map_is_immutable_and_its_metadata_reports_commit_and_time() -> None:
    item = pack(RECORD)
    assert item["immutable"] is True
    assert item["metadata"]["name"] == "release-set-1"
    assert item["metadata"]["annotations"] == {
        "todo.cloud/commit": "0123abcd", "todo.cloud/verified-at": "2026-11-21T10:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize("key", ["data", "binaryData"])
def test_damage_is_detected(key: str) -> None:
    item = pack(RECORD)
    name = next(iter(item[key]))
    item[key][name] = item[key][name][:-6] + "AAAA=="
    with pytest.raises(TodoCloudError, match="damaged") as caught:
        unpack(item)
    assert caught.value.failure.code is Code.SET_DAMAGED


def test_a_removed_chart_is_damage_too() -> None:
    item = pack(RECORD)
    item["binaryData"] = {}
    with pytest.raises(TodoCloudError, match="damaged"):
        unpack(item)


def test_what_does_not_fit_is_left_out_largest_first() -> None:
    big = replace(RECORD, charts={"a": b"x" * 900_000, "b": b"y" * 10})
    item = pack(big)
    assert list(item["binaryData"]) == ["chart-b.tgz"]
    assert len(str(item)) < 1_048_576
    kube = FakeKube()
    assert RecordStore(kube, "ns", "staging").write(big) == ["a"]


def forged(**content: Any) -> dict[str, Any]:
    """A record with other content, whose digest was computed anew."""
    item = pack(RECORD)
    text = json.dumps({**json.loads(item["data"]["set.json"]), **content})
    return {**item, "data": {"set.json": text, "digest": _digest(text, item["binaryData"])}}


def forged_member(**content: Any) -> dict[str, Any]:
    raw = json.loads(pack(RECORD)["data"]["set.json"])["members"]["api"]
    return forged(members={"api": {**raw, **content}})


@pytest.mark.parametrize(
    "item",
    [
        forged(id="1"), forged(id=2), forged(members=[1]), forged(members=None), forged(members={"a": "x"}),
        forged(tools={"helm": 4}), forged(time=5), forged(more=1), forged(restored_from=True),
        forged_member(name="../../etc/x"), forged_member(name="web"), forged_member(values="x"),
        forged_member(targets=["x"]), forged_member(watches=[["Secret", "a", "b"]]), forged_member(revision=0),
        forged_member(chart="--post-renderer=/bin/sh"), forged_member(chart_version="--post-renderer=/bin/sh"),
        forged_member(images={"a": "x"}), forged_member(images={"a": {"image": "x"}}),
        forged_member(secret_values=[["a", None]]),
    ],
)  # fmt: skip
def test_a_forged_record_is_damaged(item: dict[str, Any]) -> None:
    with pytest.raises(TodoCloudError) as caught:
        unpack(item)
    assert caught.value.failure.code is Code.SET_DAMAGED
    assert "release-set-1 is damaged" in caught.value.failure.message


@pytest.mark.parametrize("text", ["", "[]", "5", "{", "[" * 100_000 + "]" * 100_000, '{"id": 1, "id": 1}', "[NaN]"])
def test_text_that_is_no_record_is_damaged(text: str) -> None:
    with pytest.raises(TodoCloudError, match="damaged"):
        unpack({**pack(RECORD), "data": {"set.json": text, "digest": _digest(text, pack(RECORD)["binaryData"])}})


@pytest.mark.parametrize(
    "item",
    [
        {"metadata": {"name": "release-set-1"}}, {}, {"metadata": None}, {"metadata": {"name": "release-set-x"}},
        {"metadata": {"name": "release-set-1"}, "data": "x", "binaryData": 5},
        {**forged(), "binaryData": {"chart-x.tgz": "%%%"}},
    ],
)  # fmt: skip
def test_an_object_that_is_no_record_is_damaged(item: dict[str, Any]) -> None:
    with pytest.raises(TodoCloudError, match="damaged"):
        unpack(item)


def test_whether_a_job_is_removed_after_its_end_is_not_recorded() -> None:
    """Older versions of the collection read records with the fields of a target that they know."""
    job = Target("batch/v1", "Job", "ns", "migrate", "api", passing=True)
    record = replace(RECORD, members={"api": replace(MEMBER, name="api", targets=(job,))})
    (found,) = unpack(pack(record)).members["api"].targets
    assert found == job
    assert not found.passing


def test_a_big_set_is_packed_and_read_again() -> None:
    big = replace(RECORD, members={"api": replace(MEMBER, values={"text": random.Random(1).randbytes(500_000).hex()})})
    item = pack(big)
    assert "set.json" not in item["data"]
    assert len(str(item)) < 1_048_576
    kube = FakeKube()
    store = RecordStore(kube, "ns", "staging")
    store.write(big)
    assert RecordStore(kube, "ns", "staging").read(1).members == big.members
    item["binaryData"]["set.json.gz"] = base64.b64encode(gzip.compress(b"{}")).decode()
    with pytest.raises(TodoCloudError, match="damaged"):
        unpack(item)


@pytest.mark.parametrize("packed", ["%%%", "AAAA", base64.b64encode(gzip.compress(b"\xff", mtime=0)).decode()])
def test_a_packed_text_that_is_none_is_damaged(packed: str) -> None:
    item = {**pack(RECORD), "data": {"digest": "x"}, "binaryData": {"set.json.gz": packed}}
    with pytest.raises(TodoCloudError, match="damaged"):
        unpack(item)


MANY = {
    "lists": "[" + "[]," * 10_000_000 + "[]]",
    "maps": '{"members":[' + "{}," * 10_000_000 + "{}]}",
    "keys": "{" + ",".join(f'"{number}":1' for number in range(1_000_000)) + "}",
    "nulls": "[" + "null," * 6_000_000 + "1]",
}


@pytest.mark.parametrize("text", MANY.values(), ids=MANY)
def test_a_few_kilobytes_do_not_become_a_gigabyte(text: str) -> None:
    """Packed, 40 KB hold ten million values; they are counted before they are made."""
    binary = {"set.json.gz": base64.b64encode(gzip.compress(text.encode(), 1, mtime=0)).decode()}
    item = {**pack(RECORD), "data": {"digest": _digest(text, binary)}, "binaryData": binary}
    with pytest.raises(TodoCloudError, match=r"release-set-1 is damaged.*it holds more than 400000 values"):
        unpack(item)


def test_what_only_looks_like_many_values_is_read() -> None:
    big = replace(RECORD, members={"api": replace(MEMBER, values={"text": '[{"a":1},' * 300_000})})
    assert unpack(pack(big)) == big


@pytest.mark.parametrize("secret", [None, (("text",),)])
def test_a_set_that_does_not_fit_names_what_is_large(secret: Any) -> None:
    text = random.Random(1).randbytes(900_000).hex()
    big = replace(RECORD, members={"api": replace(MEMBER, values={"text": text}, secret_values=secret)})
    with pytest.raises(TodoCloudError, match="api 1757 KiB") as caught:
        check_size(big)
    assert caught.value.failure.code is Code.SET_TOO_LARGE
    check_size(RECORD)


def _junk(data: dict[str, str], binary: dict[str, str] | None = None) -> dict[str, Any]:
    return {"metadata": {"name": "release-set-1"}, "data": data, "binaryData": binary or {}}


@pytest.mark.parametrize(
    "item",
    [
        _junk({"set.json": "[" * 1_000_000}),
        _junk({}, {"set.json.gz": base64.b64encode(random.Random(1).randbytes(700_000)).decode()}),
        _junk({}, {"set.json.gz": base64.b64encode(gzip.compress(b"[" * 100_000_000)).decode()}),
        _junk({f"k{number}": "" for number in range(100_000)}),
        _junk({"set.json": "{}"}, {f"chart-{number}.tgz": "%" for number in range(50_000)}),
    ],
    ids=["brackets", "noise", "a bomb", "many keys", "many charts"],
)
def test_a_mebibyte_of_junk_is_damaged_within_a_moment(item: dict[str, Any]) -> None:
    began = time.process_time()
    with pytest.raises(TodoCloudError, match="release-set-1 is damaged") as caught:
        unpack(item)
    assert len(caught.value.failure.message) < 200
    assert time.process_time() - began < 5
