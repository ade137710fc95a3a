# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that draws dashboards as one HTML page."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dashboard_page
version_added: 1.0.0
short_description: Draw dashboards as one HTML page
description:
  - Draws what Prometheus answered to the queries of P(todo.cloud.dashboard_queries#filter), with active alerts, the
    pods and the last runs on top. The page loads nothing from anywhere and runs no script.
  - The plots are drawn by matplotlib, in the Python that runs ansible-playbook.
requirements:
  - matplotlib >= 3.8
positional: drawn, now, alerts
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
    description:
      - RV(todo.cloud.metrics_info#module:series) of C(ready), C(restarts) within an hour, C(runs) (their times) and
        C(age) (of the newest sample, in seconds).
    type: dict
    required: true
  alerts:
    description: RV(todo.cloud.metrics_info#module:alerts); those of the environment or its namespace are shown.
    type: list
    elements: dict
    required: true
  title:
    description: Title of the page.
    type: str
    required: true
  environment:
    description: Name of the environment.
    type: str
    required: true
  namespace:
    description: Its namespace.
    type: str
    required: true
  hours:
    description: How far back the plots go.
    type: float
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
    content: >-
      {{ boards | todo.cloud.dashboard_page(drawn.series, now.series, now.alerts, title='Todo: staging', hours=3,
         environment='staging', namespace='todo-staging', moment=1764000000) }}
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

from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.observing.page import Page, page_of


def dashboard_page(
    boards: Any,
    drawn: Any,
    now: Any,
    alerts: Any,
    *,
    title: str,
    environment: str,
    namespace: str,
    hours: float,
    moment: float,
) -> str:
    """The page. Raises AnsibleFilterError: matplotlib is not there."""
    try:
        return page_of(Page(title, environment, namespace, float(hours), float(moment)), boards, drawn, now, alerts)
    except TodoCloudError as exc:
        raise AnsibleFilterError(exc.failure.message) from None


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"dashboard_page": dashboard_page}
