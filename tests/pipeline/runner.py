# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosted service on this machine: a push to the bare repository starts act on the workflows of its commit.

tests/support/hosted.py has the rules that it goes by.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.processes import environ_of, processes
from tests.cluster.paths import BIN, TOP, cache
from tests.support import hosted
from tests.workflows import SHELL, act, stand_ins

HERE = Path(__file__).parent
FOLDER = cache() / "pipeline"
NOTHING = "0" * 40
PULL_REQUEST = 7
TOKEN = "token-of-the-run"  # which the hosted service gives to each
_HOOK = '#!/bin/sh\nwhile read -r before after ref; do echo "$after $ref" >> "$GIT_DIR/pushed"; done\n'
_JOB = re.compile(r"\[([^\]]+?)\s*\]")


@dataclass
class Run:
    """One run of a workflow. ``conclusion``: empty while it waits or runs; ``stages``: seconds of each job."""

    number: int
    workflow: str
    commit: str
    ref: str
    inputs: Mapping[str, str]
    event: str = "push"
    conclusion: str = ""
    output: str = ""
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    superseded_by: int = 0
    approved: bool = False
    given: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def identity(self) -> str:
        """What ``github.run_id`` is."""
        return f"{os.getpid()}-{self.number}"

    def told(self) -> str:
        """What it said, single-spaced, without act's marks."""
        return " ".join(" ".join(re.sub(r"^\[[^\]]+\]\s*\|?", "", line) for line in self.output.splitlines()).split())


class Runner:
    """``env``: variables of all runs, which are the machine's; ``secrets``: those of the repository."""

    def __init__(self, folder: Path, environments: Mapping[str, hosted.Environment], env: Mapping[str, str]) -> None:
        self.folder, self.environments, self.runs = folder, environments, list[Run]()
        self.origin = folder / "app.git"
        self.secrets = {"GITHUB_TOKEN": TOKEN}
        self._env, self._groups, self._lock = env, hosted.Groups(), threading.RLock()
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self.origin], check=True)
        hook = self.origin / "hooks/post-receive"
        hook.write_text(_HOOK)
        hook.chmod(0o755)
        self._venv = _venv()

    def take(self) -> list[Run]:
        """Start what the pushes since the last call start, in their order."""
        file = self.origin / "pushed"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        found = []
        for line in lines:
            commit, ref = line.split()
            if commit != NOTHING:
                look = self._checkout(commit, ref, self.folder / f"pushed-{len(self.runs)}-{commit}")
                found += [self._come(name, commit, ref) for name in hosted.started_by(look / ".github/workflows", ref)]
        return found

    def dispatch(self, workflow: str, inputs: Mapping[str, str]) -> Run:
        """Somebody fills in the form of a workflow, on main."""
        return self._come(workflow, "origin/main", f"{hosted.BRANCH}main", inputs, "workflow_dispatch")

    def propose(self, branch: str) -> Run:
        """Somebody opens a pull request from a branch of the repository itself."""
        return self._come("pull-request", f"origin/{branch}", f"{hosted.BRANCH}{branch}", None, "pull_request")

    def approve(self, run: Run) -> None:
        """A reviewer says yes."""
        with self._lock:
            run.approved = True
            self._begin(run)

    def cancel(self, run: Run) -> None:
        """As the button does: programs are asked to end."""
        self._end_it(run, signal.SIGINT, "cancelled")

    def kill(self, run: Run) -> None:
        """The machine that it runs on is gone."""
        self._end_it(run, signal.SIGKILL, "failure")

    @contextmanager
    def elsewhere(self, **env: str) -> Iterator[None]:
        """Runs that begin meanwhile have other variables."""
        before, self._env = self._env, {**self._env, **env}
        try:
            yield
        finally:
            self._env = before

    def wait(self, run: Run, within: float = 900) -> Run:
        """Until it has ended."""
        assert run.ended.wait(within), f"run {run.number} of {run.workflow} does not end: {run.output[-3000:]}"
        return run

    def _checkout(self, commit: str, ref: str, folder: Path) -> Path:
        at = ["-B", ref.removeprefix(hosted.BRANCH)] if ref.startswith(hosted.BRANCH) else ["--detach"]
        subprocess.run(["git", "clone", "-q", "--no-checkout", self.origin, folder], check=True)
        for argv in (["checkout", "-q", *at, commit], ["remote", "set-url", "origin", "https://github.com/team/app"]):
            subprocess.run(["git", *argv], cwd=folder, check=True)
        return folder

    def _come(
        self, workflow: str, commit: str, ref: str, inputs: Mapping[str, str] | None = None, event: str = "push"
    ) -> Run:
        with self._lock:
            run = Run(len(self.runs) + 1, workflow, "", ref, inputs or {}, event)
            folder = self._checkout(commit, ref, self._folder(run))
            run.commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder, text=True).strip()
            self.runs.append(run)
            group, cancels = hosted.group_of(hosted.read(self._file(run)))
            for number in self._groups.come(group, run.number, cancel_in_progress=cancels):
                self.runs[number - 1].superseded_by = run.number
                self.cancel(self.runs[number - 1])
            self._begin(run)
        return run

    def _folder(self, run: Run) -> Path:
        return self.folder / f"run-{run.number}" / "app"

    def _file(self, run: Run) -> Path:
        return self._folder(run) / f".github/workflows/{run.workflow}.yml"

    def _said(self, run: Run) -> Path:
        return self._folder(run).with_name("said")

    def _begin(self, run: Run) -> None:
        """Unless it waits for another run or a reviewer, or may not deploy there."""
        if run.number not in self._groups.running.values() or run.process or run.conclusion:
            return
        called = hosted.called_in(TOP / ".github/workflows")
        names = hosted.environments(hosted.read(self._file(run)), called, run.inputs)
        wanted = [self.environments[name] for name in names]
        if refused := [name for name in names if not self.environments[name].admits(run.ref)]:
            run.output = f"{run.ref} is not allowed to deploy to {', '.join(refused)}"
            self._ended(run, "failure")
        elif run.approved or not any(each.reviewers for each in wanted):
            secrets = self.secrets | {name: value for each in wanted for name, value in each.secrets.items()}
            run.given = tuple(sorted(names))
            run.process = self._act(run, secrets)
            threading.Thread(target=self._follow, args=(run, run.process), daemon=True).start()

    def _act(self, run: Run, secrets: Mapping[str, str]) -> subprocess.Popen[str]:
        folder = self._folder(run)
        event = folder.with_name("event.json")
        author = subprocess.check_output(["git", "log", "-1", "--format=%an"], cwd=folder, text=True).strip()
        repository = {"full_name": "team/app"}
        proposed: dict[str, Any] = {"number": PULL_REQUEST, "head": {"repo": repository}}
        payload: dict[str, Any] = {
            "ref": run.ref,
            "inputs": dict(run.inputs),
            "head_commit": {"author": {"name": author}},
        }
        if run.event == "pull_request":
            payload = {"number": PULL_REQUEST, "pull_request": proposed, "repository": repository}
        event.write_text(json.dumps(payload))
        self._said(run).touch()
        path = [HERE / "bin", SHELL, self._venv / "bin", cache() / "venv/bin", BIN, os.environ["PATH"]]
        home = folder.with_name("home")
        (home / ".config/containers").mkdir(parents=True)
        shutil.copy(self._env["CONTAINERS_REGISTRIES_CONF"], home / ".config/containers/registries.conf")
        given = {
            "PATH": ":".join(str(each) for each in path), "HOME": str(home),
            "GITHUB_RUN_ID": run.identity, "STEPS_SAID": str(self._said(run)),
            "ANSIBLE_COLLECTIONS_PATH": str(TOP / "collections"), "ANSIBLE_NOCOLOR": "1", **self._env,
        }  # fmt: skip
        kept = {
            name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_")) or name == "LANG"
        }
        argv = [
            str(act()), run.event, "-W", f".github/workflows/{run.workflow}.yml",
            "-e", str(event), "-P", "ubuntu-latest=-self-hosted", "--no-cache-server", "--concurrent-jobs", "2",
            *(word for name, value in given.items() for word in ("--env", f"{name}={value}")),
            *(word for name in secrets for word in ("-s", name)), *stand_ins(HERE / "actions/build"),
        ]  # fmt: skip
        return subprocess.Popen(
            argv, cwd=folder, env={**kept, **given, **secrets}, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def _follow(self, run: Run, process: subprocess.Popen[str]) -> None:
        begun, first, last = time.monotonic(), dict[str, float](), dict[str, float]()
        assert process.stdout
        for line in process.stdout:
            run.output += line
            if found := _JOB.match(line):
                now = time.monotonic()
                first.setdefault(found[1], now)
                last[found[1]] = now
        code = process.wait()
        run.output += self._said(run).read_text(errors="replace")
        run.seconds = time.monotonic() - begun
        run.stages = {name: last[name] - first[name] for name in first}
        with self._lock:
            self._ended(run, "success" if code == 0 else "failure")

    def _ended(self, run: Run, conclusion: str) -> None:
        run.conclusion = run.conclusion or conclusion
        (self.folder / f"run-{run.number}/output").write_text(run.output)
        following = self._groups.end(run.number)
        run.ended.set()
        if following:
            self._begin(self.runs[following - 1])

    def _end_it(self, run: Run, number: signal.Signals, conclusion: str) -> None:
        with self._lock:
            if run.conclusion:
                return
            run.conclusion = conclusion
            if not run.process:
                self._ended(run, conclusion)
                return
        mark = f"\0GITHUB_RUN_ID={run.identity}\0".encode()
        for pid in processes():
            if mark in b"\0" + environ_of(pid) + b"\0":
                with suppress(ProcessLookupError):
                    os.kill(pid, number)


def _venv() -> Path:
    """A Python for the runs' ``pip install``, which has what this one has."""
    folder = FOLDER / "venv"
    if not (folder / "bin/pip").exists():
        python = cache() / "venv/bin/python3"
        subprocess.run([python, "-m", "venv", "--without-pip", "--clear", folder], check=True)
        packages = folder / "lib" / Path(sysconfig.get_path("stdlib")).name / "site-packages"
        (packages / "here.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        pip = folder / "bin/pip"
        pip.write_text(f'#!/bin/sh\nexec "{folder}/bin/python3" -m pip "$@"\n')
        pip.chmod(0o755)
    return folder
