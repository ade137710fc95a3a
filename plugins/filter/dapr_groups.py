# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that names the consumer groups of Dapr components."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dapr_groups
version_added: 1.0.0
short_description: Consumer groups of the Dapr components of an environment
description:
  - The consumer groups of the Kafka components in values of charts/dapr-components, in order. For an app of which each
    pod has a group of its own, a name that begins like those.
options:
  _input:
    description: Layers of values, the chart's own first.
    type: list
    elements: dict
    required: true
  namespace:
    description: Namespace of the environment.
    type: str
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Show the group of an app
  ansible.builtin.debug:
    msg: "{{ [{'pubsub': {'enabled': true, 'apps': apps}}] | todo.cloud.dapr_groups('shop') }}"     # [shop.bank]
  vars:
    apps:
      shop: {publishes: [orders], subscribes: []}
      bank: {publishes: [], subscribes: [orders]}
"""

RETURN = r"""
_value:
  description: The consumer groups.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.services.topics import groups_of


def dapr_groups(layers: Sequence[Mapping[str, Any]], namespace: str) -> list[str]:
    """See DOCUMENTATION."""
    return groups_of(layers, namespace)


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"dapr_groups": dapr_groups}
