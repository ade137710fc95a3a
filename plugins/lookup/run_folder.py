# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup that returns the path of a run's private folder."""

from __future__ import annotations

DOCUMENTATION = r"""
name: run_folder
version_added: 0.1.0
short_description: A private folder for this run's temporary files
description:
  - Returns a folder on the controller that only its user can read. It is created on first use, and removed at the end
    of the run. When a run was killed, the next run removes its folder.
  - The Kubernetes client library writes the client key of a kubeconfig to a temporary file. With this folder as
    E(TMPDIR), that file does not outlive a killed run for long.
options: {}
author: todo.cloud maintainers (@todo-app)
"""

EXAMPLES = r"""
---
- name: List namespaces
  hosts: cluster
  gather_facts: false
  environment:
    TMPDIR: "{{ lookup('todo.cloud.run_folder') }}"
  tasks:
    - name: Read the namespaces
      kubernetes.core.k8s_info:
        kind: Namespace
"""

RETURN = r"""
_raw:
  description: The path of the folder.
  type: list
  elements: path
"""

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.todo.cloud.plugins.plugin_utils.run import run_folder


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible ships no type information
    """See DOCUMENTATION."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The folder's path."""
        return [str(run_folder())]
