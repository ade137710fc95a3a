# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment of the programs that tests start."""

from __future__ import annotations

import os

# What a developer's shell may have set for Ansible, Helm and kubectl; PYTHONUNBUFFERED, for one, hides a silent log.
# COLUMNS and LINES: xdist's workers have them, of a terminal that is not there.
_SETTINGS = ("ANSIBLE_", "HELM_", "K8S_AUTH_", "KUBE", "PYTHON", "COLUMNS", "LINES")

# What tests read is Ansible's own output, not the one that this checkout's ansible.cfg chooses for people.
ANSIBLES_OUTPUT = {"ANSIBLE_STDOUT_CALLBACK": "default"}


def clean_environ(*further: str) -> dict[str, str]:
    """The caller's environment without settings of its shell; ``further``: other beginnings of names that go.

    Runs keep no reports, which would take the place of the caller's own.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith((*_SETTINGS, *further))}
    return {**kept, **ANSIBLES_OUTPUT, "TODO_REPORTS": ""}
