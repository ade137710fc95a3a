# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that makes a server's certificate from an authority of its own, or keeps the one that is there."""

from __future__ import annotations

DOCUMENTATION = r"""
name: private_certificate
version_added: 1.0.0
short_description: Make a server's certificate, or keep the one that is there
description:
  - Contents of a Secret with a server's certificate for a year and the authority that signed it, valid for ten.
  - What is there stays as long as it has 30 days left and holds the names; then the same authority signs a new one.
    Before an authority ends, its successor stands beside it in C(ca.crt) for most of a year.
positional: names
options:
  _input:
    description: The Secret in the cluster, as the API returns it, or an empty dictionary.
    type: dict
    required: true
  names:
    description: DNS names of the server.
    type: list
    elements: str
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Keep the certificate of the broker
  ansible.builtin.set_fact:
    certificate: "{{ read.resources | first | default({}) | todo.cloud.private_certificate(['kafka.kafka.svc']) }}"
  no_log: true
"""

RETURN = r"""
_value:
  description: C(tls.crt), C(tls.key), C(ca.crt) and C(ca.key), each as PEM.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.environments.private_certificate import private_certificate


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"private_certificate": private_certificate}
