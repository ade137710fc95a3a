# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that says whether a module of another collection is installed."""

from __future__ import annotations

DOCUMENTATION = r"""
name: module_is_installed
version_added: 1.0.0
short_description: Whether a module of another collection is installed
description:
  - For tasks that are included only then, since Ansible ends the whole run at a task whose module it does not know.
options:
  _input:
    description: The module's full name.
    type: str
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Module is there
  ansible.builtin.assert:
    that: "'community.digitalocean.digital_ocean_domain_record' | todo.cloud.module_is_installed"
"""

RETURN = r"""
_value:
  description: Whether it is.
  type: bool
"""

import importlib.util
from collections.abc import Callable


def module_is_installed(name: str) -> bool:
    """Whether a collection on Ansible's path has it."""
    namespace, collection, module = name.split(".")
    try:
        found = importlib.util.find_spec(f"ansible_collections.{namespace}.{collection}.plugins.modules.{module}")
    except ImportError:
        return False
    return found is not None


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[[str], bool]]:
        return {"module_is_installed": module_is_installed}
