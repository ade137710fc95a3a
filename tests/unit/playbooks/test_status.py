"""status.yml: the environment on one screen, and as the summary of a job of GitHub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.hostile_markdown import ATTACK, shown
from tests.unit.playbooks.stubbed import Stubbed, inventory

GROUPS: dict[str, dict[str, None]] = {"core_services": {"backend_api": None}}
EVENT: dict[str, Any] = {
    "time": "2026-11-22T12:00:00Z", "run": "deployment", "who": "ada@ci", "commit": "1f3c5a7", "from_set": 1,
    "to_set": 1, "outcome": "refused", "seconds": 0.4, "code": "deploy_frozen", "message": f"```\n# a heading {ATTACK}",
    "emergency": "",
}  # fmt: skip
LINE = "run 2026-11-22T12:00:00Z: deployment by ada@ci, commit 1f3c5a7, set 1 -> 1, refused after 0 s (deploy_frozen: "


def test_the_last_runs_are_shown_and_are_part_of_the_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# Before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    with Stubbed(tmp_path / "ansible") as stubbed:
        answers = {"todo.cloud.release_set_info": {"status": {}, "events": [EVENT]}}
        done = stubbed.run("status", inventory(GROUPS), answers=answers)
    assert done.code == 0, done.output
    (asked,) = done.arguments("release_set_info")
    assert asked["events"] == 5
    assert LINE in done.text
    text = summary.read_text()
    assert text.startswith("# Before\n\n### test\n\n`````text\nat no verified set\n")
    assert LINE in text
    assert text.endswith("\n`````\n")
    assert shown(text.removeprefix("# Before\n\n")).tags == ["h3", "pre", "code"], "nobody ends the block"
