# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that draws dashboards as one HTML page."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dashboard_page
version_added: 1.0.0
short_description: Draw dashboards as one HTML page
description:
  - Draws what Prometheus answered to the queries of P(todo.cloud.dashboard_queries#filter), with active alerts and the
    pods on top. The page loads nothing from anywhere.
positional: drawn, now
options:
  _input:
    description: Dashboards of Grafana, as dictionaries.
    type: list
    elements: dict
    required: true
  drawn:
    description: RV(todo.cloud.metrics_info#module:series) over a time, of these queries.
    type: dict
    required: true
  now:
    description: RV(todo.cloud.metrics_info#module:series) of C(alerts), C(ready) and C(restarts).
    type: dict
    required: true
  title:
    description: Title of the page.
    type: str
    required: true
  moment:
    description: When that was, in seconds since the epoch.
    type: float
    required: true
seealso:
  - module: todo.cloud.metrics_info
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Write the page
  ansible.builtin.copy:
    content: "{{ boards | todo.cloud.dashboard_page(drawn.series, now.series, title='staging', moment=1764000000) }}"
    dest: dashboard.html
    mode: "0644"
"""

RETURN = r"""
_value:
  description: HTML.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.observing.page import page_of


def dashboard_page(boards: Any, drawn: Any, now: Any, *, title: str, moment: float) -> str:
    """The page."""
    return page_of(boards, drawn, now, title, float(moment))


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"dashboard_page": dashboard_page}
