# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup that compares what DNS answers with a load balancer's addresses."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_records
version_added: 1.0.0
short_description: DNS records that public names need, and whether they are there
description:
  - Asks the controller's resolver for each name, and says which record the name needs to lead to the load balancer.
  - Names that DNS does not know yet are reported as such; nothing is changed.
options:
  _terms:
    description: Public host names. A wildcard is asked for by a name that it covers.
    type: list
    elements: str
    required: true
  addresses:
    description: Addresses of the load balancer, IP addresses or its host name.
    type: list
    elements: str
    required: true
author: todo.cloud maintainers (@todo-app)
"""

EXAMPLES = r"""
---
- name: Show the records that must exist
  ansible.builtin.debug:
    msg: "{{ records | map(attribute='message') }}"
  vars:
    records: "{{ query('todo.cloud.dns_records', 'todo.example.com', addresses=['203.0.113.7']) }}"
"""

RETURN = r"""
_raw:
  description: One per name.
  type: list
  elements: dict
  contains:
    host:
      description: The name.
      type: str
    record:
      description: The record that it needs.
      type: str
    state:
      description: V(right), V(missing) or V(wrong).
      type: str
    message:
      description: A sentence about it.
      type: str
  sample:
    - host: todo.example.com
      record: todo.example.com. A 203.0.113.7
      state: right
      message: todo.example.com leads to 203.0.113.7
"""

import socket
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.todo.cloud.plugins.module_utils.environments.dns_records import dns_records

_UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def resolve(host: str) -> list[str]:
    """Addresses that the controller's resolver knows; none when there is no such name.

    :raises AnsibleError: the resolver does not answer
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as exc:
        if exc.errno in _UNKNOWN:
            return []
        raise AnsibleError(
            f"The name {host} cannot be looked up, since DNS does not answer here: {exc.strerror}"
        ) from exc
    return sorted({str(entry[4][0]) for entry in found})


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible ships no type information
    """See DOCUMENTATION."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        """One result per name."""
        self.set_options(var_options=variables, direct=kwargs)
        addresses = [str(each) for each in self.get_option("addresses")]
        return [record.as_result() for record in dns_records(map(str, terms), addresses, resolve)]
