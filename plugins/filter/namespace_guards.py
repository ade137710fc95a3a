# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that makes the objects which limit a namespace of the platform."""

from __future__ import annotations

DOCUMENTATION = r"""
name: namespace_guards
version_added: 1.0.0
short_description: Quota, limits and network policies of a namespace
description:
  - The objects as the role namespace applies them, for a namespace of the platform.
positional: quota, policies
options:
  _input:
    description: Name of the namespace.
    type: str
    required: true
  quota:
    description:
      - Hard limits of its ResourceQuota. With it comes a LimitRange, so that a container without requests and limits is
        not refused but limited. Empty means neither.
    type: dict
    required: true
  policies:
    description: NetworkPolicies, their C(spec) by name, besides one that denies everything. Empty means none at all.
    type: dict
    required: true
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Limits of a namespace
  ansible.builtin.debug:
    msg: "{{ 'traefik' | todo.cloud.namespace_guards({'pods': '10'}, policies) }}"
  vars:
    policies:
      allow-out: {policyTypes: [Egress], egress: [{}]}
"""

RETURN = r"""
_value:
  description: Objects, whole.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

_DENY: Mapping[str, Any] = {"policyTypes": ["Ingress", "Egress"]}
_DEFAULTS: Mapping[str, Any] = {
    "type": "Container",
    "default": {"cpu": "500m", "memory": "256Mi"},
    "defaultRequest": {"cpu": "10m", "memory": "64Mi"},
}


def namespace_guards(
    namespace: str, quota: Mapping[str, Any], policies: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Quota with limits, and policies with one that denies the rest; an empty one leaves its objects out."""

    def made(api_version: str, kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        metadata = {"name": name, "namespace": namespace}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": dict(spec)}

    found = []
    if quota:
        hard = {key: str(value) for key, value in quota.items()}
        found.append(made("v1", "ResourceQuota", "platform", {"hard": hard}))
        found.append(made("v1", "LimitRange", "platform", {"limits": [dict(_DEFAULTS)]}))
    if policies:
        every = {"default-deny": _DENY, **policies}
        for name, spec in every.items():
            found.append(made("networking.k8s.io/v1", "NetworkPolicy", name, {"podSelector": {}, **spec}))
    return found


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"namespace_guards": namespace_guards}
