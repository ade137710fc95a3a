"""Runs ansible-playbook as a person would, without a cluster."""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import yaml

from tests.support.environ import clean_environ

TOP = Path(__file__).resolve().parents[2]
_COMPILED = tempfile.mkdtemp(prefix="templates-")  # for all runs of this process
atexit.register(shutil.rmtree, _COMPILED)


class Ansible:
    """``ansible-playbook`` for runs that share a folder and Ansible's settings; it is imported once: see ansible_forks.

    Settings of the caller's shell are left out.
    """

    def __init__(self, cwd: Path = TOP, **env: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(TOP / "tests/unit/ansible_forks.py"), _COMPILED],
            cwd=cwd, env={**clean_environ("TODO_"), "ANSIBLE_NOCOLOR": "1", **env},
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def playbook(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        """One run, output and errors together; ``env`` holds no settings of Ansible itself."""
        assert self._process.stdin
        assert self._process.stdout
        with tempfile.NamedTemporaryFile("r") as output:
            argv = [*map(str, arguments)]
            self._process.stdin.write(json.dumps({"arguments": argv, "environ": env, "output": output.name}) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(argv, code, output.read())

    def role(
        self, role: str, tmp_path: Path, tasks_from: str = "main", then: Sequence[dict[str, Any]] = (), **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        """One role on one host with these variables; ``then``: tasks after it."""
        include = {"name": f"todo.cloud.{role}", "tasks_from": tasks_from}
        play = {
            "name": "Role on its own",
            "hosts": "all",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, **variables},
            "tasks": [{"name": "Role", "ansible.builtin.include_role": include}, *then],
        }
        file = tmp_path / "play.yml"
        file.write_text(yaml.safe_dump([play]))
        return self.playbook(file, "-i", "alone,", "-c", "local")
