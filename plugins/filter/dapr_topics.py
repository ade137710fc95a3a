# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that names the topics of Dapr components."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dapr_topics
version_added: 1.0.0
short_description: Topics that the Dapr components of an environment publish and subscribe to
description:
  - The topics of the Kafka components in values of charts/dapr-components, in order.
options:
  _input:
    description: Layers of values, the chart's own first.
    type: list
    elements: dict
    required: true
  namespace:
    description: Namespace of the environment, for the topics' names at the broker. Empty for those in the app.
    type: str
    default: ""
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Show the topics of two apps
  ansible.builtin.debug:
    msg: "{{ [{'pubsub': {'enabled': true, 'apps': apps}}] | todo.cloud.dapr_topics }}"     # [orders, payments]
  vars:
    apps:
      shop: {publishes: [orders], subscribes: []}
      bank: {publishes: [payments], subscribes: [orders]}
"""

RETURN = r"""
_value:
  description: The topics.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.services.topics import topics_of


def dapr_topics(layers: Sequence[Mapping[str, Any]], namespace: str = "") -> list[str]:
    """See DOCUMENTATION."""
    return topics_of(layers, namespace)


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"dapr_topics": dapr_topics}
