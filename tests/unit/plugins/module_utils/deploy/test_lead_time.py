from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.lead_time import lead_seconds


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The commit of a checkout, the folder of the command; it was made two hours ago."""
    made = f"{time.time() - 7200:.0f} +0000"
    who = {f"GIT_{role}_{part}": "ada@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    env = {**os.environ, **who, "GIT_COMMITTER_DATE": made, "GIT_CONFIG_GLOBAL": "/dev/null"}
    for argv in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run(["git", "-C", tmp_path, *argv], env=env, check=True)
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PWD", str(tmp_path))
    found = subprocess.run(["git", "-C", tmp_path, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def test_a_commit_of_the_checkout_has_its_time(checkout: str) -> None:
    assert 7190 <= lead_seconds(checkout) < 7800
    assert 7190 <= lead_seconds(checkout[:7]) < 7800


def test_what_ci_checked_out_comes_first(checkout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", os.environ["PWD"])
    monkeypatch.setenv("PWD", "/")
    assert lead_seconds(checkout) >= 7190


@pytest.mark.parametrize("commit", ["", "--output=x", "v1.0.0", "0" * 40])
def test_what_is_no_commit_of_it_is_unknown(checkout: str, commit: str) -> None:
    assert lead_seconds(commit) == 0.0


def test_without_git_it_is_unknown(checkout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert lead_seconds(checkout) == 0.0
