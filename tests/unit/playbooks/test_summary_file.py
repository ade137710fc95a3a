"""plan.yml and compare.yml: the plan as Markdown, in a file for reviewers, from the folder of the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.hostile_markdown import ATTACK, shown
from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

GROUPS: dict[str, dict[str, None]] = {"core_services": {"backend_api": None}}
ROW = {"name": "backend-api", "kind": "change", "revisions": "3 -> 4", "why": ATTACK}
PLAN: dict[str, Any] = {"plan": [ROW], "table": ["head", "1 to change"], "notes": [ATTACK], "preflight": []}


def test_a_plan_takes_the_place_of_an_older_one_and_a_comparison_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, record = tmp_path / "plan.md", tmp_path / "record.json"
    file.write_text("An older plan.\n")
    record.write_text("{}")
    monkeypatch.setenv("PWD", str(tmp_path))
    with Stubbed(tmp_path / "ansible") as stubbed:

        def run(playbook: str, module: str, answer: dict[str, Any], *flags: str) -> Run:
            answers = {f"todo.cloud.{module}": answer}
            return stubbed.run(playbook, inventory(GROUPS), "-e", "summary_file=plan.md", *flags, answers=answers)

        planned = run("plan", "release_apply", PLAN)
        assert planned.code == 0, planned.output
        first = file.read_text()
        assert first.startswith("### Plan of test: 1 to change\n\n| release | plan | revision | why |\n")
        compared = {**PLAN, "set": {"id": 7, "commit": "0123456789abcdef"}}
        done = run("compare", "release_compare", compared, "-e", "record_file=record.json")
        assert done.code == 0, done.output
        added = file.read_text().removeprefix(first.rstrip("\n"))
        assert added.startswith("\n\n### Plan of test, against its release set 7 of commit 0123456789ab: 1 to change\n")
        assert shown(file.read_text()).tags.count("td") == 8, "what others wrote stays in its cell"
