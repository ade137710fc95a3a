# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roles of this collection that say what a service is, each as an entry of ``services``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"


def bases(load: Callable[[str], Any]) -> dict[str, Mapping[str, Any]]:
    """Name of each role, and its entry.

    :param load: reads a YAML file of this path
    """
    found = {}
    for file in sorted(ROLES.glob("*/vars/main.yml")):
        role = file.parents[1].name
        if f"\n_{role}_entry:\n" in file.read_text(encoding="utf-8"):  # to read the others as YAML takes a while
            found[role] = load(str(file))[f"_{role}_entry"]
    return found


@functools.cache
def plain_bases() -> dict[str, Mapping[str, Any]]:
    """The same with templates as plain text, read once per process."""
    return bases(plain)


def plain(path: str) -> Any:
    """A YAML file of this collection that has no templates; quicker than Ansible's own reader."""
    return yaml.load(Path(path).read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
