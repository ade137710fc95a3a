# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that says what follows from the entry of a role, for a host that is written by hand."""

from __future__ import annotations

DOCUMENTATION = r"""
name: role_facts
version_added: 1.0.0
short_description: What follows from what a role says a service is
description:
  - The same as P(todo.cloud.service_facts#filter) for a host that is written by hand. All of it goes under what the
    inventory says. Services that this collection's other roles describe are let in where they call it.
positional: name, environment, called_by
options:
  _input:
    description: What the role says, as an entry of C(services).
    type: dict
    required: true
  name:
    description: Name of the service.
    type: str
    required: true
  environment:
    description: What the environment says of public endpoints, and its names of Secrets.
    type: dict
    required: true
  called_by:
    description: Entries of C(services) that call it.
    type: list
    elements: str
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Show what the role backend_api says
  ansible.builtin.debug:
    msg: "{{ {'image': 'ghcr.io/acme/search:v1', 'calls': ['backend-api']} | todo.cloud.role_facts('search', {}, []) }}"
    # role_values: {image: ghcr.io/acme/search:v1, networkPolicy: {egressTo: [backend-api]}, …}
"""

RETURN = r"""
_value:
  description: The same as of P(todo.cloud.service_facts#filter).
  type: dict
  sample: {"role_values": {"image": "ghcr.io/acme/search:v1"}, "connections": {}, "watches": [], "app_id": "search"}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.module_utils.services.graph import callers
from ansible_collections.todo.cloud.plugins.module_utils.services.problems import entry_problems
from ansible_collections.todo.cloud.plugins.module_utils.services.values import role_facts as facts_of
from ansible_collections.todo.cloud.plugins.plugin_utils.roles import plain_bases


def role_facts(
    base: Mapping[str, Any], name: str, environment: Mapping[str, Any], called_by: Sequence[str]
) -> dict[str, Any]:
    """See DOCUMENTATION.

    :raises AnsibleFilterError: what the role says has a mistake
    """
    found = entry_problems(name, base)
    if found:
        raise AnsibleFilterError(" ".join(found))
    others = {role.replace("_", "-"): entry for role, entry in plain_bases().items()}
    return facts_of(name, base, environment, callers(others).get(name, ()), called_by)


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"role_facts": role_facts}
