# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that names the release of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: release_name
version_added: 0.1.0
short_description: The name of a host's Helm release
description:
  - Each host of the groups C(components), C(core_services), C(event_services) and C(services) describes one release.
    Its name follows from the inventory alone, so it is known of hosts that C(--limit) leaves out as well.
  - A host that the inventory plugin makes of an entry has the entry's name.
  - A host that runs the role P(todo.cloud.app_service#role) has the name in C(app_service_name), else its own name with
    hyphens for underscores. Any other has the name of its role (C(service_role), else that of the host) with hyphens.
positional: hostvars
options:
  _input:
    description: Name of the host in the inventory.
    type: str
    required: true
  hostvars:
    description: The variables of all hosts, as Ansible has them in C(hostvars).
    type: dict
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Releases of the core services
  ansible.builtin.debug:
    msg: "{{ groups.core_services | map('todo.cloud.release_name', hostvars) }}"
    # [backend-api, frontend]
"""

RETURN = r"""
_value:
  description: Name of the release.
  type: str
  sample: backend-api
"""

from collections.abc import Callable, Mapping
from typing import Any

_ANY_CHART = "app_service"  # the role for releases that have no role of their own


def release_name(host: str, hostvars: Mapping[str, Mapping[str, Any]]) -> str:
    """The name of a host's release; see DOCUMENTATION."""
    variables = hostvars[host]
    if "service_entry" in variables:
        return host.replace("_", "-")
    role = str(variables.get("service_role") or host)
    if role != _ANY_CHART:
        return role.replace("_", "-")
    return str(variables.get("app_service_name") or host.replace("_", "-"))


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"release_name": release_name}
