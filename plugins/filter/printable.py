# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that makes what a program or a server said fit for a message."""

from __future__ import annotations

DOCUMENTATION = r"""
name: printable
version_added: 1.0.0
short_description: What a program or a server said, fit for a message
description:
  - Returns text from outside as one line without credentials, terminal escapes, changes of text direction, and commands
    to the runner of a CI job, and not longer than O(limit). The modules of this collection do so with all that they
    return; this filter is for what other modules return, such as the standard error of M(ansible.builtin.command).
options:
  _input:
    description: The text.
    type: str
    required: true
  limit:
    description: Number of characters.
    type: int
    default: 500
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: End with the program's own words
  ansible.builtin.fail:
    msg: "The chart cannot be read: {{ shown.stderr | todo.cloud.printable }}"
  when: shown.rc != 0
"""

RETURN = r"""
_value:
  description: One line.
  type: str
  sample: "Error: repo todo not found"
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.masking import masked
from ansible_collections.todo.cloud.plugins.module_utils.neutral import one_line, shortened


def printable(text: object, limit: int = 500) -> str:
    """``text`` as one line, masked and without what a terminal or a runner acts on.

    :param limit: characters
    """
    return shortened(one_line(masked(str(text))), limit=limit)


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"printable": printable}
