# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that says where a path leads that a person typed."""

from __future__ import annotations

DOCUMENTATION = r"""
name: typed_path
version_added: 1.0.0
short_description: A path as whoever typed it means it
description:
  - A relative path begins in the folder of the command, wherever Ansible is meanwhile; C(~) is a home folder, which no
    shell expands behind C(=).
options:
  _input:
    description: The path.
    type: str
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Show where the summary is written
  ansible.builtin.debug:
    msg: "{{ summary_file | todo.cloud.typed_path }}"
"""

RETURN = r"""
_value:
  description: The path, absolute where the folder of the command is known.
  type: str
  sample: /home/ada/shop/plan.md
"""

import os
from collections.abc import Callable
from typing import Any


def typed_path(path: str) -> str:
    """The path from the folder of the command (``PWD``), or from a home folder."""
    return os.path.join(os.environ.get("PWD", ""), os.path.expanduser(str(path)))


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """As Ansible asks for them."""
        return {"typed_path": typed_path}
