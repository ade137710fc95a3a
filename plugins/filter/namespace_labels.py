# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that names the labels of a namespace."""

from __future__ import annotations

DOCUMENTATION = r"""
name: namespace_labels
version_added: 1.0.0
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
    description:
      - Level of Pod Security, V(restricted), V(baseline) or V(privileged), to be enforced and warned of. Or a
        dictionary of levels for C(enforce), C(warn) and C(audit); a missing or empty one sets no label.
    type: raw
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

from collections.abc import Callable, Mapping
from typing import Any


def namespace_labels(owner: str, label: str, pod_security: str | Mapping[str, str]) -> dict[str, str]:
    """The owner's label, and Pod Security: one level to enforce and to warn of, or a level by mode (empty: none)."""
    modes = pod_security if isinstance(pod_security, Mapping) else dict.fromkeys(("enforce", "warn"), pod_security)
    return {label: owner, **{f"pod-security.kubernetes.io/{mode}": level for mode, level in modes.items() if level}}


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"namespace_labels": namespace_labels}
