"""Runs ansible-playbook as a person would, without a cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.support.environ import clean_environ

TOP = Path(__file__).resolve().parents[2]


def ansible_playbook(*arguments: str | Path, cwd: Path = TOP, **env: str) -> subprocess.CompletedProcess[str]:
    """One run, output and errors together. Settings of the caller's shell are left out."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), *map(str, arguments)],
        cwd=cwd, env={**clean_environ("TODO_"), "ANSIBLE_NOCOLOR": "1", **env}, text=True, timeout=300,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip


def run_role(
    role: str, tmp_path: Path, tasks_from: str = "main", then: Sequence[dict[str, Any]] = (), **variables: Any
) -> subprocess.CompletedProcess[str]:
    """One role on one host with these variables; ``then``: tasks after it."""
    play = {
        "name": "Role on its own",
        "hosts": "all",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable, **variables},
        "tasks": [
            {"name": "Role", "ansible.builtin.include_role": {"name": f"todo.cloud.{role}", "tasks_from": tasks_from}},
            *then,
        ],
    }
    file = tmp_path / "play.yml"
    file.write_text(yaml.safe_dump([play]))
    return ansible_playbook(file, "-i", "alone,", "-c", "local", ANSIBLE_CONFIG=str(TOP / "ansible.cfg"))
