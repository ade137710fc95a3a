# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that finds the keys of Secrets that nobody wants any more."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secret_leftovers
version_added: 1.0.0
short_description: Find keys of Secrets that are no longer wanted
description:
  - Keys of Secrets in the cluster that their contents do not have, whoever put them there. Their values are not
    returned.
positional: found
options:
  _input:
    description: Contents by Secret, as from P(todo.cloud.secret_contents#filter).
    type: dict
    required: true
  found:
    description: The Secrets in the cluster, as the API returns them.
    type: list
    elements: dict
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Show keys that are no longer wanted
  ansible.builtin.debug:
    msg: "{{ contents | todo.cloud.secret_leftovers(read.resources) }}"
"""

RETURN = r"""
_value:
  description: Secrets with such keys.
  type: list
  elements: dict
  contains:
    name:
      description: Name of the Secret.
      type: str
    keys:
      description: The keys.
      type: list
      elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.environments.secrets import leftovers


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"secret_leftovers": leftovers}
