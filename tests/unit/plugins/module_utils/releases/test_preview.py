"""Check mode: the plan, its differences and drift, and nothing written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import locked_run
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import HelmError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnDrift

from tests.support.fake_environment import A1, A2, C1, C2, World, deployed, outcomes
from tests.support.fake_helm import LONG_AGO
from tests.support.stored_releases import store


def preview(world: World, *waves: dict[str, Any], **settings: Any) -> Any:
    """The lock is not taken either."""
    report = world.apply(*waves, check=True, **settings)
    assert world.writes() == []
    assert ("Lease", "ns", "todo-cloud-deploy") not in world.kube.objects
    return report


def test_nothing_to_do() -> None:
    report = preview(World(), {"api": A1})
    assert (outcomes(report.as_result()), report.changed, report.set) == ({"api": "predicted"}, True, 0)


def test_what_would_change_is_predicted_with_its_difference() -> None:
    world = deployed()
    report = preview(world, {"components": C2}, {"api": A1}, diff=True)
    assert outcomes(report.as_result()) == {"components": "predicted", "api": "unchanged"}
    assert (report.predicted, report.changed, report.set) == (True, True, 1)
    assert [entry["after_header"] for entry in report.diff] == ["components: ConfigMap/new (revision 2)"]


def test_it_is_told_once_as_whom_and_where() -> None:
    world = deployed()
    world.kube.reads.clear()
    assert preview(world, {"components": C1}, {"api": A1}).notes[0] == "as tester on https://fake"
    assert world.kube.reads.count(("SelfSubjectReview", "")) == 1


def test_what_may_take_long_is_said_before() -> None:
    world = deployed()
    world.lines.clear()
    preview(world, {"components": C2}, {"api": A1})
    assert world.lines == ["the charts are rendered", "the objects are tried by the API server (dry run)"]
    world.lines.clear()
    preview(world, {"components": C1}, {"api": A1})
    assert world.lines == [], "nothing is to be done"


def test_what_would_be_removed_is_shown_as_removed() -> None:
    report = preview(deployed(), {"components": C1}, all_releases=("components",), prune=True, diff=True)
    assert [entry["after_header"].rpartition("(")[2] for entry in report.diff] == ["removed)"]


def test_without_changes_nothing_would_change() -> None:
    report = preview(deployed(), {"components": C1}, {"api": A1}, diff=True)
    assert (report.changed, report.diff) == (False, [])


class Refusing:
    """Helm whose dry run fails."""

    def __init__(self, code: Code) -> None:
        self.code = code

    def __call__(self, request: ApplyRequest) -> str:
        raise HelmError(Failure(self.code, f"{request.name}: no.", {}), transient=False)


def test_what_can_not_be_rendered_yet_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    world = deployed()
    monkeypatch.setattr(world.helm, "render", Refusing(Code.HELM_FAILED))
    report = preview(world, {"api": A2}, diff=True)
    assert (report.diff, len(report.warnings)) == ([], 1)


def test_a_chart_that_is_not_valid_fails_the_preview_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world = deployed()
    monkeypatch.setattr(world.helm, "render", Refusing(Code.CHART_INVALID))
    assert world.fails({"api": A2}, check=True, diff=True).failure.code is Code.CHART_INVALID


def test_who_is_at_work_is_reported() -> None:
    world = deployed()
    store(world.kube, "api", 2, "pending-upgrade", labels={"todo.cloud/inputs": "x"}, created=LONG_AGO)
    with locked_run(world.run()):
        report = world.apply({"api": A2}, check=True)
    assert [item.state.value for item in report.plan] == ["busy"]
    assert len(report.warnings) == 1


def test_drift_is_looked_for_only_when_asked() -> None:
    assert preview(deployed(), {"api": A1}).drift is None
    world = deployed()
    del world.kube.objects["Deployment", "ns", "api"]
    found = preview(world, {"api": A1}, drift=OnDrift.REPORT).drift
    assert [(each.release, each.kind, each.change) for each in found] == [("api", "Deployment", "missing")]
