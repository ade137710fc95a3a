"""The job that must end well before a set counts as verified: when it runs, and what follows when it does not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.settings import OnFailure

from tests.support.fake_environment import A1, A2, C1, C2, CHART, World, deployed

JOB = {"service": "api", "command": ["check", "all of it"], "chart": CHART}
BAD = {**JOB, "image": "r/check:bad"}


@pytest.fixture(autouse=True)
def _of_the_chart_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """The charts of these tests have another name."""
    name = "ansible_collections.todo.cloud.plugins.module_utils.deploy.verify_job.image_of_own"
    monkeypatch.setattr(name, lambda stored: stored.config["image"])


def test_it_runs_after_the_last_wave_and_before_the_set_is_recorded() -> None:
    world = deployed()
    report = world.apply({"components": C2}, {"api": A2}, verify_job=JOB)
    assert world.helm.commands == ["upgrade components", "upgrade api", "upgrade verify-job", "uninstall verify-job"]
    assert (report.verify_job or {})["ok"] is True
    assert "verify_job: check 'all of it'" in world.lines
    assert sorted(world.record(report.set).members) == ["api", "components"], "the job is no part of the set"


def test_when_nothing_changes_it_does_not_run() -> None:
    world = deployed()
    assert world.apply({"components": C1}, {"api": A1}, verify_job=JOB).verify_job is None
    assert world.helm.commands == []


def test_when_it_fails_the_whole_set_goes_back() -> None:
    world = deployed()
    failed = world.fails({"components": C2}, {"api": A2}, verify_job=BAD)
    assert failed.failure.code is Code.VERIFY_JOB_FAILED
    message = failed.failure.message
    assert message.startswith("""verify_job: "check 'all of it'" failed: Job verify-job""")
    assert message.endswith("the whole set is back at what was verified (release set 1, recorded anew as 2).")
    assert failed.results["verify_job"]["ok"] is False
    assert len(failed.results["failures"]) == 1, "said once, though two releases share it"
    assert {row["outcome"] for row in failed.results["releases"]} == {"restored"}
    assert world.image() == A1["image"]


def test_what_the_run_left_alone_does_not_go_back_with_release() -> None:
    world = deployed()
    failed = world.fails({"components": C1}, {"api": A2}, verify_job=BAD, on_failure=OnFailure.RELEASE)
    assert [row["outcome"] for row in failed.results["releases"]] == ["unchanged", "restored"]


def test_with_hold_everything_stays_for_a_look() -> None:
    world = deployed()
    failed = world.fails({"components": C1}, {"api": A2}, verify_job=BAD, on_failure=OnFailure.HOLD)
    assert "everything is kept as it is for a look" in failed.failure.message
    assert (world.image(), failed.results["set"]) == (A2["image"], 1)
    assert world.helm.commands[-1] == "uninstall verify-job"


def test_a_first_deployment_that_fails_has_nothing_to_go_back_to() -> None:
    world = World()
    failed = world.fails({"components": C1}, {"api": A1}, verify_job=BAD)
    assert "nothing verified to go back to" in failed.failure.message
    assert failed.results["set"] == 0


def test_a_run_after_one_that_was_killed_in_it_tries_it_again() -> None:
    world = deployed()
    world.fails({"components": C1}, {"api": A2}, verify_job=BAD, on_failure=OnFailure.HOLD)
    world.forget()
    report = world.apply({"components": C1}, {"api": A2}, verify_job=JOB)
    assert world.helm.commands == ["upgrade verify-job", "uninstall verify-job"]
    assert report.set == 2


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"service": "web"}, "verify_job: needs web, which is neither deployed nor part of this run"),
        ({"service": "components"}, "verify_job: needs a service of the chart `service`, and components is of another"),
        ({"command": []}, "verify_job: has no command"),
    ],
)
def test_what_could_not_run_is_refused_before_anything_is_written(given: dict[str, Any], why: str) -> None:
    world = deployed()
    failed = world.fails({"components": C2}, {"api": A2}, verify_job={**JOB, **given})
    assert failed.failure.code is Code.INVALID_INPUT
    assert why in failed.failure.message
    assert world.helm.commands == []


def test_a_plan_says_it_and_nothing_is_run() -> None:
    world = deployed()
    report = world.apply({"components": C2}, {"api": A2}, verify_job=JOB, check=True)
    assert "verify_job: runs \"check 'all of it'\" with what api has, after the last wave" in report.notes
    assert (world.helm.commands, report.verify_job) == ([], None)
