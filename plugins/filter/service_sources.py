# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that says where the inventory says what of a service."""

from __future__ import annotations

DOCUMENTATION = r"""
name: service_sources
version_added: 1.0.0
short_description: Where the inventory says what of a service
description:
  - Lists the keys of an entry of C(services) with their values as they are written, templates included, and with the
    file and line of each as far as Ansible knows it. Empty for a host that is written by hand.
  - What stands below C(values) is not shown, since charts take secrets there; nor is what looks like a credential, or
    is encrypted by a vault.
positional: hostvars, folder
options:
  _input:
    description: Name of the host of the service.
    type: str
    required: true
  hostvars:
    description: The variables of all hosts, as Ansible has them in C(hostvars).
    type: dict
    required: true
  folder:
    description: Folder from which paths are shown.
    type: str
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Show where the port of a service is said
  ansible.builtin.debug:
    msg: "{{ 'search' | todo.cloud.service_sources(hostvars, playbook_dir) }}"
    # [{key: port, value: '3000', source: 'app.yml:7'}, …]
"""

RETURN = r"""
_value:
  description: C(key), C(value) and C(source) of each.
  type: list
  elements: dict
  sample: [{"key": "port", "value": "3000", "source": "app.yml:7"}]
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.parsing.vault import EncryptedString
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked
from ansible_collections.todo.cloud.plugins.module_utils.planning.credentials import is_credential
from ansible_collections.todo.cloud.plugins.module_utils.secret_values import MASK
from ansible_collections.todo.cloud.plugins.module_utils.services.types import is_template

try:
    from ansible._internal._datatag._tags import Origin
except ImportError:  # a version of Ansible that keeps it elsewhere: then nobody knows
    Origin = None


def service_sources(host: str, hostvars: Any, folder: str) -> list[dict[str, str]]:
    """See DOCUMENTATION."""
    entry = (hostvars.raw_get(host) or {}).get("service_entry") or {}
    return [
        {"key": key, "value": _shown(key, value), "source": _source(at, folder)}
        for key, value, at in _leaves(entry, "", None)
    ]


def _shown(key: str, value: Any) -> str:
    """As it is written, unless it may be secret."""
    if isinstance(value, EncryptedString):
        return "(in a vault)"
    if is_template(value):
        return str(value)
    if key.startswith("values."):
        return "(not shown)"
    name = key.rpartition(".")[2]
    if isinstance(value, str):
        named = not key.startswith("secrets.") and is_credential((name,), {name: value})  # those are references
        return MASK if named else masked(value)
    return masked(json.dumps(value, default=lambda _: "(in a vault)"))


def _leaves(value: Any, path: str, at: Any) -> Iterator[tuple[str, Any, Any]]:
    """Path, value and what knows its place: the value itself, else its key."""
    if not isinstance(value, Mapping) or not value:
        yield path, value, value if _origin(value) else at
        return
    for key, inner in value.items():
        yield from _leaves(inner, f"{path}.{key}" if path else str(key), key if _origin(key) else at)


def _origin(value: Any) -> Any:
    return Origin.get_tag(value) if Origin is not None else None


def _source(value: Any, folder: str) -> str:
    origin = _origin(value)
    if origin is None or not origin.path:
        return ""
    path = Path(origin.path)
    shown = os.path.relpath(path, folder) if path.is_relative_to(folder) else str(path)
    return f"{shown}:{origin.line_num}" if origin.line_num else shown


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"service_sources": service_sources}
