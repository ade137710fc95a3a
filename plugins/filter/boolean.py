# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that makes a boolean of a variable's value, or refuses it by the variable's name."""

from __future__ import annotations

DOCUMENTATION = r"""
name: boolean
version_added: 0.1.0
short_description: A variable's value as a boolean
description:
  - Extra variables (C(-e key=value)) and variables of INI inventories are strings. In a condition the string V(false)
    is an error or means true, in the values of a chart it means true. This filter makes booleans of them.
  - Unlike P(ansible.builtin.bool#filter) it refuses what is not a boolean, and names the variable to set.
positional: name
options:
  _input:
    description: The value. A boolean, or a string or number that Ansible takes for one in the options of modules.
    type: raw
    required: true
  name:
    description: Name of the variable, for the message.
    type: str
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: A switch that was given as -e with_tracing=no
  ansible.builtin.debug:
    msg: "{{ with_tracing | todo.cloud.boolean('with_tracing') }}"
    # false
"""

RETURN = r"""
_value:
  description: The boolean.
  type: bool
  sample: false
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean as to_boolean


def boolean(value: object, name: str) -> bool:
    """``value`` as a boolean.

    :param name: of the variable
    :raises AnsibleFilterError: the value is not a boolean
    """
    try:
        return bool(to_boolean(value))
    except TypeError:
        raise AnsibleFilterError(f"{name} ({value!r}) is not a boolean: set it to true or false.") from None


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"boolean": boolean}
