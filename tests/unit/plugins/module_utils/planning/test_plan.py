"""The plan: what each release needs and why, also after somebody called Helm manually."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.helm.state import Action, Lock, State
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import StoredRelease, histories_of
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET
from ansible_collections.todo.cloud.plugins.module_utils.planning.plan import PlanItem, make_plan, plan_release
from ansible_collections.todo.cloud.plugins.module_utils.planning.snapshot import Snapshot
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec, Watch
from ansible_collections.todo.cloud.plugins.module_utils.records.record import Member, Record
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import Target

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store

CHART = str(Path(__file__).parents[5] / "tests" / "fixtures" / "charts" / "sleeper")
WATCH = Watch("Secret", "database")


def spec(name: str = "api", **values: Any) -> ReleaseSpec:
    return ReleaseSpec.parse({"name": name, "namespace": "ns", "chart": CHART, "values": values})


def labels(of: ReleaseSpec, revision: int, version_ids: dict[Watch, str] | None = None) -> dict[str, str]:
    return of.labels(version_ids or {}, "staging", revision)


def deployment(ready: bool = True) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api", "generation": 1},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "api"}}, "template": {}},
        "status": {
            "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": int(ready),
            "availableReplicas": int(ready),
            "conditions": [{"type": "Available", "status": "True" if ready else "False"},
                           {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
        },
    }  # fmt: skip


def member(of: ReleaseSpec, revision: int, uid: str) -> Member:
    return Member(
        name=of.name, revision=revision, uid=uid, chart="sleeper", chart_version="0.1.0", chart_digest=of.chart_digest,
        local=True, inputs=of.inputs, watched="none", values=of.values,
        targets=(Target("apps/v1", "Deployment", "ns", of.name, of.name),),
    )  # fmt: skip


class World:
    """A namespace: Helm's Secrets, perhaps a record, perhaps a workload."""

    def __init__(self) -> None:
        self.kube = FakeKube()
        self.newest: Record | None = None
        self.workload: dict[str, Any] | None = deployment()
        self.pods: list[dict[str, Any]] = []
        self.version_ids: dict[Watch, str] = {}
        self.read_from_cluster = 0

    def recorded(self, *members: Member) -> World:
        named = {m.name: m for m in members}
        self.newest = Record(1, "staging", "", "", "", {}, named)
        return self

    def read(self, name: str, revision: int) -> StoredRelease:
        self.read_from_cluster += 1
        return HelmReader(self.kube, "ns").read(name, revision)

    def snapshot(self) -> Snapshot:
        items, _ = self.kube.list_(SECRET, "ns")
        workloads = {("Deployment", "api"): self.workload} if self.workload else {}
        return Snapshot(
            histories_of(item["metadata"] for item in items), self.version_ids, [], self.newest, workloads, self.pods
        )

    def plan(self, wanted: ReleaseSpec, lock: Lock = Lock.NONE) -> PlanItem:
        return plan_release(wanted, self.snapshot(), self.read, lock)


def test_nothing_there_is_installed() -> None:
    item = World().plan(spec())
    assert (item.state, item.action, item.revision) == (State.ABSENT, Action.INSTALL, 0)


def test_verified_and_well_needs_nothing_and_costs_no_request() -> None:
    world, wanted = World(), spec()
    uid = store(world.kube, labels=labels(wanted, 1))
    item = world.recorded(member(wanted, 1, uid)).plan(wanted)
    assert (item.action, item.word) == (Action.NONE, "unchanged")
    assert world.read_from_cluster == 0


def test_applied_is_not_verified() -> None:
    world, wanted = World(), spec()
    store(world.kube, labels=labels(wanted, 1))
    assert world.plan(wanted).action is Action.VERIFY


@pytest.mark.parametrize("workload", [None, deployment(ready=False)])
def test_verified_but_not_well_any_more_is_verified_again(workload: dict[str, Any] | None) -> None:
    world, wanted = World(), spec()
    uid = store(world.kube, labels=labels(wanted, 1))
    world.workload = workload
    assert world.recorded(member(wanted, 1, uid)).plan(wanted).action is Action.VERIFY


def test_verified_but_a_pod_lacks_its_sidecar_is_verified_again() -> None:
    world, wanted = World(), spec()
    uid = store(world.kube, labels=labels(wanted, 1))
    meta = {"name": "api-1", "labels": {"app": "api"}, "annotations": {"dapr.io/enabled": "true"},
            "ownerReferences": [{"kind": "ReplicaSet", "uid": "rs", "controller": True}]}  # fmt: skip
    world.pods = [{"metadata": meta, "spec": {"containers": [{"name": "app"}]}, "status": {"phase": "Running"}}]
    assert world.recorded(member(wanted, 1, uid)).plan(wanted).action is Action.VERIFY


def test_a_release_that_was_removed_and_installed_again_is_not_the_verified_one() -> None:
    world, wanted = World(), spec()
    store(world.kube, labels=labels(wanted, 1))
    assert world.recorded(member(wanted, 1, "uid of the one before")).plan(wanted).action is Action.VERIFY


def test_what_differs_is_named_and_only_images_with_their_values() -> None:
    world, was = World(), spec(image="r/api:1", text="canary", extra={"a": 1})
    config = {"image": "r/api:1", "text": "canary", "extra": {"a": 1}}
    store(world.kube, labels=labels(was, 1), config=config)
    item = world.plan(spec(image="r/api:2", text="other", extra={"a": 2}))
    assert item.action is Action.UPGRADE
    assert item.changes == ("values extra.a", "image r/api:1 -> r/api:2", "values text")


def test_a_chart_changed_under_the_same_version_is_named() -> None:
    world, wanted = World(), spec()
    store(
        world.kube, labels={**labels(wanted, 1), "todo.cloud/chart": "0" * 40, "todo.cloud/inputs": "0" * 40}, config={}
    )
    assert world.plan(wanted).changes == ("chart service 0.1.0",)


def test_a_changed_watched_secret_is_named() -> None:
    world = World()
    raw = {"name": "api", "namespace": "ns", "chart": CHART, "watches": [{"kind": "Secret", "name": "database"}]}
    wanted = ReleaseSpec.parse(raw)
    config = wanted.helm_values({WATCH: "old"})
    store(world.kube, labels=labels(wanted, 1, {WATCH: "old"}), config=config)
    world.version_ids = {WATCH: "old"}
    assert world.plan(wanted).action is Action.VERIFY
    world.version_ids = {WATCH: "new"}
    item = world.plan(wanted)
    assert (item.action, item.changes) == (Action.UPGRADE, ("Secret/database",))


def test_a_manual_upgrade_copies_our_labels_but_is_seen() -> None:
    world, wanted = World(), spec()
    store(world.kube, revision=1, status="superseded", labels=labels(wanted, 1))
    store(world.kube, revision=2, labels=labels(wanted, 1), description="Upgrade complete", config={"text": "manual"})
    item = world.plan(wanted)
    assert (item.state, item.action) == (State.MANUAL, Action.UPGRADE)
    assert "changed manually: Upgrade complete" in item.changes


def test_a_release_that_was_never_ours_is_manual() -> None:
    world = World()
    store(world.kube, revision=1)
    assert world.plan(spec()).state is State.MANUAL


def test_after_a_rollback_the_inputs_are_those_of_the_revision_it_went_back_to() -> None:
    world, old, new = World(), spec(text="old"), spec(text="new")
    store(world.kube, revision=1, status="superseded", labels=labels(old, 1))
    store(world.kube, revision=2, status="superseded", labels=labels(new, 2))
    store(world.kube, revision=3, labels=labels(old, 1), description="Rollback to 1")
    assert world.plan(old).action is Action.VERIFY
    assert world.plan(new).action is Action.UPGRADE


def test_a_rollback_to_a_rollback_is_followed_and_one_to_a_manual_revision_is_not_trusted() -> None:
    world, old = World(), spec(text="old")
    store(world.kube, revision=1, status="superseded", labels=labels(old, 1))
    store(world.kube, revision=3, status="superseded", labels=labels(old, 1), description="Rollback to 1")
    store(world.kube, revision=5, labels=labels(old, 1), description="Rollback to 3")
    assert world.plan(old).action is Action.VERIFY
    manual = World()
    store(manual.kube, revision=2, status="superseded", labels=labels(old, 1), description="Upgrade complete")
    store(manual.kube, revision=3, labels=labels(old, 1), description="Rollback to 2")
    assert manual.plan(old).state is State.MANUAL


@pytest.mark.parametrize(("lock", "action"), [(Lock.OTHER_ALIVE, Action.REFUSE), (Lock.MINE, Action.RECOVER)])
def test_a_stuck_release(lock: Lock, action: Action) -> None:
    world, wanted = World(), spec()
    store(world.kube, status="pending-upgrade", labels=labels(wanted, 1))
    assert world.plan(wanted, lock).action is action


def test_a_failed_revision_is_upgraded_even_with_the_same_inputs() -> None:
    world, wanted = World(), spec(text="x")
    store(world.kube, revision=1, status="failed", labels=labels(wanted, 1), config={"text": "x"})
    item = world.plan(wanted)
    assert (item.action, item.changes) == (Action.UPGRADE, ("revision 1 is failed",))


def test_an_unreadable_newest_revision_is_quarantined() -> None:
    world, wanted = World(), spec()
    store(world.kube, revision=1, payload="garbage")
    assert world.plan(wanted).action is Action.QUARANTINE


def test_only_what_this_environment_installed_and_the_inventory_dropped_is_to_be_removed() -> None:
    world, api = World(), spec()
    store(world.kube, "api", labels=labels(api, 1))
    store(world.kube, "old", labels={"todo.cloud/environment": "staging"})
    store(world.kube, "theirs", labels={})
    store(world.kube, "limited", labels={"todo.cloud/environment": "staging"})
    store(world.kube, "gone", status="uninstalled", labels={"todo.cloud/environment": "staging"})

    def removed(*known: str) -> list[str]:
        plan = make_plan([api], known, "staging", world.snapshot(), world.read, Lock.NONE)
        return [item.name for item in plan if item.action is Action.UNINSTALL]

    assert removed("api", "limited") == ["old"]
    assert removed() == [], "without the names of all releases nothing is superfluous"
