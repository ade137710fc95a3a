# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules as programs on odd machines: they do their work, or say in one sentence what the machine lacks."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.processes import processes
from tests.support.environ import clean_environ
from tests.support.fake_api import FakeApi, eventually
from tests.support.shown_cluster import cluster, objects

TOP = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def api() -> Iterator[FakeApi]:
    """An API server with a Deployment that is ready, and one that never will be."""
    with cluster(objects("deployment-healthy", "deployment-never-ready")) as (found, _kube, _lines):
        yield found


def environ(**more: str | None) -> dict[str, str]:
    path = os.pathsep.join((str(TOP / "collections"), str(TOP)))
    found = {**clean_environ("TODO_", "LC_", "LANG"), "PYTHONPATH": path, **more}
    return {key: value for key, value in found.items() if value is not None}


def options(api: FakeApi, name: str = "upgrade") -> dict[str, Any]:
    workload = {"kind": "Deployment", "name": name, "namespace": "fx"}
    return {**api.params, "workloads": [workload], "timeout": 60, "stability_seconds": 0}


def ran(module: str, given: dict[str, Any], env: dict[str, str], before: Callable[[], object]) -> dict[str, Any]:
    """A module's result: one JSON object and nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.module_server", module], input=json.dumps(given), env=env, cwd=TOP,
        text=True, capture_output=True, timeout=300, check=False, preexec_fn=before,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("locale", "umask"), [("C", 0o777), ("tr_TR.UTF-8", 0)])
def test_locale_umask_and_no_home(locale: str, umask: int, api: FakeApi) -> None:
    env = environ(LC_ALL=locale, LANG=locale, HOME=None, USER=None, LOGNAME=None)
    assert ran("rollout_wait", options(api), env, lambda: os.umask(umask))["verdict"] == "Current"


HELM = """
import resource, sys
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
limit, value, helm = sys.argv[1:]
if limit:
    resource.setrlimit(getattr(resource, limit), (int(value), int(value)))
try:
    HelmCli(lambda: {"x": "y" * 100}, helm).uninstall("api", "ns")
except TodoCloudError as exc:
    print(exc.failure.code.value, exc.failure.message)
"""


@pytest.mark.parametrize(
    ("limit", "value", "helm", "words"),
    [
        ("RLIMIT_FSIZE", 20, "echo v4.3.1", "File too large"),  # as with a quota, or a full disk
        ("RLIMIT_NOFILE", 4, "exit 0", "Too many open files"),
        ("", 0, "echo 'fatal error: out of memory' >&2; exit 2", "out of memory"),
        ("", 0, "kill -9 $$", "killed by signal 9: somebody ended it, or this machine or container is short of memory"),
    ],
)
def test_a_helm_without_room_is_told_in_one_sentence(
    limit: str, value: int, helm: str, words: str, tmp_path: Path
) -> None:
    program = tmp_path / "helm"
    program.write_text(f"#!/bin/sh\n{helm}\n")
    program.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", HELM, limit, str(value), str(program)],
        env=environ(), cwd=TOP, text=True, capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert words in done.stdout
    assert done.stdout.startswith("helm_failed" if "signal" in words else "controller_exhausted")


def play(folder: Path, given: dict[str, Any]) -> list[str]:
    """The command of a playbook that waits for a workload."""
    tasks = [{"todo.cloud.rollout_wait": given}]
    plays = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]
    (folder / "play.yml").write_text(json.dumps(plays))
    return [sys.executable, "-m", "ansible", "playbook", str(folder / "play.yml")]


def checkout() -> dict[Path, int]:
    """Its files, and when they were written; what Python compiles is left out."""
    folders = ("charts", "inventories", "meta", "playbooks", "plugins", "roles")
    files = [*TOP.iterdir(), *(file for each in folders for file in (TOP / each).rglob("*"))]
    return {file: file.stat().st_mtime_ns for file in files if file.is_file() and "__pycache__" not in file.parts}


def test_a_run_writes_nothing_into_the_checkout(api: FakeApi, tmp_path: Path) -> None:
    """So that it may be read-only."""
    before = checkout()
    env = environ(HOME=None, ANSIBLE_LOCAL_TEMP=str(tmp_path), PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        play(tmp_path, options(api)), cwd=TOP, env=env, stdin=subprocess.DEVNULL, text=True, capture_output=True,
        timeout=600, check=False, preexec_fn=lambda: os.umask(0o077),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout() == before


def descendants(pid: int) -> set[int]:
    """Processes that a process has started, and those have started, and so on."""
    parents = {}
    for each in processes():
        with suppress(OSError):
            parents[each] = int(Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def _owns_its_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored


def test_a_closed_terminal_ends_the_module_too(api: FakeApi, tmp_path: Path) -> None:
    """Ansible's workers are in sessions of their own, to which no SIGHUP comes."""
    ours, theirs = pty.openpty()
    begun = len(api.requests)
    with subprocess.Popen(
        play(tmp_path, options(api, "never-ready")), cwd=TOP,
        env=environ(ANSIBLE_LOCAL_TEMP=str(tmp_path), TERM="xterm"), stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=_owns_its_terminal,
    ) as controller:  # fmt: skip
        os.close(theirs)
        try:
            eventually(lambda: any(request.query.get("watch") for request in api.requests[begun:]), 300)
            started = descendants(controller.pid)
            assert started
            os.close(ours)
            eventually(lambda: controller.poll() is not None and not started & set(processes()), 120)
        finally:
            controller.kill()
