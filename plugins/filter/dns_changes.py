# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that compares the records of a DNS provider's zones with those that public names need."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_changes
version_added: 1.0.0
short_description: Which records of a DNS provider's zones public names need
description:
  - Splits each name into its zone and the name in it, and compares with the records that are there.
positional: addresses, zones, there
options:
  _input:
    description: Public host names.
    type: list
    elements: str
    required: true
  addresses:
    description: Addresses of the load balancer, IP addresses or its host name.
    type: list
    elements: str
    required: true
  zones:
    description: Zones (domains) of the provider. The longest that holds a name is its zone.
    type: list
    elements: str
    required: true
  there:
    description: The records of each zone, with C(id), C(type), C(name) and C(data).
    type: dict
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Say which records are missing
  ansible.builtin.debug:
    msg: "{{ hosts | todo.cloud.dns_changes(['203.0.113.7'], ['example.com']) | map(attribute='record') }}"
  vars:
    hosts: [todo.example.com]
"""

RETURN = r"""
_value:
  description: One per name and address.
  type: list
  elements: dict
  contains:
    host:
      description: The public name.
      type: str
    zone:
      description: Its zone; empty if none of the zones holds it.
      type: str
    name:
      description: The name in the zone, V(@) for the zone itself.
      type: str
    type:
      description: Type of the record.
      type: str
    data:
      description: Where it leads.
      type: str
    record:
      description: The record in one line.
      type: str
    state:
      description: V(missing), V(there), V(elsewhere) or V(no_zone).
      type: str
    there:
      description: Whether the record is there, also among others.
      type: bool
    others:
      description: Records of the name that lead elsewhere, with C(id), C(type) and C(data).
      type: list
      elements: dict
  sample:
    - host: todo.example.com
      zone: example.com
      name: todo
      type: A
      data: 203.0.113.7
      record: todo.example.com. A 203.0.113.7
      state: missing
      there: false
      others: []
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.environments.dns_zones import dns_changes


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        return {"dns_changes": dns_changes}
