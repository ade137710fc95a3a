"""Small parts of the engine: snapshot, report, intention, images, old pods, status, info."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.dependency import old_pods
from ansible_collections.todo.cloud.plugins.module_utils.deploy.report import Outcome, Report, Row, columns
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.state import Action, State
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import CONFIG_MAP, DEPLOYMENT, POD, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.planning.plan import PlanItem
from ansible_collections.todo.cloud.plugins.module_utils.planning.snapshot import image_digest, mark, take
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import Watch
from ansible_collections.todo.cloud.plugins.module_utils.records.record import RecordStore
from ansible_collections.todo.cloud.plugins.module_utils.records.rollback_target import (
    NAME,
    RollbackTarget,
    forget,
    remember,
    remembered,
)
from ansible_collections.todo.cloud.plugins.module_utils.releases.info import releases_info
from ansible_collections.todo.cloud.plugins.module_utils.releases.status import set_info

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store
from tests.unit.plugins.module_utils.planning.test_plan import deployment
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


def test_a_mark_changes_with_every_write_and_with_the_object_and_tells_nothing() -> None:
    first = mark({"uid": "u", "resourceVersion": "1"})
    assert len({first, mark({"uid": "u", "resourceVersion": "2"}), mark({"uid": "v", "resourceVersion": "1"})}) == 3
    assert first == mark({"uid": "u", "resourceVersion": "1", "annotations": {"x": "y"}})


def test_watched_objects_are_marked_and_damaged_records_passed_over() -> None:
    kube = FakeKube()
    kube.put(SECRET, "ns", {"metadata": {"name": "database"}})
    records = RecordStore(kube, "ns", "staging")
    records.write(RECORD)
    records.write(replace(RECORD, id=2))
    kube.objects["ConfigMap", "ns", "release-set-2"]["data"]["digest"] = "0"
    watch = Watch("Secret", "database")
    found = take(kube, RecordStore(kube, "ns", "staging"), "ns", "staging", [watch])
    assert watch in found.marks
    assert found.newest is not None
    assert found.newest.id == 1
    assert "release-set-2 is damaged" in found.warnings[0]


def test_intention() -> None:
    kube = FakeKube()
    assert remembered(kube, "ns") is None
    assert forget(kube, "ns") == ""
    for number in (3, 2):
        goal = RollbackTarget(number, ("api",), (4, 5), "ada@ci")
        remember(kube, "ns", goal)
        assert remembered(kube, "ns") == goal
    assert "release set 2, begun by ada@ci" in forget(kube, "ns")
    assert remembered(kube, "ns") is None
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": NAME}, "data": {"target.json": "{}"}})
    assert remembered(kube, "ns") is None


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


def test_the_table_stands_in_columns_and_a_failure_carries_everything() -> None:
    report = Report(
        rows={
            "api": Row("api", "upgrade", 3, 4, 5, Outcome.RESTORED, "crash_loop, back at set 2"),
            "b": Row("b", "install", 0),
        }
    )
    assert report.table() == [
        "release  action   was  tried  now  outcome",
        "api      upgrade  3    4      5    restored: crash_loop, back at set 2",
        "b        install  -    -      -    kept",
    ]
    error = report.fail(Failure(Code.CRASH_LOOP, "it crashes"))
    assert error.results["releases"][0]["to"] == 5
    assert (
        report.rows["api"].told() == "api: upgrade, was revision 3, tried 4, now 5: restored: crash_loop, back at set 2"
    )
    assert columns([("a", "b")]) == ["a  b"]


def test_in_check_mode_the_table_is_the_plan() -> None:
    plan = [
        PlanItem("api", State.OUTDATED, Action.UPGRADE, 3, ("image r/api:1 -> r/api:2", "values replicas")),
        PlanItem("door", State.VERIFIED, Action.NONE, 2),
        PlanItem("new", State.ABSENT, Action.INSTALL, 0),
        PlanItem("proof", State.UNVERIFIED, Action.VERIFY, 5),
        PlanItem("old", State.VERIFIED, Action.UNINSTALL, 7),
        PlanItem("hung", State.STUCK, Action.RECOVER, 4),
        PlanItem("taken", State.BUSY, Action.REFUSE, 4),
    ]
    assert Report(plan=plan, predicted=True).table() == [
        "release  plan       revision  why",
        "api      change     3 -> 4    image r/api:1 -> r/api:2; values replicas",
        "door     unchanged  2",
        "new      new        - -> 1    not installed",
        "proof    verify     5         applied as asked, not proved",
        "old      remove     7 -> -    the inventory names it no more",
        "hung     stuck      4 -> 5    a run died over it: its revision is marked failed, then it is applied again",
        "taken    busy       4         another run is at work on it",
        "1 to change, 1 new, 1 to verify, 1 to remove, 1 stuck, 1 busy, 1 unchanged",
    ]
    assert Report(predicted=True).table() == ["no releases"]
    assert plan[0].as_result()["kind"] == "change"


def replica_set(name: str, revision: str) -> dict[str, Any]:
    return {"metadata": {
        "name": name, "labels": {"pod-template-hash": name}, "ownerReferences": [{"uid": "d"}],
        "annotations": {"deployment.kubernetes.io/revision": revision},
    }}  # fmt: skip


def test_old_pods_are_those_of_earlier_replica_sets() -> None:
    owner = {
        "metadata": {"uid": "d", "annotations": {"deployment.kubernetes.io/revision": "2"}},
        "spec": {"selector": {"matchLabels": {"app": "x"}}},
    }
    pods = [
        {"metadata": {"name": f"{h}-{n}", "labels": {"app": "x", "pod-template-hash": h}, **more}}
        for h, n, more in [("old", 1, {}), ("old", 2, {"deletionTimestamp": "t"}), ("new", 1, {})]
    ]
    sets = [replica_set("old", "1"), replica_set("new", "2")]
    assert [p["metadata"]["name"] for p in old_pods(owner, sets, pods)] == ["old-1"]


def test_status_of_an_environment() -> None:
    kube = FakeKube()
    uid = store(kube, revision=3, labels={"todo.cloud/environment": "staging"})
    store(kube, "loose", labels={"todo.cloud/environment": "staging"})
    RecordStore(kube, "ns", "staging").write(
        replace(RECORD, members={"api": replace(MEMBER, uid=uid), "lost": replace(MEMBER, name="lost")})
    )
    kube.put(DEPLOYMENT, "ns", {k: v for k, v in deployment().items() if k != "kind"})
    container = {"name": "app", "image": "r/api:1"}
    kube.put(POD, "ns", {
        "metadata": {"name": "api-1", "labels": {"app": "api"}}, "spec": {"containers": [container]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                   "containerStatuses": [{"name": "app", "imageID": "r/api@sha256:1", "restartCount": 2}]},
    })  # fmt: skip
    info = set_info(kube, "ns", "staging", status=True)  # type: ignore[arg-type]  # a fake session
    api, loose, lost = (info["status"][name] for name in ("api", "loose", "lost"))
    assert (api["verified"], api["replicas"], api["restarts"], api["sidecars"]) == (True, "1/1", 2, "-")
    assert (api["images"], api["digests"], api["state"]) == (["r/api:1"], {"app": "sha256:1"}, "Current")
    assert (loose["verified"], loose["by_hand"]) == (False, True)
    assert (lost["status"], lost["state"]) == ("absent", "NotFound")
    assert api.keys() == loose.keys() == lost.keys()
    assert info["current"] == 0, "a member is missing"
    assert info["lock"]["held"] is False


def test_sets_can_be_asked_for() -> None:
    kube = FakeKube()
    records = RecordStore(kube, "ns", "staging")
    for number in (1, 2):
        records.write(replace(RECORD, id=number))
    records.withdraw(2, "left")

    def sets(**options: Any) -> list[dict[str, Any]]:
        return list(set_info(kube, "ns", "staging", **options)["sets"])  # type: ignore[arg-type]  # a fake session

    assert [each["id"] for each in sets()] == [2, 1]
    assert [each["id"] for each in sets(verified_only=True)] == [1]
    assert sets(at="1")[0]["releases"]["api"]["revision"] == 3
    with pytest.raises(TodoCloudError, match="no release set"):
        sets(at="9")


def test_info_of_releases_shows_no_values() -> None:
    kube = FakeKube()
    store(kube, revision=1, status="superseded")
    store(kube, revision=2, config={"password": "canary"})
    store(kube, "bad", payload="garbage")
    found = releases_info(kube, "ns")  # type: ignore[arg-type]  # a fake session
    assert [each["name"] for each in found] == ["api", "bad"]
    assert found[0]["history"] == [{"revision": 1, "status": "superseded"}, {"revision": 2, "status": "deployed"}]
    assert found[0]["by_hand"] is True
    assert found[1]["status"] == "corrupt"
    assert "canary" not in str(found)
    assert releases_info(kube, "ns", "none") == []  # type: ignore[arg-type]  # a fake session
