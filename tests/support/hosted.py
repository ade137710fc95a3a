# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the hosted service does around act: which workflows an event starts, which runs wait, whose secrets they get.

Its documentation is the source of each rule, on docs.github.com below /en/actions:
  triggers and patterns  using-workflows/workflow-syntax-for-github-actions
  concurrency            using-jobs/using-concurrency
  environments           using-jobs/using-environments-for-jobs, reference/environments
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

BRANCH, TAG = "refs/heads/", "refs/tags/"


def read(path: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 takes its key ``on`` for true."""
    return {"on" if key is True else key: value for key, value in yaml.safe_load(path.read_text()).items()}


def matches(pattern: str, name: str) -> bool:
    """A filter's pattern: ``*`` is any characters but a slash, ``**`` any, ``?`` makes the one before optional."""
    parts = re.split(r"(\*\*|\*|\?|\+|\[[^]]+\])", pattern)
    kept = {"**": ".*", "*": "[^/]*", "?": "?", "+": "+"}
    text = "".join(kept.get(part) or (part if part[:1] == "[" else re.escape(part)) for part in parts)
    return re.fullmatch(text, name) is not None


def pushed(workflow: Mapping[str, Any], ref: str) -> bool:
    """Whether the push of a ref starts it: only ``branches`` means no tag, and the other way round."""
    events = workflow["on"]
    if not isinstance(events, dict):
        return events == "push" or "push" in events
    if "push" not in events:
        return False
    wanted = events["push"] or {}
    kind, name = ("branches", ref.removeprefix(BRANCH)) if ref.startswith(BRANCH) else ("tags", ref.removeprefix(TAG))
    if not wanted.keys() & {"branches", "tags"}:
        return True
    return any(matches(pattern, name) for pattern in wanted.get(kind, ()))


@dataclass(frozen=True)
class Environment:
    """Settings of one environment.

    Attributes:
        secrets: for jobs that name the environment, after its reviewers have said yes.
        refs: patterns of the branches and tags that may deploy to it; empty: all.
        reviewers: whether a job waits for one of them.
    """

    secrets: Mapping[str, str] = field(default_factory=dict)
    refs: tuple[str, ...] = ()
    reviewers: bool = False

    def admits(self, ref: str) -> bool:
        """Whether a job that runs for this ref may name the environment; rules begin with ``tag:`` or ``branch:``."""
        kind, _, name = ref.removeprefix("refs/").partition("/")
        wanted = {"heads": "branch", "tags": "tag"}[kind]
        rules = [rule.partition(":") for rule in self.refs]
        return not rules or any(of == wanted and matches(pattern, name) for of, _, pattern in rules)


def environments(
    workflow: Mapping[str, Any], called: Mapping[str, Mapping[str, Any]], inputs: Mapping[str, str]
) -> set[str]:
    """Environments that its jobs name, those of called workflows too; expressions are those of inputs."""
    found = set()
    for job in workflow["jobs"].values():
        if "uses" in job:
            other = called[Path(job["uses"].partition("@")[0]).stem]
            declared = (other["on"]["workflow_call"] or {}).get("inputs", {})
            given = {name: each["default"] for name, each in declared.items() if "default" in each}
            given |= {name: _filled(str(value), inputs) for name, value in job.get("with", {}).items()}
            found |= environments(other, called, given)
        elif "environment" in job:
            found.add(_filled(job["environment"], inputs))
    return found


def _filled(text: str, inputs: Mapping[str, str]) -> str:
    asked = r"\$\{\{ inputs\.(\w+)(?: \|\| inputs\.(\w+))? \}\}"
    return re.sub(asked, lambda found: inputs.get(found[1], "") or inputs.get(found[2] or "", ""), text)


@dataclass
class Groups:
    """Runs of the same concurrency group: one runs, one waits.

    Another one that comes takes the place of the one that waits, which is cancelled. The one that runs is cancelled too
    if ``cancel-in-progress`` says so.
    """

    running: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)

    def come(self, group: str, run: int, *, cancel_in_progress: bool = False) -> list[int]:
        """A run is there. Returns those that are cancelled; ``running`` says whether it may begin."""
        if not group or group not in self.running:
            self.running[group or f"run {run}"] = run
            return []
        gone = [self.waiting[group]] if group in self.waiting else []
        self.waiting[group] = run
        return [*gone, self.running[group]] if cancel_in_progress else gone

    def end(self, run: int) -> int | None:
        """A run has ended, or was cancelled. Returns the one that may begin now."""
        self.waiting = {group: each for group, each in self.waiting.items() if each != run}
        for group, each in list(self.running.items()):
            if each == run:
                del self.running[group]
                if group in self.waiting:
                    self.running[group] = self.waiting.pop(group)
                    return self.running[group]
        return None


def group_of(workflow: Mapping[str, Any]) -> tuple[str, bool]:
    """Concurrency group of a whole run, and whether it cancels the one that runs."""
    found = workflow.get("concurrency") or {}
    return str(found.get("group", "")).lower(), bool(found.get("cancel-in-progress", False))


def called_in(folder: Path) -> dict[str, dict[str, Any]]:
    """The workflows that others call, by name."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.yml"))}


def started_by(folder: Path, ref: str) -> Iterable[str]:
    """Names of the workflows of a repository that the push of a ref starts."""
    return [path.stem for path in sorted(folder.glob("*.yml")) if pushed(read(path), ref)]
