# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a merge to production, as the app's team meets it: they push, and look at what users get. In this order."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.conftest import Watcher, until
from tests.pipeline.place import PORTS, SERVICES, Place
from tests.pipeline.runner import Run

PAGE = "frontend/__main__.py"


def succeeded(place: Place, run: Run) -> None:
    """It did, and shows no secret."""
    place.runner.wait(run)
    told(run)
    assert run.conclusion == "success", run.output[-6000:]
    assert place.messages(run) == []
    quiet(place, run)


def failed(place: Place, run: Run, *why: str) -> None:
    """It did, for the reason that it gives, and shows no secret."""
    place.runner.wait(run)
    told(run)
    assert run.conclusion == "failure", run.output[-6000:]
    assert [each for each in why if each not in run.told()] == [], run.output[-6000:]
    assert bool(place.messages(run)) is bool(run.process), "who committed is told"
    quiet(place, run)


def quiet(place: Place, run: Run) -> None:
    shown = [run.output, *place.artefacts(run).values(), *place.messages(run)]
    assert [each for each in place.secrets if any(each in text for text in shown)] == []
    left = [kind for kind in ("kubeconfig", "log") if Path(f"/dev/shm/{kind}-{run.identity}").exists()]
    assert left == [], "credential and log are gone"


def told(run: Run) -> None:
    stages = ", ".join(f"{name.partition('/')[2]} {seconds:.0f}" for name, seconds in run.stages.items())
    print(f"run {run.number}, {run.workflow}: {run.conclusion} in {run.seconds:.0f} s ({stages})", flush=True)


def test_a_merge_runs_in_staging(place: Place) -> None:
    production = place.state("production")
    [run] = place.push()
    succeeded(place, run)
    assert run.given == ("images", "staging"), "it knows no other credential"
    until(lambda: place.version("staging") == f"sha-{run.commit}", 60, "the new version answers")
    assert place.state("production") == production
    assert all(place.tags(name) == [f"sha-{run.commit}", "staging-latest"] for name in SERVICES)
    assert all(place.signatures(name) for name in SERVICES)
    assert [(each["commit"], each["outcome"]) for each in place.events("staging")] == [(run.commit, "succeeded")]
    assert f"at verified set 1 (commit {run.commit}" in run.told().partition("Summary - ")[2], "of the job"
    report = json.loads(place.artefacts(run)["deployment-staging-report.json"])
    assert [row["outcome"] for row in report["releases"]] == ["verified"] * len(SERVICES)


def test_a_tag_brings_these_very_images_to_production(place: Place) -> None:
    run = place.tag("v1.0.0")
    succeeded(place, run)
    assert run.given == ("production",)
    until(lambda: place.version("production") == f"sha-{run.commit}", 60, "it answers")
    assert place.digests("production") == place.digests("staging")

    run = place.merge("Another version")
    succeeded(place, run)
    staging = place.state("staging")
    with (
        place.user("production") as user,
        Watcher(f"{place.url('production')}/api/tasks", user.cookies).watching() as seen,
    ):
        run = place.tag("v1.1.0")
        succeeded(place, run)
        until(lambda: place.version("production") == f"sha-{run.commit}", 60, "it answers")
    print(f"{seen.requests} requests, {len(seen.failures)} failed")
    assert seen.requests > 50
    assert seen.failures == []
    assert place.digests("production") == place.digests("staging")
    assert place.state("staging") == staging
    assert all("v1.1.0" in place.tags(name) for name in SERVICES)


def test_one_service_of_two_changed(place: Place) -> None:
    """Only it is built, and only its pods are replaced. Where nothing changed, nothing is: that can be promoted too."""
    common = ["todo_common", "Dockerfile", "requirements.txt"]
    told = place.entries({name: {"build": [name.replace("-", "_"), *common]} for name in SERVICES})
    pods = {name: place.pods(name, "backend-api") for name in PORTS}
    page = (place.work / PAGE).read_text()
    run = place.merge("The frontend alone", **told, **{PAGE: f"{page}\n"})
    succeeded(place, run)
    assert f"frontend: built, {PAGE} changed" in run.told()
    assert "backend-api: as commit " in run.told()
    until(lambda: place.version("staging") == f"sha-{run.commit}", 60, "the new version answers")
    assert place.pods("staging", "backend-api") == pods["staging"]
    assert all(f"sha-{run.commit}" in place.tags(name) for name in SERVICES)
    succeeded(place, place.tag("v1.1.1"))
    until(lambda: place.version("production") == f"sha-{run.commit}", 60, "it answers")
    assert place.pods("production", "backend-api") == pods["production"]
    assert place.digests("production") == place.digests("staging")

    pods = {name: place.pods(name) for name in PORTS}
    words = place.merge("Only words", **{"README.md": "Words.\n"})
    succeeded(place, words)
    assert [place.events("staging")[-1][key] for key in ("commit", "outcome")] == [words.commit, "succeeded"]
    succeeded(place, place.tag("v1.1.2"))
    assert {name: place.pods(name) for name in PORTS} == pods
    assert all({f"sha-{words.commit}", "v1.1.2"} <= set(place.tags(name)) for name in SERVICES)
    place.commit("Each commit builds all", **place.entries())


def test_a_pull_request_gets_the_plans_of_both_as_one_comment(place: Place) -> None:
    """Production's against what its last release has published: no credential of it is there."""
    place.git("checkout", "-q", "-b", "debug")
    env = {"DAPR_ENABLED": "false", "LOG_LEVEL": "debug"}
    place.commit("Debug", **place.entries({"backend-api": {"env": env}}))
    assert place.push("debug") == []
    states = {name: place.state(name) for name in PORTS}
    run = place.runner.propose("debug")
    place.git("checkout", "-q", "main")
    succeeded(place, run)
    assert run.given == ("staging",)
    staging, _plan, production = place.comment().partition("### Plan of production")
    assert staging.startswith("### Plan of staging")
    assert "against its release set" in production
    for text in (staging, production):
        (row,) = (line for line in text.splitlines() if "LEVEL" in line and line.startswith("|"))
        assert row.startswith("| backend-api | **change** |")
    assert {name: place.state(name) for name in PORTS} == states


def test_a_tag_whose_pods_fail_is_taken_back(place: Place) -> None:
    before = place.version("production")
    start = (place.work / "backend_api/__main__.py").read_text()
    crash = "import os\nif os.environ['POD_NAMESPACE'] == 'todo-production':\n    raise SystemExit('production only')\n"
    run = place.merge("It runs in staging only", **{"backend_api/__main__.py": crash + start})
    succeeded(place, run)
    place.commit("It runs everywhere", **{"backend_api/__main__.py": start})
    digests, staging = place.digests("production"), place.state("staging")
    with (
        place.user("production") as user,
        Watcher(f"{place.url('production')}/api/tasks", user.cookies).watching() as seen,
    ):
        run = place.tag("v1.2.0", run.commit)
        failed(place, run, "backend-api")
        (failure,) = json.loads(place.artefacts(run)["promotion-production-report.json"])["failures"]
        assert failure["code"]
        (told,) = place.messages(run)
        assert told.startswith(f"promote failed for v1.2.0, commit {run.commit[:12]} of ada\n")
        assert "backend-api" in told
        until(lambda: place.digests("production") == digests, 60, "the set is back")
    print(f"{seen.requests} requests, {len(seen.failures)} failed")
    assert seen.failures == []
    assert place.version("production") == before
    assert place.state("staging") == staging


def test_a_failing_test_stops_everything(place: Place) -> None:
    check = (place.work / "checks.py").read_text()
    run = place.merge("It fails", **{"checks.py": "raise SystemExit('one test fails')\n"})
    staging, tags = place.state("staging"), place.tags("frontend")
    place.commit("It passes", **{"checks.py": check})
    failed(place, run, "one test fails")
    assert place.messages(run)[0].startswith(f"tests failed for main, commit {run.commit[:12]} of ada\n")
    assert place.state("staging") == staging
    assert place.tags("frontend") == tags
