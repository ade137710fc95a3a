"""Where a release stands seen from a record, whether Helm can still go there, and which ones have to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.remediation import differing
from ansible_collections.todo.cloud.plugins.module_utils.deploy.restore import state_towards
from ansible_collections.todo.cloud.plugins.module_utils.deploy.restore_check import usable
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import manifest_digest
from ansible_collections.todo.cloud.plugins.module_utils.helm.state import State
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import StoredRelease, histories_of
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET
from ansible_collections.todo.cloud.plugins.module_utils.planning.snapshot import Snapshot
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Member, headers_of
from ansible_collections.todo.cloud.plugins.module_utils.records.store import RecordStore

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import MANIFEST, store
from tests.unit.plugins.module_utils.records.samples import MEMBER, RECORD

GOOD = {"todo.cloud/inputs": "good", "todo.cloud/watched": "w1", "todo.cloud/revision": "1"}


def member(uid: str, revision: int = 1, name: str = "api") -> Member:
    return replace(
        MEMBER, name=name, revision=revision, uid=uid, inputs="good", watched="w1", manifest=manifest_digest(MANIFEST)
    )


def towards(kube: FakeKube, target: Member) -> State:
    def read(name: str, revision: int) -> StoredRelease:
        return HelmReader(kube, "ns").read(name, revision)

    return state_towards(target, HelmReader(kube, "ns").history("api"), read)


def can_go(kube: FakeKube, target: Member) -> bool:
    def read(name: str, revision: int) -> StoredRelease:
        return HelmReader(kube, "ns").read(name, revision)

    return usable(target, HelmReader(kube, "ns").history("api"), read)


def test_standing_at_the_recorded_revision() -> None:
    kube = FakeKube()
    assert towards(kube, member(store(kube, labels=GOOD))) is State.VERIFIED


def test_the_same_inputs_under_a_later_revision_are_only_verified() -> None:
    kube = FakeKube()
    uid = store(kube, revision=1, status="superseded", labels=GOOD)
    store(kube, revision=2, status="failed", labels={**GOOD, "todo.cloud/revision": "2", "todo.cloud/inputs": "bad"})
    assert towards(kube, member(uid)) is State.FAILED
    store(kube, revision=3, labels=GOOD, description="Rollback to 1")
    assert towards(kube, member(uid)) is State.UNVERIFIED


def test_a_changed_secret_is_no_reason_to_go_back() -> None:
    kube = FakeKube()
    uid = store(kube, revision=1, status="superseded", labels=GOOD)
    store(kube, revision=2, labels={**GOOD, "todo.cloud/revision": "2", "todo.cloud/watched": "w2"})
    assert towards(kube, member(uid)) is State.UNVERIFIED


@pytest.mark.parametrize(("status", "state"), [("pending-upgrade", State.STUCK), ("failed", State.FAILED)])
def test_broken_histories(status: str, state: State) -> None:
    kube = FakeKube()
    uid = store(kube, revision=1, status="superseded", labels=GOOD)
    store(kube, revision=2, status=status, labels=GOOD)
    assert towards(kube, member(uid)) is state
    assert towards(FakeKube(), member(uid)) is State.ABSENT


def test_helm_can_go_back_only_to_the_very_revision_that_was_verified() -> None:
    kube = FakeKube()
    uid = store(kube, revision=1, status="superseded", labels=GOOD)
    assert can_go(kube, member(uid))
    assert not can_go(kube, member("another uid"))
    assert not can_go(kube, member(uid, revision=4)), "pruned"
    assert not can_go(kube, replace(member(uid), manifest="of something else"))


@pytest.mark.parametrize("change", [{"status": "failed"}, {"payload": "garbage", "status": "superseded"}])
def test_a_failed_or_unreadable_revision_is_no_target(change: dict[str, Any]) -> None:
    kube = FakeKube()
    assert not can_go(kube, member(store(kube, revision=1, **change)))


def test_what_has_to_go_back_is_read_from_cluster_and_records() -> None:
    kube = FakeKube()
    same = store(kube, "same", labels=GOOD)
    moved = store(kube, "moved", revision=1, status="superseded", labels=GOOD)
    store(kube, "moved", revision=2, labels={})
    store(kube, "new", labels={})
    older = store(kube, "older", revision=1, status="superseded", labels=GOOD)
    store(kube, "older", revision=2, labels={})
    records = RecordStore(kube, "ns", "staging")
    first = {"older": member(older, name="older"), "removed-since": member("u", name="removed-since")}
    records.write(replace(RECORD, id=1, members=first))
    newest = {"same": member(same, name="same"), "moved": member(moved, name="moved"), "gone": member("u", name="gone")}
    records.write(replace(RECORD, id=2, members=newest))
    items, _ = kube.list_(SECRET, "ns")
    headers = headers_of((o["metadata"] for k, o in kube.objects.items() if k[0] == "ConfigMap"), "staging")
    snapshot = Snapshot(histories_of(i["metadata"] for i in items), {}, headers, records.read(2))
    found = {t.member.name: t.record.id for t in differing(snapshot, records, None)}
    assert found == {"moved": 2, "gone": 2, "older": 1}
    assert [t.member.name for t in differing(snapshot, records, ["moved", "new"])] == ["moved"]
    records.withdraw(2, "left")
    withdrawn = headers_of((o["metadata"] for k, o in kube.objects.items() if k[0] == "ConfigMap"), "staging")
    only = differing(replace(snapshot, headers=withdrawn, newest=records.read(1)), records, ["moved", "older"])
    assert [t.member.name for t in only] == ["older"]
