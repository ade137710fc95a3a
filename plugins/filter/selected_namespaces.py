# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that says which namespaces a webhook's selector selects."""

from __future__ import annotations

DOCUMENTATION = r"""
name: selected_namespaces
version_added: 1.0.0
short_description: Which of some namespaces a namespaceSelector selects
description:
  - As the API server evaluates it, for namespaces that have no labels but C(kubernetes.io/metadata.name).
positional: names
options:
  _input:
    description: The selector. An empty one selects every namespace.
    type: dict
    required: true
  names:
    description: Names of the namespaces.
    type: list
    elements: str
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: The webhook leaves the nodes' own pods alone
  ansible.builtin.assert:
    that: selector | todo.cloud.selected_namespaces(['kube-system']) | length == 0
  vars:
    selector:
      matchExpressions:
        - {key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}
"""

RETURN = r"""
_value:
  description: Those that are selected, in their order.
  type: list
  elements: str
  sample: []
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.readiness.selectors import matches

_NAME = "kubernetes.io/metadata.name"


def selected_namespaces(selector: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Those of ``names`` that ``selector`` matches by their name alone."""
    return [name for name in names if matches(selector, {_NAME: name})]


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"selected_namespaces": selected_namespaces}
