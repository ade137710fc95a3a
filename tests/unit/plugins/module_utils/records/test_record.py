"""Release sets: written whole, read whole or not at all."""

from __future__ import annotations

import base64
import gzip
import json
import random
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import SecretRef
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import AlreadyExists, Unreachable
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, Resource
from ansible_collections.todo.cloud.plugins.module_utils.records.record import (
    KEEP,
    Member,
    Record,
    RecordStore,
    _digest,
    check_size,
    pack,
    unpack,
)
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import Target

from tests.support.fake_kube import FakeKube

MEMBER = Member(
    name="api",
    revision=3,
    uid="u3",
    chart="service",
    chart_version="0.1.0",
    chart_digest="c" * 40,
    local=True,
    inputs="i" * 40,
    watched="none",
    values={"n": "0123", "f": 1.5, "list": [1, None]},
    watches=(("Secret", "database"),),
    app_id="api",
    wave=1,
    manifest="m" * 40,
    targets=(Target("apps/v1", "Deployment", "ns", "api", "api"),),
    secrets=(SecretRef("database", "url"),),
    images={"Deployment/api/app": {"image": "r/api:1", "digest": "sha256:1"}},
)
RECORD = Record(
    id=1,
    environment="staging",
    time="2026-11-21T10:00:00Z",
    who="ada@ci",
    commit="0123abcd",
    tools={"helm": "4.3.1"},
    members={"api": MEMBER},
    missing={"web": "never verified"},
    charts={"c" * 40: b"\x1f\x8bchart"},
)


def test_a_record_comes_back_as_it_was() -> None:
    assert unpack(pack(RECORD)) == RECORD


REMEMBERED = replace(RECORD, members={"api": replace(MEMBER, live="0123456789ab")})


def test_what_is_remembered_of_live_objects_stands_beside_the_text_that_older_versions_read() -> None:
    item = pack(REMEMBERED)
    assert unpack(item) == REMEMBERED
    assert item["data"]["set.json"] == pack(RECORD)["data"]["set.json"]
    assert unpack(pack(RECORD)).members["api"].live == ""


@pytest.mark.parametrize("live", [b"", b"[]", b'{"api": 5}', b"\xff"])
def test_forged_memories_of_live_objects_are_damaged(live: bytes) -> None:
    item = pack(REMEMBERED)
    binary = {**item["binaryData"], "live.json": base64.b64encode(live).decode()}
    data = {**item["data"], "digest": _digest(item["data"]["set.json"], binary)}
    with pytest.raises(TodoCloudError, match="damaged"):
        unpack({**item, "data": data, "binaryData": binary})
    with pytest.raises(TodoCloudError, match="digest"):
        unpack({**item, "binaryData": binary})


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


def store_with(kube: FakeKube, *numbers: int) -> RecordStore:
    store = RecordStore(kube, "ns", "staging")
    for number in numbers:
        store.write(replace(RECORD, id=number))
    return store


def test_newest_first_and_only_of_this_environment() -> None:
    kube = FakeKube()
    store = store_with(kube, 1, 10, 9)
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "release-set-99", "labels": {"todo.cloud/release-set": "other"}}})
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "settings", "labels": {"todo.cloud/release-set": "staging"}}})
    assert [h.id for h in store.headers()] == [10, 9, 1]


def test_twenty_are_kept() -> None:
    kube = FakeKube()
    store = store_with(kube, *range(1, KEEP + 4))
    assert [h.id for h in store.headers()] == list(range(KEEP + 3, 3, -1))


@pytest.mark.parametrize("verb", ["list", "delete"])
def test_a_record_counts_although_old_ones_cannot_be_pruned(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kube = FakeKube()
    store = store_with(kube, *range(1, KEEP + 1))

    def away(found: str, resource: Resource, name: str) -> None:
        if found == verb:
            raise Unreachable("away", 0, cause="refused")

    with monkeypatch.context() as patch:
        patch.setattr(kube, "before", away)
        store.write(replace(RECORD, id=KEEP + 1))
    assert [h.id for h in store.headers()] == list(range(KEEP + 1, 0, -1))
    store.write(replace(RECORD, id=KEEP + 2))
    assert len(store.headers()) == KEEP


def test_a_withdrawn_set_says_so_and_stays_readable() -> None:
    kube = FakeKube()
    store = store_with(kube, 1, 2)
    store.withdraw(2, "left for set 1 by ada")
    assert [h.withdrawn for h in store.headers()] == ["left for set 1 by ada", ""]
    assert RecordStore(kube, "ns", "staging").read(2).id == 2


def test_a_set_is_never_overwritten() -> None:
    store = store_with(FakeKube(), 1)
    with pytest.raises(AlreadyExists):
        store.write(RECORD)


def test_a_set_that_is_gone() -> None:
    with pytest.raises(TodoCloudError) as caught:
        store_with(FakeKube()).read(5)
    assert caught.value.failure.code is Code.SET_NOT_FOUND


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


@pytest.mark.parametrize("name", ["release-set-0", "release-set-01", "release-set-9999999999", "release-set-\u00b2"])
def test_names_that_no_record_has_are_passed_over(name: str) -> None:
    kube = FakeKube()
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": name, "labels": {"todo.cloud/release-set": "staging"}}})
    assert RecordStore(kube, "ns", "staging").headers() == []


def lay(kube: FakeKube, number: int, **item: Any) -> None:
    """A set that somebody else wrote."""
    body = {"metadata": {"name": f"release-set-{number}", "labels": {"todo.cloud/release-set": "staging"}}, **item}
    kube.put(CONFIG_MAP, "ns", body)


def kept(kube: FakeKube) -> set[int]:
    return {header.id for header in RecordStore(kube, "ns", "staging").headers()}


@pytest.mark.parametrize("first", [6, 1000])
@pytest.mark.parametrize("sound", [False, True])
def test_forged_sets_with_high_numbers_push_no_real_one_out(first: int, sound: bool) -> None:
    kube = FakeKube()
    store = store_with(kube, *range(1, 6))
    for number in range(first, first + 30):
        item = pack(replace(RECORD, id=number)) if sound else {}
        lay(kube, number, data=item.get("data", {}), binaryData=item.get("binaryData", {}))
    number = store.next_number(store.headers())
    store.write(replace(RECORD, id=number))
    if sound and first == 6:  # without a key nothing tells them from real ones
        assert number == first + 30
    else:
        assert {1, 2, 3, 4, 5, number} <= kept(kube)
        assert number == (first + 30 if sound or first == 6 else 6)


def test_the_next_number_follows_the_newest_set_also_a_withdrawn_one() -> None:
    kube = FakeKube()
    store = store_with(kube, 1, 2, 3)
    store.withdraw(3, "left")
    assert store.next_number(store.headers()) == 4
    assert store.next_number([]) == 1


def test_a_set_of_another_environment_is_damaged_whatever_its_label_says() -> None:
    kube = FakeKube()
    lay(kube, 1, **{key: pack(replace(RECORD, environment="local"))[key] for key in ("data", "binaryData")})
    with pytest.raises(TodoCloudError, match="it is a release set of 'local'"):
        RecordStore(kube, "ns", "staging").read(1)


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


@pytest.mark.parametrize("secret", [None, (("text",),)])
def test_a_set_that_does_not_fit_names_what_is_large(secret: Any) -> None:
    text = random.Random(1).randbytes(900_000).hex()
    big = replace(RECORD, members={"api": replace(MEMBER, values={"text": text}, secret_values=secret)})
    with pytest.raises(TodoCloudError, match="api 1757 KiB") as caught:
        check_size(big)
    assert caught.value.failure.code is Code.SET_TOO_LARGE
    check_size(RECORD)
