# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that names the labels of a namespace."""

from __future__ import annotations

DOCUMENTATION = r"""
name: namespace_labels
version_added: 0.2.0
short_description: Labels of a namespace
description:
  - The owner's label and those of Pod Security, as the role namespace writes them.
positional: label, pod_security
options:
  _input:
    description: Name of the owner.
    type: str
    required: true
  label:
    description: Label that holds the owner's name.
    type: str
    required: true
  pod_security:
    description: Level of Pod Security.
    type: str
    choices: [restricted, baseline, privileged]
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Labels of the broker's namespace
  ansible.builtin.debug:
    msg: "{{ 'staging' | todo.cloud.namespace_labels('todo.cloud/platform-of', 'restricted') }}"
"""

RETURN = r"""
_value:
  description: Labels by name.
  type: dict
"""

from collections.abc import Callable
from typing import Any


def namespace_labels(owner: str, label: str, pod_security: str) -> dict[str, str]:
    """The owner's label, and Pod Security as enforced and warned of."""
    return {label: owner, **{f"pod-security.kubernetes.io/{mode}": pod_security for mode in ("enforce", "warn")}}


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"namespace_labels": namespace_labels}
