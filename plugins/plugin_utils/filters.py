# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Imports the filters before Ansible forks: else a process for each task and host would import them all anew."""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import suppress

_FILTERS = "ansible_collections.todo.cloud.plugins.filter"


def import_all() -> None:
    """One that can't be imported is left to Ansible, which says so where it is used."""
    for found in pkgutil.iter_modules(importlib.import_module(_FILTERS).__path__):
        with suppress(ImportError):
            importlib.import_module(f"{_FILTERS}.{found.name}")
