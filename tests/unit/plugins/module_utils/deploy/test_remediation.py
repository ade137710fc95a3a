"""When a wave fails: what is kept, what goes back, what is recorded then."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import HelmError, killed
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Unreachable
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import Resource
from ansible_collections.todo.cloud.plugins.module_utils.live_lines import Retold
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnFailure

from tests.support.fake_environment import A1, A2, BAD, C1, C2, Strict, World, deployed, outcomes, strict, two_sets
from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store


def refuse(kube: FakeKube, request: ApplyRequest, number: int) -> None:
    """A Helm call that fails before it has written anything."""
    raise HelmError(Failure(Code.CHART_INVALID, "api: no.", {"release": request.name}), transient=False)


def test_held_everything_stays_for_a_look() -> None:
    world = deployed()
    failed = world.fails({"components": C2}, {"api": BAD}, on_failure=OnFailure.HOLD)
    assert failed.failure.code is Code.CRASH_LOOP
    assert outcomes(failed.results) == {"components": "verified", "api": "failed"}
    assert world.helm.commands == ["upgrade components", "upgrade api"]
    assert failed.results["set"] == 1


def test_what_the_end_tells_in_full_has_a_short_line_before() -> None:
    world = deployed()
    world.fails({"components": C2}, {"api": BAD}, on_failure=OnFailure.SET)
    retold = [(line.partition(":")[0], line.of) for line in world.lines if isinstance(line, Retold)]
    failed, rows = retold[:2], retold[2:]
    assert failed == [("api failed", "api"), ("failed", "api")]
    assert rows == [("components", ""), ("api", "")], "the table has them"


def test_the_release_goes_back_and_the_green_ones_are_recorded() -> None:
    world = deployed()
    failed = world.fails({"components": C2}, {"api": BAD}, on_failure=OnFailure.RELEASE)
    assert outcomes(failed.results) == {"components": "verified", "api": "restored"}
    assert world.helm.commands == ["upgrade components", "upgrade api", "rollback api"]
    assert (failed.results["set"], world.image()) == (2, "r/api:v1.0.0")
    members = world.record(2).members
    assert (members["components"].revision, members["api"].revision) == (2, 3)


def test_the_whole_set_goes_back_components_first() -> None:
    world = deployed()
    failed = world.fails({"components": C2}, {"api": BAD}, on_failure=OnFailure.SET)
    assert outcomes(failed.results) == {"components": "restored", "api": "restored"}
    assert world.helm.commands[2:] == ["rollback components", "rollback api"]
    record = world.record(2)
    assert (failed.results["set"], record.restored_from) == (2, 1)
    assert failed.failure.message.endswith("back at what was verified (release set 1, recorded anew as 2).")
    assert {row["detail"].rpartition(", ")[2] for row in failed.results["releases"]} == {"back at set 1"}
    assert {name: member.inputs for name, member in record.members.items()} == {
        name: member.inputs for name, member in world.record(1).members.items()
    }


@pytest.mark.parametrize(
    ("status", "end"), [("True", "; pods that are ready go on serving."), ("False", "; no pod of api is ready.")]
)
def test_held_it_is_said_whether_anything_serves(status: str, end: str) -> None:
    """With the strategy Recreate, for one, no old pod is left."""
    world = deployed()
    world.helm.script = [refuse]
    pod = next(item for key, item in world.kube.objects.items() if key[0] == "Pod")
    pod["status"]["conditions"] = [{"type": "Ready", "status": status}]
    failed = world.fails({"api": A2}, on_failure=OnFailure.HOLD)
    assert failed.failure.message.endswith(f"everything is kept as it is for a look (on_failure=hold){end}")


def test_held_nothing_serves_of_a_first_install() -> None:
    message = World().fails({"api": BAD}, on_failure=OnFailure.HOLD).failure.message
    assert message.endswith("everything is kept as it is for a look (on_failure=hold).")


@pytest.mark.parametrize("remove", [False, True])
@pytest.mark.parametrize("on_failure", [OnFailure.SET, OnFailure.RELEASE])
def test_a_first_install_is_kept_or_removed_as_asked(remove: bool, on_failure: OnFailure) -> None:
    world = World()
    failed = world.fails({"components": C1}, {"api": BAD}, on_failure=on_failure, remove_failed_installs=remove)
    assert failed.failure.code is Code.CRASH_LOOP
    assert outcomes(failed.results)["api"] == ("removed" if remove else "failed")
    assert ("uninstall api" in world.helm.commands) is remove
    assert failed.results["set"] == 0


@pytest.mark.parametrize("kind", ["StatefulSet", "PersistentVolumeClaim"])
def test_a_first_install_that_holds_data_is_never_removed(kind: str) -> None:
    world = World()

    def fail(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        manifest = json.dumps({"apiVersion": "v1", "kind": kind, "metadata": {"name": "data"}})
        store(kube, request.name, number, "failed", labels=request.labels, manifest=manifest)
        refuse(kube, request, number)

    world.helm.script = [fail]
    failed = world.fails({"api": A1}, remove_failed_installs=True)
    assert outcomes(failed.results) == {"api": "failed"}
    assert "uninstall api" not in world.helm.commands


def test_beside_a_set_that_goes_back_a_new_release_is_removed() -> None:
    world = deployed()
    failed = world.fails({"components": C2, "web": BAD}, remove_failed_installs=True)
    assert outcomes(failed.results) == {"components": "restored", "web": "removed"}
    assert sorted(world.record(2).members) == ["api", "components"]


def test_nothing_goes_back_below_a_floor() -> None:
    world = deployed()
    failed = world.fails({"components": C2}, {"api": {**BAD, "floor": "2"}})
    assert outcomes(failed.results) == {"components": "verified", "api": "failed"}
    assert not [call for call in world.helm.commands if call.startswith("rollback")]
    assert failed.results["set"] == 1


def test_where_helm_has_written_nothing_the_set_stands() -> None:
    world = deployed()
    world.helm.script = [refuse]
    failed = world.fails({"api": A2})
    assert failed.failure.code is Code.CHART_INVALID
    assert (world.helm.commands, failed.results["set"], failed.results["changed"]) == (["upgrade api"], 1, False)


def test_a_damaged_set_is_passed_over() -> None:
    world = two_sets()
    world.damage(2)
    failed = world.fails({"components": C2}, {"api": BAD})
    assert outcomes(failed.results) == {"components": "restored", "api": "restored"}
    assert world.image() == "r/api:v1.0.0"
    assert (failed.results["set"], world.record(3).restored_from) == (3, 1)


def test_a_revision_that_helm_has_pruned_is_made_again_from_the_record() -> None:
    world = deployed()
    del world.kube.objects["Secret", "ns", "sh.helm.release.v1.api.v1"]
    failed = world.fails({"api": BAD}, all_releases=("components", "api"))
    assert outcomes(failed.results) == {"api": "restored"}
    assert world.helm.commands[-1] == "upgrade api"
    assert world.image() == "r/api:v1.0.0"


def test_going_back_that_fails_too_is_reported_and_not_recorded() -> None:
    world = deployed()
    world.kube.objects["Secret", "ns", "sh.helm.release.v1.api.v1"]["data"]["release"] = "garbage"
    world.helm.script = []

    def apply(*waves: Any) -> Any:
        world.helm.script = [bad, refuse]
        return world.fails(*waves)

    def bad(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        script, world.helm.script = world.helm.script, []
        world.helm.apply(request)
        world.helm.script = script

    failed = apply({"api": BAD})
    assert failed.failure.code is Code.CRASH_LOOP
    assert outcomes(failed.results) == {"api": "failed"}
    assert [each["code"] for each in failed.results["failures"]] == ["crash_loop", "chart_invalid"]
    assert failed.results["set"] == 1


def test_a_run_that_is_cut_off_takes_nothing_back_and_can_be_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server gives no answer any more once a Helm call has begun."""
    world = deployed()

    def away(verb: str, resource: Resource, name: str) -> None:
        if resource.kind != "Lease":
            raise Unreachable("It gives no answer.", cause="refused")

    def cut(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        monkeypatch.setattr(kube, "before", away)
        raise HelmError(Failure(Code.UNREACHABLE, "api: no answer.", {}), transient=True)

    world.helm.script = [cut]
    failed = world.fails({"api": A2}, timeout=3)
    assert failed.failure.code is Code.UNREACHABLE
    assert world.helm.commands == ["upgrade api"]
    monkeypatch.undo()
    assert outcomes(world.apply({"components": C1}, {"api": A2}).as_result())["api"] == "verified"


@pytest.mark.parametrize("code", [Code.UNREACHABLE, Code.REGISTRY_UNREACHABLE, Code.WEBHOOK_DOWN])
def test_nothing_goes_back_for_what_kept_helm_from_writing(code: Code) -> None:
    """The API server was silent and answers again; or the chart's registry, or a webhook, is away."""
    world = deployed()

    def fail(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        raise HelmError(Failure(code, "api: no answer.", {}), transient=False)

    world.helm.script = [fail]
    failed = world.fails({"components": C2, "api": A2}, timeout=3)
    assert failed.failure.code is code
    assert not [call for call in world.helm.commands if call.startswith("rollback")]
    assert "kept as it is" in failed.failure.message


def test_nothing_goes_back_for_what_the_old_pods_suffer_from_too() -> None:
    world = deployed()
    (pod,) = (item for key, item in world.kube.objects.items() if key[0] == "Pod")
    pod["status"]["conditions"][0] |= {"status": "False", "lastTransitionTime": "1970-01-11T00:00:00Z"}
    pod["status"]["containerStatuses"][0]["ready"] = False
    failed = world.fails({"api": BAD})
    assert (failed.failure.code, failed.failure.details["cause"]) == (Code.DEPENDENCY_DOWN, "crash_loop")
    assert outcomes(failed.results) == {"api": "failed"}
    assert world.helm.commands == ["upgrade api"]


def test_going_back_that_is_cut_off_still_says_what_failed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    world = deployed()

    def before(verb: str, resource: Resource, name: str) -> None:
        if verb == "list" and resource.kind == "ConfigMap":  # the records, once a wave has failed
            raise Unreachable("It gives no answer.", cause="refused")

    def bad(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        world.helm.apply(request)
        monkeypatch.setattr(kube, "before", before)

    world.helm.script = [bad]
    failed = world.fails({"api": BAD})
    assert failed.failure.code is Code.CRASH_LOOP
    assert [each["code"] for each in failed.results["failures"]] == ["crash_loop", "unreachable"]
    assert outcomes(failed.results) == {"api": "failed"}


def test_a_release_that_is_green_no_longer_when_another_is_back_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = deployed()

    def crash(verb: str, name: str) -> None:
        if verb == "rollback":
            (pod,) = (item for key, item in world.kube.objects.items() if key[2].startswith("web-") and key[0] == "Pod")
            pod["status"]["containerStatuses"][0] |= {
                "ready": False, "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
            }  # fmt: skip
            pod["status"]["conditions"][0]["status"] = "False"
            world.kube.objects["Deployment", "ns", "web"]["status"]["availableReplicas"] = 0

    monkeypatch.setattr(world.helm, "before", crash)
    names = ("components", "api", "web")
    failed = world.fails({"api": BAD, "web": A2}, on_failure=OnFailure.RELEASE, all_releases=names)
    assert outcomes(failed.results)["api"] == "restored"
    assert sorted(world.record(2).members) == ["api", "components"]
    assert list(world.record(2).missing) == ["web"]


def test_a_machine_that_has_reached_a_limit_takes_nothing_back() -> None:
    """Going back needs Helm too, and nothing was wrong with what was deployed."""

    def ends(kube: FakeKube, request: ApplyRequest, number: int) -> None:
        raise killed("upgrade", request.name, 9, out_of_memory=True)

    world = deployed()
    world.helm.script = [ends]
    failed = world.fails({"api": A2}, {"components": C1}, on_failure=OnFailure.SET)
    assert failed.failure.code is Code.CONTROLLER_EXHAUSTED
    assert "everything is kept as it is: going back would need what this machine lacks" in failed.failure.message
    assert world.helm.commands == ["upgrade api"]


@pytest.mark.parametrize("may", [True, False])
def test_a_namespace_that_does_not_admit_what_was_there_before_is_opened_or_nothing_goes_back(may: bool) -> None:
    """Somebody tightened it since: the pods that still run could not come back."""
    world = strict(may)
    assert isinstance(world.kube, Strict)
    world.kube.refused = str(A2["image"])
    failed = world.fails({"api": BAD}, {"components": C2}, on_failure=OnFailure.SET)
    assert failed.failure.code is Code.CRASH_LOOP
    if may:
        assert outcomes(failed.results)["api"] == "restored"
        assert any("lowered from restricted to baseline" in text for text in failed.warnings)
    else:
        assert "everything is kept as it is" in failed.failure.message
        assert "kubectl label namespace ns" in failed.failure.message
        assert world.helm.commands == ["upgrade api"]
