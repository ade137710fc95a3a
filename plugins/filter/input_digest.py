# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that computes the digest of a release's inputs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: input_digest
version_added: 0.1.0
short_description: Digest of a chart's content and its values
description:
  - Forty hexadecimal digits over the names and contents of a chart's files and over the values, the same that
    M(todo.cloud.release_apply) compares. Equal inputs have equal digests, regardless of the order of keys and of the
    chart's version.
positional: values, content
options:
  _input:
    description: Folder or archive of the chart on the controller.
    type: path
    required: true
  values:
    description: Values of the chart.
    type: dict
    default: {}
  content:
    description: Digest of the chart's content, instead of that of its files; see the role C(app_service).
    type: str
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Show the input digest of the components
  ansible.builtin.debug:
    msg: "{{ (playbook_dir ~ '/../charts/dapr-components') | todo.cloud.input_digest({'tracing': {'rate': '1'}}) }}"
"""

RETURN = r"""
_value:
  description: The digest, short enough for a label.
  type: str
  sample: 5d2a9f0c3b8e4716a0c1d2e3f405162738495a6b
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.module_utils import digest
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError


def input_digest(chart: str, values: Mapping[str, Any] | None = None, content: str | None = None) -> str:
    """Digest of the chart at a path, or of one with that content, and of values for it.

    :raises AnsibleFilterError: there is no chart
    """
    try:
        return digest.input_digest(content or digest.chart_digest(str(chart), None), values or {})
    except TodoCloudError as exc:
        raise AnsibleFilterError(f"input_digest: {exc.failure.message}") from exc


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"input_digest": input_digest}
