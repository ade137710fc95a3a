"""Which release sets count, and which are kept."""

from __future__ import annotations

import base64
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import AlreadyExists, Unreachable
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, Resource
from ansible_collections.todo.cloud.plugins.module_utils.records import packing
from ansible_collections.todo.cloud.plugins.module_utils.records.packing import pack
from ansible_collections.todo.cloud.plugins.module_utils.records.signing import RecordKeys
from ansible_collections.todo.cloud.plugins.module_utils.records.store import KEEP, RecordStore

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.records.samples import RECORD
from tests.unit.plugins.module_utils.records.test_signing import NEW, private


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


JUNK: dict[str, dict[str, Any]] = {
    "letters": {"data": {"set.json": "A" * 1_000_000, "digest": "x"}},
    "bytes": {"binaryData": {"set.json.gz": base64.b64encode(Random(1).randbytes(780_000)).decode()}},
    "keys": {"data": {f"key-{number}": "x" * 90 for number in range(10_000)}},
    "escapes": {"data": {"set.json": "\x1b[2J\n::error::x" * 60_000, "digest": "\u202e" * 100}},
    "chart": {"binaryData": {"chart-x.tgz": "AAAA" * 250_000}},
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_a_mebibyte_of_junk_is_one_sentence_and_the_next_sound_set_serves(junk: dict[str, Any]) -> None:
    kube = FakeKube()
    store_with(kube, 1, 2)
    for number in (3, 4, 999_999_999):
        lay(kube, number, **{"data": {}, "binaryData": {}, **junk})
    said: list[str] = []
    store = RecordStore(kube, "ns", "staging")
    assert next(store.readable(damaged=said.append)).id == 2
    assert [text.partition(" is damaged")[0] for text in said] == [
        "release-set-999999999", "release-set-4", "release-set-3",
    ]  # fmt: skip
    assert all(len(text) < 200 and text.isprintable() for text in said)
    assert store.next_number(store.headers()) == 5


def test_thousands_of_junk_are_read_once_and_told_in_a_few_lines() -> None:
    kube = FakeKube()
    store_with(kube, 1)
    for number in range(2, 1002):
        lay(kube, number, data={"set.json": "junk"})
    store = RecordStore(kube, "ns", "staging")
    read: list[str] = []
    kube.before = lambda verb, resource, name: read.append(name) if verb == "get" else None  # type: ignore[method-assign]  # a test's spy
    for _snapshot in range(2):
        said: list[str] = []
        assert next(store.readable(damaged=said.append)).id == 1
        assert [text.partition(" is damaged")[0] for text in said[:-1]] == [
            f"release-set-{n}" for n in range(1001, 996, -1)
        ]
        assert said[-1] == "995 more release sets do not count."
    store.written_by(kube).write(replace(RECORD, id=store.next_number(store.headers())))
    assert sorted(read) == sorted({f"release-set-{n}" for n in range(1, 1003)})


def test_what_is_told_when_none_is_sound() -> None:
    kube = FakeKube()
    for number in range(1, 7):
        lay(kube, number)
    said: list[str] = []
    assert list(RecordStore(kube, "ns", "staging").readable(damaged=said.append)) == []
    assert said[-1] == "1 more release set does not count."


def test_a_set_that_was_deleted_since_it_was_listed_is_passed_over() -> None:
    kube = FakeKube()
    store = store_with(kube, 1, 2)
    headers = store.headers()
    kube.delete(CONFIG_MAP, "ns", "release-set-2")
    assert [record.id for record in RecordStore(kube, "ns", "staging").readable(headers)] == [1]


def test_annotations_are_read_up_to_a_limit() -> None:
    kube = FakeKube()
    lay(kube, 1)
    names = ("commit", "verified-at", "withdrawn")
    annotations = {f"todo.cloud/{name}": "x" * 80_000 for name in names}
    kube.objects["ConfigMap", "ns", "release-set-1"]["metadata"]["annotations"] = annotations
    (header,) = RecordStore(kube, "ns", "staging").headers()
    assert {len(header.commit), len(header.time), len(header.withdrawn)} == {500}


def test_nothing_that_is_not_signed_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    kube = FakeKube()
    store_with(kube, 1)
    signed = RecordStore(kube, "ns", "staging", RecordKeys.parse(private(NEW)))
    monkeypatch.setattr(packing, "load_json", lambda text: pytest.fail("parsed"))
    with pytest.raises(TodoCloudError) as caught:
        signed.read(1)
    assert caught.value.failure.code is Code.SET_UNSIGNED
