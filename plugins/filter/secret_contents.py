# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that computes the contents of Secrets: from the inventory, the cluster, or randomly generated."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secret_contents
version_added: 0.1.0
short_description: Compute the contents of Secrets
description:
  - Each key takes its value from the inventory, otherwise from the cluster, otherwise a randomly generated one where
    that is allowed. Other keys of the Secrets in the cluster are left out.
positional: generated, found, rotated
options:
  _input:
    description:
      - Values by Secret and key, as text or, for binary ones, as a dictionary with the only key C(base64). An empty
        value keeps the value in the cluster.
    type: dict
    required: true
  generated:
    description: Keys by Secret whose value is generated when they have none, 48 random letters and digits.
    type: dict
    default: {}
  found:
    description: The Secrets in the cluster, as the API returns them.
    type: list
    elements: dict
    default: []
  rotated:
    description: Keys by Secret whose value in the cluster does not count, so that a new one is generated.
    type: dict
    default: {}
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Check that every key has a value
  ansible.builtin.assert:
    that: contents.app.missing | length == 0
  vars:
    contents: "{{ {'app': {'dsn': dsn}} | todo.cloud.secret_contents({'app': ['session_key']}) }}"
"""

RETURN = r"""
_value:
  description: Contents by name of the Secret.
  type: dict
  contains:
    data:
      description: Values in Base64 by key, as in the field C(data) of a Secret.
      type: dict
    open:
      description: Keys without a value in the inventory, whose value depends on the cluster.
      type: list
      elements: str
    missing:
      description: Keys that have no value in the cluster either and are not generated.
      type: list
      elements: str
    unfit:
      description: Keys whose value is no text, and what it is.
      type: list
      elements: str
      sample: [enabled (a boolean)]
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.environments.secrets import secret_contents


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"secret_contents": secret_contents}
