"""Secret values of a release set stand in a Secret beside it, and come back from there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, SECRET, Resource
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Record
from ansible_collections.todo.cloud.plugins.module_utils.records.secret_values import path_text
from ansible_collections.todo.cloud.plugins.module_utils.records.store import KEEP, RecordStore

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.records.samples import MEMBER, RECORD

CANARY = "hunter2-canary"
PATHS = (("auth", "password"), ("users", 1, "token"))
VALUES = {"auth": {"password": CANARY, "user": "app"}, "users": [{"token": ""}, {"token": CANARY}], "n": 1}
WITH_SECRETS = replace(
    RECORD,
    members={"api": MEMBER, "db": replace(MEMBER, name="db", values=VALUES, secret_values=PATHS, input_key="k1")},
)


def written(record: Record = WITH_SECRETS) -> tuple[FakeKube, RecordStore]:
    kube = FakeKube()
    store = RecordStore(kube, "ns", "staging")
    store.write(record)
    return kube, RecordStore(kube, "ns", "staging")


def secret(kube: FakeKube, number: int = 1) -> dict[str, Any]:
    return kube.objects["Secret", "ns", f"release-set-{number}"]


def test_the_config_map_holds_no_secret_value_and_no_digest_that_could_be_tried() -> None:
    kube, _store = written()
    text = json.dumps(kube.objects["ConfigMap", "ns", "release-set-1"])
    assert CANARY not in text
    assert secret(kube)["immutable"] is True
    assert secret(written()[0])["data"]["salt"] != secret(kube)["data"]["salt"]


def test_the_record_comes_back_with_its_secret_values() -> None:
    _kube, store = written()
    record = store.read(1)
    assert replace(record, secret_digest="") == WITH_SECRETS


def test_a_record_without_secret_values_is_as_it_always_was() -> None:
    kube, _store = written(RECORD)
    content = json.loads(kube.objects["ConfigMap", "ns", "release-set-1"]["data"]["set.json"])
    assert "secret_digest" not in content
    assert not {"input_key", "secret_values", "incomplete"} & content["members"]["api"].keys()
    assert ("Secret", "ns", "release-set-1") not in kube.objects


def test_another_secret_is_damage() -> None:
    kube, store = written()
    kube.objects["Secret", "ns", "release-set-1"]["data"] = secret(written()[0])["data"]
    with pytest.raises(TodoCloudError) as caught:
        store.read(1)
    assert caught.value.failure.code is Code.SET_DAMAGED
    assert CANARY not in caught.value.failure.message


def test_without_its_secret_a_record_can_be_read_but_its_member_is_incomplete() -> None:
    kube, store = written()
    del kube.objects["Secret", "ns", "release-set-1"]
    members = store.read(1).members
    assert members["db"].incomplete
    assert members["db"].values["auth"] == {"password": None, "user": "app"}
    assert not members["api"].incomplete
    store.write(replace(store.read(1), id=2))
    assert RecordStore(kube, "ns", "staging").read(2).members["db"].incomplete


def test_who_may_not_read_secrets_reads_the_record() -> None:
    class Strict(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            if verb == "get" and resource is SECRET:
                raise Forbidden("no", 403)

    kube, _store = written()
    strict = Strict()
    strict.objects = kube.objects
    assert RecordStore(strict, "ns", "staging").read(1).members["db"].incomplete


def test_old_secrets_go_with_their_records() -> None:
    kube, store = written()
    owner = secret(kube)["metadata"]["ownerReferences"][0]
    assert owner["uid"] == kube.objects["ConfigMap", "ns", "release-set-1"]["metadata"]["uid"]
    for number in range(2, KEEP + 3):
        store.write(replace(WITH_SECRETS, id=number))
    left = sorted(name for kind, _, name in kube.objects if kind == "Secret")
    assert left == sorted(f"release-set-{number}" for number in range(3, KEEP + 3))


def test_the_secret_of_a_killed_run_is_replaced() -> None:
    kube, store = written()
    del kube.objects["ConfigMap", "ns", "release-set-1"]
    store.write(WITH_SECRETS)
    assert RecordStore(kube, "ns", "staging").read(1).members["db"].values == VALUES


def test_the_secret_of_another_runs_record_stays() -> None:
    kube, store = written()
    with pytest.raises(TodoCloudError) as caught:
        store.write(WITH_SECRETS)
    assert caught.value.failure.code is Code.ALREADY_EXISTS
    assert not RecordStore(kube, "ns", "staging").read(1).members["db"].incomplete


def test_paths_are_written_as_people_write_them() -> None:
    assert [path_text(path) for path in PATHS] == ["auth.password", "users[1].token"]


def test_the_config_map_is_listed_not_the_secret() -> None:
    kube, store = written()
    assert [header.id for header in store.headers()] == [1]
    assert kube.list_(CONFIG_MAP, "ns")[0]
