"""history.yml: the runs of an environment as a table, a file and the summary of a job; lead times from a repository."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.records.events import Event

from tests.unit.playbooks.stubbed import Run, Stubbed, inventory

GROUPS: dict[str, dict[str, None]] = {"environment": {"namespace": None}}


class History:
    """An application's repository with two commits, the second of which was deployed an hour ago."""

    def __init__(self, stubbed: Stubbed, folder: Path) -> None:
        self._stubbed, self.repository = stubbed, folder / "repository"
        self.repository.mkdir()
        self.git("init", "-q")
        first, second = self._commit(), self._commit()
        began = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        said: dict[str, Any] = {
            "time": began,
            "run": "deployment",
            "who": "ada@ci",
            "outcome": "succeeded",
            "seconds": 7230.0,
        }
        self.events = [Event(**said, commit=second, from_set=1, to_set=2, from_commit=first).as_result()]

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        argv = ["git", "-C", str(self.repository), *identity, *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def _commit(self) -> str:
        self.git("commit", "-q", "--allow-empty", "-m", "more")
        return self.git("rev-parse", "HEAD")

    def run(self, *arguments: str) -> Run:
        answers: dict[str, Any] = {"todo.cloud.release_set_info": {"events": self.events}}
        return self._stubbed.run("history", inventory(GROUPS), *arguments, answers=answers)


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[History]:
    (tmp_path / "summary.md").write_text("# Before\n")
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    with Stubbed(tmp_path / "ansible") as stubbed:
        yield History(stubbed, tmp_path)


def test_table_file_and_summary(history: History, tmp_path: Path) -> None:
    summary, written = tmp_path / "summary.md", tmp_path / "history.json"
    done = history.run(
        "-e", f"history_file={written}", "-e", f"history_repository={history.repository}", "-e", "history_days=2"
    )
    assert done.code == 0, done.output
    assert "deployment frequency: 0.5 a day (1 of 1 succeeded)" in done.text
    assert "lead time for changes: 1 h 0 min (median of 1 commit)" in done.text
    assert "change failure rate: 0 % (0 of 1)" in done.text
    assert summary.read_text().startswith("# Before\n\n### Deployments of test\n")
    assert json.loads(written.read_text())["figures"]["lead_commits"] == 1
    again = history.run("-e", f"history_file={tmp_path / 'history.md'}", "--check")
    assert "unknown, without the commits" in again.text
    assert not (tmp_path / "history.md").exists()


def test_paths_are_those_of_the_folder_in_which_the_command_was_typed(history: History, tmp_path: Path) -> None:
    done = history.run("-e", "history_file=history.md", "-e", "history_repository=repository")
    assert done.code == 0, done.output
    assert "(median of 1 commit)" in (tmp_path / "history.md").read_text().replace("\\", "")


def test_mistakes_are_named(history: History, tmp_path: Path) -> None:
    done = history.run("-e", f"history_file={tmp_path}/history.txt")
    assert done.code != 0
    assert "history.txt) must end with .md or .json." in done.text
    done = history.run("-e", f"history_repository={tmp_path}/nowhere")
    assert done.code != 0
    assert "git log in history_repository" in done.text
    assert "nowhere" in done.text.partition("failed:")[2]
