"""The workflows: thin, pinned, with the least rights, and what they call is there. zizmor and actionlint: make lint."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflows import FOLDERS, TOP, workflows

OWN, CALLERS = FOLDERS
HERE = "todo-app/todo.cloud/.github/workflows/"
ITSELF = ("ci", "release")  # run for this collection; the others are called
NAMES = ["cleanup", "deploy", "images", "plan", "platform", "promote", "rollback", "scan", "tests", "verify"]
KEPT = ("report.*", "record.json")  # what jobs keep as artefacts: todo.cloud.report and status.yml write them
LONGEST_RUN = 2  # lines: everything of substance is a command of this project


def read(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text())
    return {"on" if key is True else key: value for key, value in content.items()}  # YAML 1.1 takes on for true


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job.get("steps", ())]


def commands(path: Path) -> list[str]:
    return [step["run"] for step in steps(path) if "run" in step]


ALL = pytest.mark.parametrize("path", workflows(), ids=lambda path: f"{path.parents[2].name}-{path.stem}")
CALLED = pytest.mark.parametrize("path", [OWN / f"{name}.yml" for name in NAMES], ids=lambda path: path.stem)
CALLING = pytest.mark.parametrize("path", sorted(CALLERS.glob("*.yml")), ids=lambda path: path.stem)


def test_all_are_there() -> None:
    assert [path.stem for path in sorted(OWN.glob("*.yml"))] == sorted([*NAMES, *ITSELF])
    callers = ["cleanup", "main", "platform", "pull-request", "release", "rollback", "verify"]
    assert [path.stem for path in sorted(CALLERS.glob("*.yml"))] == callers


@ALL
def test_what_others_wrote_is_pinned_and_says_its_version(path: Path) -> None:
    uses = re.findall(r"uses: (.+)", path.read_text())
    assert [each for each in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


@ALL
def test_rights_are_each_jobs_own(path: Path) -> None:
    content = read(path)
    assert content["permissions"] == {}
    assert all("permissions" in job for job in content["jobs"].values())


@ALL
def test_no_expression_is_put_into_a_command(path: Path) -> None:
    assert [run for run in commands(path) if "${{" in run] == []


@CALLED
def test_jobs_end_and_no_deployment_is_cancelled(path: Path) -> None:
    for job in read(path)["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert job.get("concurrency", {"cancel-in-progress": False})["cancel-in-progress"] is False
        if "environment" in job and path.stem not in ("images", "plan", "verify"):
            assert job["concurrency"]["group"] == "deploy-${{ inputs.environment }}"


@CALLED
def test_steps_are_commands_of_this_project(path: Path) -> None:
    runs = commands(path)
    assert [run for run in runs if len(run.strip().splitlines()) > LONGEST_RUN] == []
    named = {name for run in runs for name in re.findall(r"\btodo\.cloud\.(\w+)", run)}
    assert [name for name in named if not (TOP / f"playbooks/{name}.yml").is_file()] == []
    code = "".join(
        file.read_text() for folder in ("playbooks", "inventories", "roles") for file in (TOP / folder).rglob("*.yml")
    )
    reads = re.findall(r"- name: (TODO_\w+)", "".join(file.read_text() for file in (TOP / "plugins").rglob("*.py")))
    variables = set(re.findall(r"\bTODO_\w+", path.read_text())) - set(reads)
    assert [name for name in variables if f"'{name}'" not in code] == []


@CALLED
def test_the_credential_stays_in_memory_and_goes(path: Path) -> None:
    text = path.read_text()
    if "KUBECONFIG" in text:
        assert "KUBECONFIG: /dev/shm/kubeconfig-" in text
        assert text.rstrip().splitlines()[-1].lstrip().startswith('run: rm -f "$KUBECONFIG"')
    kept = [step["with"]["path"] for step in steps(path) if "upload-artifact" in step.get("uses", "")]
    assert [each for each in kept if each not in KEPT] == []


@ALL
def test_shellcheck(path: Path) -> None:
    for run in commands(path):
        done = subprocess.run(
            ["shellcheck", "--shell", "bash", "-"], input=run, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout


@CALLING
def test_callers_are_short_and_give_what_is_asked(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 40
    assert len(set(re.findall(rf"{HERE}\w+\.yml@(\w+)", path.read_text()))) == 1, "one version of all"
    for job in read(path)["jobs"].values():
        name = job["uses"].removeprefix(HERE).partition(".yml@")[0]
        called = read(OWN / f"{name}.yml")
        inputs = (called["on"]["workflow_call"] or {}).get("inputs", {})
        assert job.get("with", {}).keys() <= inputs.keys()
        assert {key for key, each in inputs.items() if each.get("required")} <= job.get("with", {}).keys()
        given = job["permissions"]
        wanted = [right for each in called["jobs"].values() for right in each["permissions"].items()]
        assert [right for right in wanted if given.get(right[0]) not in (right[1], "write")] == []


def test_production_is_reached_by_tags_and_by_hand_only() -> None:
    events = {path.stem: set(read(path)["on"]) for path in CALLERS.glob("*.yml")}
    assert events == {
        "pull-request": {"pull_request"}, "main": {"push"}, "release": {"push"}, "rollback": {"workflow_dispatch"},
        "platform": {"workflow_dispatch"},
        "cleanup": {"schedule", "workflow_dispatch"}, "verify": {"schedule", "workflow_dispatch"},
    }  # fmt: skip
    assert read(CALLERS / "release.yml")["on"]["push"] == {"tags": ["v*.*.*"]}
    assert read(CALLERS / "main.yml")["on"]["push"] == {"branches": ["main"]}
    for name in ("pull-request", "main"):
        assert "production" not in (CALLERS / f"{name}.yml").read_text()
    by_hand = read(CALLERS / "verify.yml")["jobs"]["production"]
    assert by_hand["if"] == "github.event_name == 'workflow_dispatch'"
    assert by_hand["with"]["approval"] == "production-rollback", "an environment with reviewers"
    (cleanup,) = read(CALLERS / "cleanup.yml")["jobs"].values()
    assert cleanup["with"]["approval"] == "production-rollback", "the same"


def test_nothing_is_built_or_deployed_before_what_has_to_pass() -> None:
    """act ends a run at the first stage that fails, whatever ``needs`` says; GitHub goes by it alone."""
    merge = {name: job.get("needs", []) for name, job in read(CALLERS / "main.yml")["jobs"].items()}
    assert merge == {"tests": [], "scan": [], "images": ["tests", "scan"], "staging": "images"}
    images = {name: job.get("needs", []) for name, job in read(OWN / "images.yml")["jobs"].items()}
    assert images == {"services": [], "build": "services", "latest": ["services", "build"]}
    kept = "always()", "failure()"
    conditions = {path.stem: [step.get("if", "") for step in steps(path)] for path in OWN.glob("*.yml")}
    assert not [each for name in ("deploy", "promote", "rollback") for each in conditions[name][:-3] if each in kept]
    told = [step for path in OWN.glob("*.yml") for step in steps(path) if "todo.cloud.notify" in step.get("run", "")]
    assert {step["if"] for step in told} == {"failure()"}
    assert not [path.stem for path in workflows() if "continue-on-error" in path.read_text()]


def test_what_deploys_has_its_log_looked_at_and_what_is_pushed_is_signed() -> None:
    for name in ("deploy", "platform", "promote", "rollback"):
        (job,) = read(OWN / f"{name}.yml")["jobs"].values()
        (look,) = (step for step in job["steps"] if "betterleaks" in step.get("run", ""))
        assert (look["if"], job["env"]["ANSIBLE_LOG_PATH"]) == (
            "always() && steps.credential.outcome == 'success'", "/dev/shm/log-${{ github.run_id }}",
        )  # fmt: skip
        assert look["run"].endswith('betterleaks --redact --no-banner --confidence=high "$ANSIBLE_LOG_PATH"')
    build = read(OWN / "images.yml")["jobs"]["build"]
    assert build["environment"] == "images", "its key signs, and branches do not get it"
    names = [step["name"] for step in build["steps"] if "name" in step]
    looks = ["No secret is in a layer", "Nothing is known that another version mends"]
    assert names[: names.index("Digest is signed")] == looks
    (pushed,) = (step for step in build["steps"] if step.get("id") == "pushed")
    assert pushed["with"]["platforms"] == "linux/amd64,linux/arm64"


def test_gitlab_calls_the_same_commands() -> None:
    jobs = yaml.safe_load((TOP / "examples/todo-app/.gitlab-ci.yml").read_text())
    lines = [line for job in jobs.values() if isinstance(job, dict) for line in job.get("script", ())]
    named = {name for line in lines for name in re.findall(r"\btodo\.cloud\.(\w+)", line)}
    assert {"services", "verify", "promote", "rollback"} <= named
    assert [name for name in named if not (TOP / f"playbooks/{name}.yml").is_file()] == []
    assert [line for line in lines if "|| true" in line] == []
    assert all(shlex.split(line) for line in lines)


def test_the_page_names_what_is_there() -> None:
    page = (TOP / "docs/pipeline.md").read_text()
    named = {*re.findall(r"\btodo\.cloud\.(\w+)", page), *re.findall(r"playbooks/(\w+)\.yml", page)}
    assert [name for name in named if not (TOP / f"playbooks/{name}.yml").is_file()] == []
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", page):
        target = TOP / "docs" / path
        assert target.exists(), path
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE) if anchor else []
        anchors = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, anchor
    called = [path for path in OWN.glob("*.yml") if path.stem not in ITSELF]
    secrets = {name for path in called for name in re.findall(r"\bsecrets\.(\w+)", path.read_text())}
    assert [name for name in secrets if f"`{name}`" not in page] == []
