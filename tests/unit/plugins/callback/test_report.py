# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run did, as files: where they are, how many are kept, and nothing that is secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible_runs import Ansible

GOOD = {"ansible.builtin.debug": {"msg": "x"}, "name": "Good"}
BAD = {"ansible.builtin.fail": {"msg": "first\nfailure=second"}, "name": "Bad"}
BROKEN = {"ansible.builtin.command": "sh -c 'echo first >&2; exit 1'", "name": "Bad"}
HIDDEN = {"ansible.builtin.fail": {"msg": "hunter2hunter2"}, "no_log": True, "name": "Hidden"}
# A result about releases, as a module of this collection gives it.
RESULT = {"releases": [{"name": "api", "outcome": "verified"}], "table": ["api"], "set": 4, "plan": []}
MODULE = """#!/usr/bin/python
import json
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({"environment": {}, "fails": {"type": "bool"}})
result = json.loads(%r)
module.fail_json(msg="api: gone.", **result) if module.params["fails"] else module.exit_json(**result)
"""
SECRET = "postgres://todo:hunter2hunter2@db/todo"


@pytest.fixture(scope="module")
def ansible() -> Iterator[Ansible]:
    with Ansible(ANSIBLE_CALLBACKS_ENABLED="todo.cloud.report,todo.cloud.summary") as running:
        yield running


class Runs:
    """Runs of plays in a folder."""

    def __init__(self, ansible: Ansible, folder: Path) -> None:
        self._ansible, self.folder = ansible, folder
        self.reports = folder / "reports"

    def run(self, *tasks: dict[str, Any], books: int = 1, env: Mapping[str, str] | None = None) -> str:
        play = {"name": "Play", "hosts": "localhost", "gather_facts": False, "connection": "local", "tasks": tasks,
                "vars": {"environment_name": "staging"}}  # fmt: skip
        paths = [self.folder / f"play{number}.yml" for number in range(books)]
        for path in paths:
            path.write_text(yaml.safe_dump([play]))
        (self.folder / "library").mkdir(exist_ok=True)
        (self.folder / "library" / "applied.py").write_text(MODULE % json.dumps(RESULT))
        where = {"PWD": str(self.folder), "TODO_REPORTS": str(self.reports)}
        return self._ansible.playbook(*paths, **{**where, **(env or {})}).stdout

    def names(self) -> list[str]:
        return sorted(path.suffix for path in self.reports.iterdir()) if self.reports.exists() else []


@pytest.fixture
def runs(ansible: Ansible, tmp_path: Path) -> Runs:
    return Runs(ansible, tmp_path)


def test_a_run_in_a_job(runs: Runs) -> None:
    output, file = runs.folder / "output", runs.folder / "report.json"
    env = {"TODO_REPORT": "report.json", "GITHUB_OUTPUT": str(output)}

    def report(*tasks: dict[str, Any]) -> tuple[dict[str, Any], str]:
        output.write_text("")
        runs.run(*tasks, env=env)
        return json.loads(file.read_text()), output.read_text()

    found, failure = report(GOOD)
    assert (found["outcome"], found["failures"], failure) == ("ok", [], "")
    found, failure = report(GOOD, BAD)
    assert failure == "failure=first failure=second\n", "one line, so that it sets nothing else"
    assert [(each["task"], each["message"]) for each in found["failures"]] == [("Bad", "first failure=second")]
    assert found["environment"] == "staging"
    assert "first failure=second" in file.with_suffix(".html").read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    found, failure = report({"block": [BAD], "rescue": [GOOD]})
    assert (found["outcome"], found["failures"], failure) == ("ok", [], ""), "it was rescued"
    assert runs.names() == [], "it has a place of its own"


def test_what_failed_is_kept_and_its_path_is_the_line_before_the_last(runs: Runs) -> None:
    assert "Report:" not in runs.run(GOOD)
    assert runs.names() == [], "there is nothing to say"
    *_before, path, last = runs.run(BROKEN).rstrip("\n").splitlines()
    assert path == f"Report: {next(runs.reports.glob('*.html'))}"
    assert last.startswith("FAILED on localhost: Bad: first")
    for _number in range(3):
        runs.run(BROKEN, env={"TODO_REPORTS_KEPT": "2"})
    assert runs.names() == [".html", ".html", ".json", ".json"]
    assert runs.reports.stat().st_mode & 0o777 == 0o700


def test_the_folder_may_be_in_the_home_folder_as_the_default_is(runs: Runs) -> None:
    home = runs.folder / "home"
    home.mkdir()
    runs.run(BROKEN, env={"TODO_REPORTS": "~/kept", "HOME": str(home)})
    assert len(list((home / "kept").glob("*.html"))) == 1
    assert not (runs.folder / "~").exists()


MISTYPED = {"ansible.builtin.command": {"argv": ["{{ undefined_here }}"]}, "name": "Mistyped"}
REFUSED = {"refused": {"failure": {"code": "invalid_input", "message": "No such service."}}, "name": "Refused"}
LOOKED = {"refused": {"failure": {"code": "forbidden", "message": "You may not."}}, "name": "Looked"}


def test_what_was_mistyped_pushes_no_page_out(runs: Runs) -> None:
    (runs.folder / "library").mkdir()
    (runs.folder / "library" / "refused.py").write_text(
        "#!/usr/bin/python\nfrom ansible.module_utils.basic import AnsibleModule\n"
        "module = AnsibleModule({'failure': {'type': 'dict', 'required': True}})\n"
        "module.fail_json(msg=module.params['failure']['message'], failure=module.params['failure'])\n"
    )
    summary = runs.folder / "summary.md"
    for task in (BAD, MISTYPED, REFUSED, {"refused": {}, "name": "Without"}):
        assert "Report:" not in runs.run(task, env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert runs.names() == []
    assert "No such service" in summary.read_text(), "a job's summary has it in any case"
    runs.run(LOOKED)
    runs.run({"block": [LOOKED], "rescue": [BAD]})
    assert runs.names() == [".html", ".html", ".json", ".json"], "the cluster was looked at"


def test_nothing_of_a_hidden_task_and_no_credential(runs: Runs) -> None:
    said = {"ansible.builtin.command": {"cmd": f"sh -c 'echo {SECRET} >&2; exit 3'"}, "name": "Said"}
    for task, sentence in ((HIDDEN, "hidden (no_log)"), (said, "postgres://***@db/todo (exit code 3)")):
        runs.run(task, env={"TODO_REPORT": "report.json", "GITHUB_STEP_SUMMARY": str(runs.folder / "summary.md")})
        texts = [(runs.folder / name).read_text() for name in ("report.json", "report.html", "summary.md")]
        assert "hunter2" not in "".join(texts)
        assert sentence in json.loads(texts[0])["sentence"]


def test_the_summary_of_a_job_has_a_run_of_two_playbooks_once(runs: Runs) -> None:
    summary = runs.folder / "summary.md"
    summary.write_text("# Before\n")
    job = {"GITHUB_STEP_SUMMARY": str(summary)}
    runs.run({"applied": {"environment": "production"}}, books=2, env=job)
    sentence = "production: 1 verified. The environment is at release set 4."
    text = summary.read_text()
    assert text.startswith("# Before\n\n### ")
    assert text.count(sentence) == 1
    (path,) = runs.reports.glob("*.json")
    report = json.loads(path.read_text())
    assert (report["run"]["playbooks"], report["sentence"]) == (["play0.yml", "play1.yml"], sentence)
    runs.run({"applied": {"environment": "staging", "fails": True}}, env=job)
    assert summary.read_text().startswith(text), "what other runs wrote stays"
    assert "api: gone." in summary.read_text()


def test_a_place_that_cannot_be_written_fails_no_run(runs: Runs) -> None:
    (runs.folder / "file").touch()
    output = runs.run(GOOD, env={"TODO_REPORT": "file/report.json"})
    assert "The report of this run was not written: " in output
    assert output.rstrip("\n").endswith("OK: nothing failed")
