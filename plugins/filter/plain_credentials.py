# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that finds credentials among values that everybody may read."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plain_credentials
version_added: 1.0.0
short_description: Find credentials among plain values
description:
  - Paths of the values that are credentials by their name (C(API_TOKEN), C(dbPassword)) or by their form (a URL with a
    password, a private key, a token with its publisher's prefix). The values themselves are not returned.
options:
  _input:
    description: Values of a chart, or environment variables.
    type: dict
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Check that no environment variable is a credential
  ansible.builtin.assert:
    that: env | todo.cloud.plain_credentials | length == 0
"""

RETURN = r"""
_value:
  description: Paths, in the order of the values.
  type: list
  elements: str
  sample: [API_TOKEN]
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.planning.credentials import plain_credentials


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[[Mapping[str, Any]], list[str]]]:
        return {"plain_credentials": plain_credentials}
