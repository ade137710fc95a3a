"""Signed release sets: only they count once there is a key."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.todo.cloud.plugins.module_utils.planning.promotion import Terms, choose
from ansible_collections.todo.cloud.plugins.module_utils.records.packing import _digest, pack
from ansible_collections.todo.cloud.plugins.module_utils.records.signing import RecordKeys, statement
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.settings import settings_from
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.support.fake_environment import World, two_sets
from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.records.samples import RECORD

OLD, NEW, OTHER = (Ed25519PrivateKey.generate() for _ in range(3))


def private(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return str(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode())


def public(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def store(
    kube: FakeKube, key: Any = None, *public_keys: Any, where: tuple[str, str] = ("ns", "staging")
) -> RecordStore:
    keys = RecordKeys.parse(private(key) if key else None, [public(each) for each in public_keys])
    return RecordStore(kube, *where, keys)


def read(store: RecordStore, number: int = 1) -> Code | None:
    try:
        assert store.read(number).signed is store._keys.required
    except TodoCloudError as exc:
        return exc.failure.code
    return None


def test_what_is_signed_is_read_and_an_environment_without_a_key_reads_it_too() -> None:
    kube = FakeKube()
    store(kube, NEW).write(RECORD)
    assert read(store(kube, NEW)) is None
    assert read(store(kube, None, NEW)) is None
    assert read(store(kube)) is None


def test_once_there_is_a_key_unsigned_sets_and_those_of_other_keys_do_not_count() -> None:
    kube = FakeKube()
    store(kube).write(RECORD)
    store(kube, OTHER).write(replace(RECORD, id=2))
    assert [read(store(kube, NEW), number) for number in (1, 2)] == [Code.SET_UNSIGNED] * 2
    warnings: list[str] = []
    assert list(store(kube, NEW).readable(damaged=warnings.append)) == []
    assert "release-set-2 does not count" in warnings[0]


def test_keys_are_changed_with_two_of_them() -> None:
    kube = FakeKube()
    store(kube, OLD).write(RECORD)
    assert read(store(kube, NEW)) is Code.SET_UNSIGNED
    assert read(store(kube, NEW, OLD)) is None
    store(kube, NEW, OLD).write(replace(RECORD, id=2))
    assert read(store(kube, NEW), 2) is None


@pytest.mark.parametrize("where", ["content", "number", "environment", "namespace", "chart", "signature"])
def test_a_signature_is_of_this_set_only(where: str) -> None:
    kube, there = FakeKube(), "ns"
    store(kube, NEW).write(RECORD)
    item = kube.get(CONFIG_MAP, "ns", "release-set-1")
    data, number, environment = item["data"], 1, "staging"
    match where:
        case "content":
            data["set.json"] = data["set.json"].replace('"ada@ci"', '"eve@ci"')
        case "number":
            number = 2
            data["set.json"] = json.dumps({**json.loads(data["set.json"]), "id": 2})
        case "environment":
            environment = "production"
            data["set.json"] = json.dumps({**json.loads(data["set.json"]), "environment": environment})
        case "namespace":
            there = "other"
        case "chart":
            (name,) = item["binaryData"]
            item["binaryData"][name] = base64.b64encode(b"another chart").decode()
        case "signature":
            data["signature"] = base64.b64encode(b"x" * 64).decode()
    data["digest"] = _digest(data["set.json"], item["binaryData"])
    kube.put(CONFIG_MAP, there, {**item, "metadata": {**item["metadata"], "name": f"release-set-{number}"}})
    assert read(store(kube, NEW, where=(there, environment)), number) is Code.SET_UNSIGNED


def test_forged_sets_neither_serve_nor_count_nor_push_real_ones_out() -> None:
    kube = FakeKube()
    mine = store(kube, NEW)
    for number in range(1, 6):
        mine.write(replace(RECORD, id=number))
    for number in range(6, 40):
        body = pack(replace(RECORD, id=number, who="eve"))
        kube.put(CONFIG_MAP, "ns", body)
    headers = store(kube, NEW).headers()
    assert next(iter(store(kube, NEW).readable(headers))).id == 5
    assert store(kube, NEW).next_number(headers) == 40
    store(kube, NEW).write(replace(RECORD, id=40))
    assert {1, 2, 3, 4, 5, 40} <= {header.id for header in mine.headers()}


def test_a_promotion_takes_signed_sets_only_where_the_public_key_is_known() -> None:
    kube = FakeKube()
    store(kube, NEW).write(RECORD)
    store(kube).write(replace(RECORD, id=2, commit="feedfeed"))
    assert choose(store(kube, None, NEW), Terms("staging")).id == 1
    assert choose(store(kube), Terms("staging")).id == 2
    with pytest.raises(TodoCloudError) as caught:
        choose(store(kube, None, OTHER), Terms("staging"))
    assert caught.value.failure.details["reason"] == "unverified"


def test_an_environment_begins_to_sign_with_its_next_deployment() -> None:
    world = two_sets()
    keys = RecordKeys.parse(private(NEW))
    with pytest.raises(TodoCloudError) as caught:
        world.rollback(record_keys=keys)
    assert caught.value.failure.code is Code.NO_VERIFIED_SET
    assert world.writes() == []
    signing = World(kube=world.kube, settings=replace(world.settings, record_keys=keys))
    report = signing.apply(
        {"components": {"component": "pubsub", "maps": ["new"]}}, {"api": {"image": "r/api:v2.0.0", "dapr": True}}
    )
    assert [row.action for row in report.rows.values()] == ["verify", "verify"]
    assert signing.run().records.read(report.set).signed


LOCKED = NEW.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
BROKEN = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    ["x", BROKEN, private(ec.generate_private_key(ec.SECP256R1())), public(NEW), LOCKED, "ssh-ed25519 A", "\ud800"],
)
def test_what_is_no_private_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(TodoCloudError) as caught:
        RecordKeys.parse(text)
    assert caught.value.failure.code is Code.INVALID_INPUT
    assert caught.value.failure.message.startswith("record_key does not hold an Ed25519 private key")


@pytest.mark.parametrize("text", ["", "x", BROKEN, private(NEW), "ssh-ed25519 A", "ssh-rsa AAAA", "\ud800"])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(TodoCloudError, match="record_public_keys does not hold Ed25519 public keys"):
        RecordKeys.parse(None, [text])


def test_keys_of_openssh() -> None:
    ssh = NEW.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    keys = RecordKeys.parse(private(NEW, PrivateFormat.OpenSSH))
    content = statement("ns", "staging", 1, "{}", {})
    assert RecordKeys.parse(None, [f"{ssh} ada@ci"]).accept(content, keys.sign(content))
    assert not RecordKeys.parse(None, [public(OTHER)]).accept(content, keys.sign(content))


def test_a_run_that_could_not_sign_what_it_verifies_does_not_begin() -> None:
    params = {"environment": "staging", "namespace": "ns", "record_public_keys": [public(NEW)], "history_max": 40}
    module = SimpleNamespace(params=params, check_mode=False, _diff=False, ansible_version="2.19")
    with pytest.raises(TodoCloudError, match="record_key is missing"):
        settings_from(module)
