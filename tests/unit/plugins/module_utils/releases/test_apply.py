"""release_apply: what it decides, writes, verifies and records."""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.authority import new_authority
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import HelmError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE, SECRET
from ansible_collections.todo.cloud.plugins.module_utils.records.rollback_target import (
    RollbackTarget,
    remember,
    remembered,
)

from tests.support.dapr_authority import first_authority
from tests.support.fake_environment import A1, A2, BAD, C1, C2, World, deployed, outcomes, two_sets
from tests.support.fake_helm import LONG_AGO, Object
from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store


def test_a_first_deployment_is_verified_and_recorded_wave_by_wave() -> None:
    world = World()
    report = world.apply({"components": C1}, {"api": A1})
    assert outcomes(report.as_result()) == {"components": "verified", "api": "verified"}
    assert (report.changed, report.set, report.as_result()["helm_calls"]) == (True, 1, 4)
    assert world.helm.commands == ["upgrade components", "upgrade api"]
    member = world.record(1).members["api"]
    assert (member.revision, member.images["Deployment/api/app"]["digest"]) == (1, "sha256:ab")


def test_the_same_again_writes_nothing_and_does_not_call_helm() -> None:
    world = deployed()
    world.kube.reads.clear()
    report = world.apply({"components": C1}, {"api": A1})
    assert ("SelfSubjectReview", "") not in world.kube.reads, "nobody is about to write"
    assert outcomes(report.as_result()) == {"components": "unchanged", "api": "unchanged"}
    assert (report.changed, report.set, report.as_result()["helm_calls"]) == (False, 1, 4)
    assert world.writes() == []


def test_what_was_not_asked_for_is_carried_forward() -> None:
    world = deployed()
    report = world.apply({"api": A2}, all_releases=("components", "api"))
    assert report.set == 2
    assert world.record(2).members["components"] == world.record(1).members["components"]
    assert world.record(2).members["api"].revision == 2


def tagged(tag: str, digest: str = "1") -> Object:
    return {"image": f"ghcr.io/t/api:{tag}@sha256:{digest * 64}"}


def test_a_new_tag_of_the_image_that_runs_restarts_nothing_and_is_recorded_with_its_commit() -> None:
    world = World()
    world.apply({"components": C1, "api": tagged("sha-1")}, commit="c1")
    world.helm.commands.clear()
    planned = world.apply({"components": C1, "api": tagged("sha-2")}, commit="c2", check=True)
    note = "api: the new tag is of the image that runs, so nothing restarts."
    assert note in planned.notes
    report = world.apply({"components": C1, "api": tagged("sha-2")}, commit="c2")
    assert outcomes(report.as_result()) == {"components": "unchanged", "api": "unchanged"}
    assert (report.set, report.notes, world.helm.commands) == (2, [note], [])
    was, now = world.record(1), world.record(2)
    assert (was.commit, now.commit) == ("c1", "c2")
    assert now.members == {**was.members, "api": replace(was.members["api"], tag="sha-2")}
    again = world.apply({"components": C1, "api": tagged("sha-2")}, commit="c2")
    assert (again.set, again.notes) == (2, [])
    world.apply({"components": C2, "api": tagged("sha-2")}, commit="c3")
    assert world.record(3).members["api"].tag == "sha-2"
    world.apply({"components": C2, "api": tagged("sha-3", "2")}, commit="c4")
    assert world.record(4).members["api"].tag == ""
    assert world.helm.commands == ["upgrade components", "upgrade api"]


def test_a_rollback_goes_past_a_set_of_what_runs_and_not_forward_to_it() -> None:
    world = World()
    for tag, digest in (("sha-1", "1"), ("sha-2", "2"), ("sha-3", "2")):
        world.apply({"api": tagged(tag, digest)}, commit=tag)
    assert (world.record(3).members["api"].tag, world.image()) == ("sha-3", tagged("sha-2", "2")["image"])
    world.rollback()
    assert world.image() == tagged("sha-1")["image"]
    with pytest.raises(TodoCloudError) as caught:
        world.rollback()
    assert caught.value.failure.code is Code.NO_VERIFIED_SET


def test_what_was_applied_and_never_verified_is_verified_without_helm() -> None:
    world = deployed()
    del world.kube.objects["ConfigMap", "ns", "release-set-1"]
    report = world.apply({"components": C1}, {"api": A1})
    assert outcomes(report.as_result()) == {"components": "verified", "api": "verified"}
    assert (report.set, world.helm.commands) == (1, [])


@pytest.mark.parametrize(("prune", "calls"), [(False, []), (True, ["uninstall api"])])
def test_what_the_inventory_no_longer_names_is_removed_only_if_asked(prune: bool, calls: list[str]) -> None:
    world = deployed()
    report = world.apply({"components": C1}, all_releases=("components",), prune=prune)
    assert world.helm.commands == calls
    assert bool(report.warnings) is not prune
    assert report.changed is prune
    note = "Removing api takes away the Dapr app id api, and its consumer group ns.api is not read any more."
    assert report.notes == [note]
    assert (note in world.lines) is prune, "said before it is done"
    assert not prune or world.lines.index(note) < world.lines.index("api: removed, it is no longer in the inventory")


def test_a_rename_is_said_before_it_is_done() -> None:
    world = deployed()
    report = world.apply({"components": C1}, {"web": A2}, all_releases=("components", "web"), check=True)
    assert report.notes[-1].startswith("web is new and has the image of api: if it was renamed, ")


def test_a_wave_that_fails_stops_those_after_it() -> None:
    world = World()
    failed = world.fails({"api": BAD}, {"components": C1})
    assert failed.failure.code is Code.CRASH_LOOP
    assert outcomes(failed.results) == {"api": "failed", "components": "kept"}
    assert world.helm.commands == ["upgrade api"]


def test_all_of_a_wave_are_written_though_one_fails() -> None:
    world = World()

    def refuse(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        raise HelmError(Failure(Code.CHART_INVALID, "no", {"release": request.name}), transient=False)

    world.helm.script = [refuse]
    failed = world.fails({"components": C1, "api": A1})
    assert failed.failure.code is Code.CHART_INVALID
    assert sorted(outcomes(failed.results).values()) == ["applied", "failed"]
    assert not [write for write in world.writes() if "release-set" in write]


def test_somebody_elses_revision_stops_the_run_and_nothing_goes_back() -> None:
    world = deployed()

    def race(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        store(kube, request.name, number, labels=request.labels)
        store(kube, request.name, number + 1)

    world.helm.script = [race]
    failed = world.fails({"api": A2})
    assert failed.failure.code is Code.FOREIGN_REVISION
    assert world.helm.commands == ["upgrade api"]


def test_a_namespace_of_another_environment_is_not_touched() -> None:
    world = World()
    world.kube.put(NAMESPACE, "", {"metadata": {"name": "ns", "labels": {"todo.cloud/environment": "production"}}})
    assert world.fails({"api": A1}).failure.code is Code.INVALID_INPUT
    assert world.writes() == []


def test_the_plan_of_a_first_deployment_says_that_the_namespace_will_be_made() -> None:
    world = World()
    del world.kube.objects["Namespace", "", "ns"]
    report = world.apply({"api": A1}, check=True)
    assert report.warnings == []
    assert "Namespace 'ns' is not there yet: the deployment of environment 'staging' makes it" in report.notes[1]
    failed = world.fails({"api": A1})
    assert failed.failure.code is Code.NOT_FOUND
    assert "deploy the environment 'staging' first" in failed.failure.message


def test_certificates_of_dapr_that_end_soon_are_told_and_then_refused() -> None:
    world = World()
    now = datetime.now(UTC).timestamp()
    world.kube.now = now + 360 * 86400  # 4 days and some hours are left
    root = new_authority(*first_authority(), now).root
    data = {"ca.crt": base64.b64encode(root.encode()).decode()}
    world.kube.put(SECRET, "dapr-system", {"metadata": {"name": "dapr-trust-bundle"}, "data": data})
    failed = world.fails({"api": A1}, dapr_refuse_below_days=7)
    assert failed.failure.code is Code.DAPR_TRUST
    assert "end in 4 days: renew them with playbooks/rotate_dapr_certificates.yml" in failed.failure.message
    assert world.writes() == []
    told = [text for text in world.apply({"api": A1}).warnings if "end in 4 days" in text]
    assert len(told) == 1
    (ahead,) = world.apply({"api": A1}, check=True).preflight
    assert ahead.code is Code.DAPR_TRUST, "a plan says it where nothing changes"


def test_a_pending_revision_of_a_dead_run_is_recovered() -> None:
    world = deployed()
    store(world.kube, "api", 2, "pending-upgrade", labels={"todo.cloud/environment": "staging"}, created=LONG_AGO)
    report = world.apply({"components": C1}, {"api": A2})
    statuses = [revision.status.value for revision in world.run().storage.history("api")]
    assert statuses == ["superseded", "failed", "deployed"]
    assert (outcomes(report.as_result())["api"], report.set) == ("verified", 2)


def test_a_pending_revision_that_may_be_a_manual_call_at_work_stops_the_run() -> None:
    world = deployed()
    store(world.kube, "api", 2, "pending-upgrade", labels={"todo.cloud/environment": "staging"})
    assert world.fails({"api": A2}).failure.code is Code.RELEASE_PENDING
    assert world.writes() == []


def test_a_rollback_that_was_begun_is_given_up_for_what_was_asked() -> None:
    world = two_sets()
    remember(world.kube, "ns", RollbackTarget(1, (), (2,), "ada@ci"))
    report = world.apply({"components": C2}, {"api": A1})
    assert report.set == 3
    assert remembered(world.kube, "ns") is None


def test_differences_are_shown_when_asked() -> None:
    world = deployed()
    report = world.apply({"components": C2}, {"api": A1}, diff=True)
    assert [entry["after_header"] for entry in report.diff] == ["components: ConfigMap/new (revision 2)"]


def test_the_requests_of_a_change_and_of_going_back_grow_slowly_with_the_number_of_releases() -> None:
    def reads(count: int) -> tuple[int, int]:
        world = World()
        names = [f"r{number}" for number in range(count)]
        for tag in ("v1", "v2"):
            world.kube.reads.clear()
            world.apply({name: {"image": f"r/x:{tag}"} for name in names})
        changed = counted(world)
        world.kube.reads.clear()
        world.rollback()
        return changed, counted(world)

    def counted(world: World) -> int:
        """Those of the lock follow from the time that a run takes."""
        return len([kind for kind, _name in world.kube.reads if kind != "Lease"])

    more, fewer = reads(12), reads(2)
    # The workload before it is tried by a dry run (the fake's own); the history with all contents before Helm's call
    # and without after it, the workload, the content before and after.
    assert (more[0] - fewer[0]) / 10 == 6
    # The same, the history and the content that was verified before it was decided how to go back.
    assert (more[1] - fewer[1]) / 10 == 8


def test_a_set_that_could_not_be_recorded_is_refused_before_the_first_write() -> None:
    world = deployed()
    big = {**A2, "text": random.Random(1).randbytes(900_000).hex()}
    (problem,) = world.apply({"components": C1}, {"api": big}, check=True).preflight
    assert (problem.code, "api 1757 KiB" in problem.message) == (Code.SET_TOO_LARGE, True)
    assert world.fails({"components": C1}, {"api": big}).failure.code is Code.SET_TOO_LARGE
    assert world.writes() == []
