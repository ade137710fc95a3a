# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that works out what Secrets shall hold: from the inventory, else from the cluster, else from chance."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secret_contents
version_added: 0.1.0
short_description: What Secrets shall hold
description:
  - Each key takes its value from the inventory, else from the cluster, else (where it is to be generated) from chance.
    What the cluster has under other keys is left out.
positional: generated, found
options:
  _input:
    description: Values by Secret and key. An empty value means that what the cluster has is kept.
    type: dict
    required: true
  generated:
    description: Keys by Secret that get 48 random letters and digits when they have no value yet.
    type: dict
    default: {}
  found:
    description: The Secrets that the cluster has, as the API returns them.
    type: list
    elements: dict
    default: []
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Every key has a value
  ansible.builtin.assert:
    that: contents.app.missing | length == 0
  vars:
    contents: "{{ {'app': {'dsn': dsn}} | todo.cloud.secret_contents({'app': ['session_key']}) }}"
"""

RETURN = r"""
_value:
  description: By name of the Secret what it shall hold.
  type: dict
  contains:
    data:
      description: Values in Base64, by key, as the field C(data) of a Secret has them.
      type: dict
    open:
      description: Keys for which the inventory has no value, so that it matters what the cluster has.
      type: list
      elements: str
    missing:
      description: Those of them that neither the cluster has nor chance may give.
      type: list
      elements: str
"""

import base64
import secrets
import string
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_LETTERS = string.ascii_letters + string.digits
_LENGTH = 48


def secret_contents(
    values: Mapping[str, Mapping[str, Any]],
    generated: Mapping[str, Iterable[str]] | None = None,
    found: Iterable[Mapping[str, Any]] = (),
) -> dict[str, dict[str, Any]]:
    """Contents by name of the Secret: ``data``, ``open`` and ``missing``."""
    present = {each["metadata"]["name"]: each.get("data") or {} for each in found}
    by_chance = generated or {}
    return {
        name: _contents(values.get(name) or {}, list(by_chance.get(name) or ()), present.get(name, {}))
        for name in sorted({*values, *by_chance})
    }


def _contents(values: Mapping[str, Any], generated: list[str], present: Mapping[str, str]) -> dict[str, Any]:
    data = {key: base64.b64encode(str(v).encode()).decode() for key, v in values.items() if v is not None and v != ""}
    unset = [key for key in dict.fromkeys([*values, *generated]) if key not in data]
    missing = []
    for key in unset:
        if key in present:
            data[key] = present[key]
        elif key in generated:
            chance = "".join(secrets.choice(_LETTERS) for place in range(_LENGTH))
            data[key] = base64.b64encode(chance.encode()).decode()
        else:
            missing.append(key)
    return {"data": data, "open": unset, "missing": missing}


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"secret_contents": secret_contents}
