# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that says what follows from an entry of services."""

from __future__ import annotations

DOCUMENTATION = r"""
name: service_facts
version_added: 1.0.0
short_description: What follows from an entry of services
description:
  - Checks an entry of C(services) once its templates are filled in, and returns what the role
    P(todo.cloud.app_service#role) makes a release of. What an entry may say is in docs/services.md.
positional: name, app, environment, called_by, base
options:
  _input:
    description: The entry.
    type: dict
    required: true
  name:
    description: Name of the service.
    type: str
    required: true
  app:
    description: What all services share.
    type: dict
    required: true
  environment:
    description: What the environment says of public endpoints, and its names of Secrets.
    type: dict
    required: true
  called_by:
    description: Services that call this one.
    type: list
    elements: str
    required: true
  base:
    description: What the role of the entry says.
    type: dict
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Show the values of the chart that an entry stands for
  ansible.builtin.debug:
    msg: "{{ {'image': 'ghcr.io/acme/search:v1', 'scale': 2} | todo.cloud.service_facts('search', {}, {}, []) }}"
    # chart_values: {image: ghcr.io/acme/search:v1, replicas: 2, …}
"""

RETURN = r"""
_value:
  description:
    - C(chart_values), C(connections), C(watches), C(app_id) and C(sidecar), and C(migrations) where there are any.
      C(role_values) is what of the values the role says as well.
  type: dict
  sample: {"chart_values": {"image": "ghcr.io/acme/search:v1"}, "connections": {}, "watches": [], "app_id": "search"}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.module_utils.services.problems import (
    app_problems,
    entry_problems,
    exposure_problems,
)
from ansible_collections.todo.cloud.plugins.module_utils.services.values import facts


def service_facts(
    entry: Mapping[str, Any],
    name: str,
    app: Mapping[str, Any],
    environment: Mapping[str, Any],
    called_by: Sequence[str],
    base: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """See DOCUMENTATION.

    :raises AnsibleFilterError: the entry has a mistake
    """
    found = app_problems(app) + entry_problems(name, entry)
    found = found or exposure_problems(name, entry, environment)
    if found:
        raise AnsibleFilterError(" ".join(found))
    return facts(name, entry, app, environment, called_by, base)


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"service_facts": service_facts}
