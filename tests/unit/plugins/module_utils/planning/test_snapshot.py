"""What an environment is read as: few requests, version ids of watched objects, the newest record that is whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET
from ansible_collections.todo.cloud.plugins.module_utils.planning.snapshot import image_digest, take, version_id
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import Watch
from ansible_collections.todo.cloud.plugins.module_utils.records.record import RecordStore

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store
from tests.unit.plugins.module_utils.records.test_record import MEMBER, RECORD


def test_the_number_of_requests_does_not_grow_with_the_number_of_releases() -> None:
    def reads(count: int) -> int:
        kube = FakeKube()
        members = {}
        for n in range(count):
            uid = store(kube, f"r{n}")
            members[f"r{n}"] = replace(MEMBER, name=f"r{n}", revision=1, uid=uid)
        records = RecordStore(kube, "ns", "staging")
        records.write(replace(RECORD, members=members))
        kube.reads.clear()
        take(kube, RecordStore(kube, "ns", "staging"), "ns", "staging", ())
        return len(kube.reads)

    assert reads(1) == reads(30) == 5


def test_a_version_id_changes_with_every_write_and_with_the_object_and_reveals_nothing() -> None:
    first = version_id({"uid": "u", "resourceVersion": "1"})
    assert (
        len({first, version_id({"uid": "u", "resourceVersion": "2"}), version_id({"uid": "v", "resourceVersion": "1"})})
        == 3
    )
    assert first == version_id({"uid": "u", "resourceVersion": "1", "annotations": {"x": "y"}})


def test_watched_objects_get_version_ids_and_damaged_records_passed_over() -> None:
    kube = FakeKube()
    kube.put(SECRET, "ns", {"metadata": {"name": "database"}})
    records = RecordStore(kube, "ns", "staging")
    records.write(RECORD)
    records.write(replace(RECORD, id=2))
    kube.objects["ConfigMap", "ns", "release-set-2"]["data"]["digest"] = "0"
    watch = Watch("Secret", "database")
    found = take(kube, RecordStore(kube, "ns", "staging"), "ns", "staging", [watch])
    assert watch in found.version_ids
    assert found.newest is not None
    assert found.newest.id == 1
    assert "release-set-2 is damaged" in found.warnings[0]


@pytest.mark.parametrize(
    ("image_id", "digest"),
    [
        ("docker-pullable://ghcr.io/x/y@sha256:ab", "sha256:ab"),
        ("ghcr.io/x/y@sha256:ab", "sha256:ab"),
        ("docker://sha256:ab", ""),  # an ID of the node, not a digest of a registry
        ("sha256:ab", ""),
        ("", ""),
    ],
)
def test_image_ids_of_all_runtimes_become_the_same_digest(image_id: str, digest: str) -> None:
    assert image_digest(image_id) == digest
