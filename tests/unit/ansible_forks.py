"""Runs of ansible-playbook that start warm: Ansible is imported once, and each run is a fork of this process.

A line of JSON on standard input is a run: its arguments, what is added to the environment, and the file for its output.
The answer is a line with its exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys

from ansible.cli.playbook import PlaybookCLI
from ansible.constants import DEFAULT_LOCAL_TMP

# What every run would import by itself.
for name in ("callback.default", "action.include_vars", "connection.local", "inventory.yaml", "strategy.linear"):
    importlib.import_module(f"ansible.plugins.{name}")


def _run(arguments: list[str], environ: dict[str, str], output: str) -> None:
    signal.alarm(300)
    os.environ.update(environ)
    for stream in (1, 2):
        os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.makedirs(DEFAULT_LOCAL_TMP, exist_ok=True)  # each run removes it at its end
    PlaybookCLI.cli_executor(["ansible-playbook", *arguments])


for line in sys.stdin:
    if (child := os.fork()) == 0:
        _run(**json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
