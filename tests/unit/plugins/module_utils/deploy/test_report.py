"""The table of a run, and what a failure carries."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.deploy.report import Outcome, Report, Row
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure
from ansible_collections.todo.cloud.plugins.module_utils.helm.state import Action, State
from ansible_collections.todo.cloud.plugins.module_utils.planning.plan import PlanItem


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
        report.rows["api"].describe()
        == "api: upgrade, was revision 3, tried 4, now 5: restored: crash_loop, back at set 2"
    )


def test_in_check_mode_the_table_is_the_plan() -> None:
    plan = [
        PlanItem("api", State.OUTDATED, Action.UPGRADE, 3, ("image r/api:1 -> r/api:2", "values replicas")),
        PlanItem("edge", State.VERIFIED, Action.NONE, 2),
        PlanItem("new", State.ABSENT, Action.INSTALL, 0),
        PlanItem("again", State.UNVERIFIED, Action.VERIFY, 5),
        PlanItem("old", State.VERIFIED, Action.UNINSTALL, 7),
        PlanItem("hung", State.STUCK, Action.RECOVER, 4),
        PlanItem("taken", State.BUSY, Action.REFUSE, 4),
    ]
    assert Report(plan=plan, predicted=True).table() == [
        "release  plan       revision  why",
        "api      change     3 -> 4    image r/api:1 -> r/api:2; values replicas",
        "edge     unchanged  2",
        "new      new        - -> 1    not installed",
        "again    verify     5         applied, but not verified",
        "old      remove     7 -> -    it is no longer in the inventory",
        "hung     stuck      4 -> 5    a previous run died: its revision is marked failed, then applied again",
        "taken    busy       4         another run is in progress",
        "1 to change, 1 new, 1 to verify, 1 to remove, 1 stuck, 1 busy, 1 unchanged",
    ]
    assert Report(predicted=True).table() == ["no releases"]
    assert plan[0].as_result()["kind"] == "change"
