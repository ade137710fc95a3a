"""What an inventory would change of a published release set; only one that is sound, and signed where it has to be."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Member, Record
from ansible_collections.todo.cloud.plugins.module_utils.records.signing import RecordKeys
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.releases.compare import compare

from tests.schemas import check_result
from tests.support.fake_kube import FakeKube
from tests.unit.ansible_runs import TOP
from tests.unit.plugins.module_utils.records.samples import MEMBER, RECORD
from tests.unit.plugins.module_utils.records.test_signing import NEW, OTHER, private, public

CHART = str(TOP / "charts/service")
VALUES = {"image": f"ghcr.io/t/api:v1.0.0@sha256:{'1' * 64}", "replicas": 2, "env": {"LEVEL": "info"}, "key": "secret"}


def release(name: str = "api", **values: Any) -> dict[str, Any]:
    given = {**VALUES, "image": "ghcr.io/t/api:v2.0.0", "key": "other", **values}
    return {"name": name, "namespace": "ns", "chart": CHART, "values": given}


def published(*members: Member, key: str | None = None, **record: Any) -> str:
    """The ConfigMap as JSON."""
    kube = FakeKube()
    RecordStore(kube, "ns", "production", RecordKeys.parse(key)).write(whole(*members, **record))
    return json.dumps(kube.objects["ConfigMap", "ns", "release-set-1"])


def whole(*members: Member, **record: Any) -> Record:
    return replace(RECORD, environment="production", members={each.name: each for each in members}, **record)


def member(name: str = "api", **more: Any) -> Member:
    digest = ReleaseSpec.parse(release()).chart_digest
    values = {"values": VALUES, "chart_digest": digest, "watches": (), "secret_values": (("key",),)}
    return replace(MEMBER, name=name, **{**values, **more})


def compared(record: str, *waves: dict[str, Any], keys: tuple[str, ...] = ()) -> dict[str, Any]:
    known = {"environment": "production", "namespace": "ns", "record_public_keys": list(keys)}
    found = compare({"record": record, "waves": [list(waves)], "all_releases": [], **known})
    check_result("release_compare", {"changed": False, **found})
    return found


def test_another_image_or_secret_value_is_no_change() -> None:
    found = compared(published(member()), release())
    assert [(each["name"], each["kind"]) for each in found["plan"]] == [("api", "unchanged")]
    assert found["set"] == {"id": 1, "commit": "0123abcd", "time": RECORD.time, "signed": False}
    assert any("not signed" in note for note in found["notes"])
    assert "secret" not in json.dumps(found["plan"])


def test_what_changes() -> None:
    other = member("web", chart_digest="x" * 40, rollback_floor="1.0.0", watches=(("Secret", "old"),))
    gone, ran = member("gone"), member("api-migration", migration="api")
    waves = release(replicas=3, env={"LEVEL": "debug"}), release("web"), release("new")
    found = compared(published(member(), other, gone, ran), *waves)
    assert {each["name"]: (each["kind"], each["changes"]) for each in found["plan"]} == {
        "api": ("change", ["values env.LEVEL", "replicas 2 -> 3"]),
        "web": ("change", ["chart service", "rollback_floor 1.0.0 -> none", "watches Secret/old"]),
        "new": ("new", []),
        "gone": ("remove", []),
    }
    assert found["table"][-1] == "2 to change, 1 new, 1 to remove"
    elsewhere = compared(published(member()), release(image="quay.io/t/api:v2"))
    assert elsewhere["plan"][0]["changes"] == ["values image"], "another repository is told of"


def test_only_a_sound_set_of_the_environment_counts() -> None:
    signed = published(member(), key=private(NEW))
    assert compared(signed, release(), keys=(public(NEW),))["set"]["signed"] is True
    damaged = signed.replace("LEVEL", "LEVER")
    for record, keys, code in (
        (published(member()), (public(NEW),), Code.SET_UNSIGNED),
        (signed, (public(OTHER),), Code.SET_UNSIGNED),
        (damaged, (), Code.SET_DAMAGED),
        ("no JSON", (), Code.SET_DAMAGED),
        ("[]", (), Code.SET_DAMAGED),
        ('{"metadata": {"name": "else"}}', (), Code.SET_DAMAGED),
    ):
        with pytest.raises(TodoCloudError) as caught:
            compared(record, release(), keys=keys)
        assert caught.value.failure.code is code
    kube = FakeKube()
    RecordStore(kube, "ns", "staging").write(replace(whole(member()), environment="staging"))
    staging = json.dumps(kube.objects[CONFIG_MAP.kind, "ns", "release-set-1"])
    with pytest.raises(TodoCloudError, match="staging"):
        compared(staging, release())
