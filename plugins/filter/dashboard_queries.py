# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that takes the queries out of dashboards."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dashboard_queries
version_added: 1.0.0
short_description: Queries of dashboards
description:
  - The queries of all panels that are drawn over time, each by a name of its own.
positional: namespace
options:
  _input:
    description: Dashboards of Grafana, as dictionaries.
    type: list
    elements: dict
    required: true
  namespace:
    description: Namespace that stands for their variable C($namespace).
    type: str
    required: true
seealso:
  - module: todo.cloud.metrics_info
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Ask for all that the dashboards show
  todo.cloud.metrics_info:
    queries: "{{ boards | todo.cloud.dashboard_queries('todo-staging') }}"
    seconds: 10800
  register: drawn
"""

RETURN = r"""
_value:
  description: Queries in PromQL, by name.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.observing.panels import queries_of


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"dashboard_queries": queries_of}
