"""``python3 -m tests.lint``: ansible-lint, with one ansible-playbook that starts warm, not a hundred that do not.

It has the syntax of each playbook and role checked by a run of its own; see tests/unit/ansible_forks.py.
"""

from __future__ import annotations

import contextlib
import functools
import subprocess
import sys
import threading
from typing import Any
from unittest import mock

from ansiblelint.__main__ import main

from tests.unit.ansible_runs import TOP, Ansible


class Warm:
    """In the place of ``subprocess.run``; Ansible's settings in the environment decide which process a run is of."""

    def __init__(self, started: contextlib.ExitStack) -> None:
        self._one_at_a_time = threading.Lock()
        self._others = subprocess.run
        self._ansible = functools.cache(lambda *settings: started.enter_context(Ansible(TOP, **dict(settings))))

    def run(self, argv: Any, **options: Any) -> subprocess.CompletedProcess[Any]:
        if list(argv[:2]) != ["ansible-playbook", "--syntax-check"]:
            return self._others(argv, **options)
        settings = sorted((key, value) for key, value in options["env"].items() if key.startswith("ANSIBLE_"))
        with self._one_at_a_time:
            done = self._ansible(*settings).playbook(*argv[1:])
        return subprocess.CompletedProcess(argv, done.returncode, "", done.stdout)


if __name__ == "__main__":
    with contextlib.ExitStack() as started, mock.patch("subprocess.run", Warm(started).run):
        sys.exit(main(["ansible-lint", *sys.argv[1:]]))
