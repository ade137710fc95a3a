# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that parses, changes and builds container image references."""

from __future__ import annotations

DOCUMENTATION = r"""
name: image_ref
version_added: 0.1.0
short_description: Parse, change and build a container image reference
description:
  - Splits a reference such as V(ghcr.io/todo-app/frontend:v1.0.0@sha256:…) into registry, repository, tag and digest,
    replaces the parts that are given, and returns all parts or one of them.
  - The grammar is that of the OCI distribution project. A first component without a dot, a colon and other than
    V(localhost) belongs to the repository; the registry is then V(docker.io), and a repository of one word there
    gets the prefix V(library/).
  - A missing tag stays missing. It never means V(latest).
positional: part
options:
  _input:
    description: The reference as a string, or its parts as a dictionary (as this filter returns them).
    type: raw
    required: true
  part:
    description: Return only this part, as a string. V(ref) is the whole reference, V(name) is registry and repository.
    type: str
    choices: [ref, name, registry, repository, tag, digest]
  registry:
    description: Use this registry instead, for example a mirror.
    type: str
  repository:
    description: Use this repository instead.
    type: str
  tag:
    description:
      - Use this tag instead. The digest is dropped unless O(digest) is given too, since it belongs to the old tag.
    type: str
  digest:
    description: Use this digest instead, V(sha256:) and 64 hexadecimal digits.
    type: str
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Show the parts of a reference
  ansible.builtin.debug:
    msg: "{{ 'ghcr.io/todo-app/frontend:v1.0.0' | todo.cloud.image_ref }}"
    # registry: ghcr.io, repository: todo-app/frontend, tag: v1.0.0, digest: '',
    # name: ghcr.io/todo-app/frontend, ref: ghcr.io/todo-app/frontend:v1.0.0

- name: Use the same image from a mirror
  ansible.builtin.debug:
    msg: "{{ 'ghcr.io/todo-app/frontend:v1.0.0' | todo.cloud.image_ref('ref', registry='mirror.example.com:5000') }}"

- name: Build a reference from parts
  ansible.builtin.debug:
    msg: "{{ {'registry': 'ghcr.io', 'repository': 'todo-app/web', 'tag': 'v1'} | todo.cloud.image_ref('ref') }}"
"""

RETURN = r"""
_value:
  description:
    - The parts C(registry), C(repository), C(tag), C(digest), C(name) and C(ref) (missing parts are empty
      strings), or the one that O(part) names.
  type: raw
  sample:
    registry: ghcr.io
    repository: todo-app/frontend
    tag: v1.0.0
    digest: ""
    name: ghcr.io/todo-app/frontend
    ref: ghcr.io/todo-app/frontend:v1.0.0
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import DOCKER_HUB, PARTS, Reference

_CHOICES = ("ref", "name", *PARTS)


def image_ref(
    value: str | Mapping[str, str],
    part: str | None = None,
    registry: str | None = None,
    repository: str | None = None,
    tag: str | None = None,
    digest: str | None = None,
) -> dict[str, str] | str:
    """Return the parts of an image reference after the given ones were replaced.

    :param value: reference, or a mapping with some of registry, repository, tag and digest
    :param part: name of the one part to return instead of all
    :raises AnsibleFilterError: a part is missing or does not follow the grammar
    """
    if part is not None and part not in _CHOICES:
        raise AnsibleFilterError(f"image_ref: there is no part {part!r}; choose one of {', '.join(_CHOICES)}")
    given = {"registry": registry, "repository": repository, "tag": tag, "digest": digest}
    try:
        parts = _parts(value)
        if tag is not None and digest is None:
            parts["digest"] = ""
        parts |= {key: str(new) for key, new in given.items() if new is not None}
        found = Reference.of(**parts, source=value)
    except ValueError as exc:
        raise AnsibleFilterError(f"image_ref: {exc}") from exc
    result = {key: getattr(found, key) for key in PARTS} | {"name": found.name, "ref": str(found)}
    return result if part is None else result[part]


def _parts(value: object) -> dict[str, str]:
    if isinstance(value, str):
        parsed = Reference.parse(value)
        return {key: getattr(parsed, key) for key in PARTS}
    if isinstance(value, Mapping):
        return {key: str(value.get(key) or (DOCKER_HUB if key == "registry" else "")) for key in PARTS}
    raise ValueError(f"expected a string or a dictionary, got {type(value).__name__}")


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"image_ref": image_ref}
