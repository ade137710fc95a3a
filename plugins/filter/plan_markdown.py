# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that formats a plan as Markdown, for a CI summary or a comment on a pull request."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_markdown
version_added: 1.0.0
short_description: Format a plan as Markdown
description:
  - Formats the result of M(todo.cloud.release_apply) in check mode as Markdown. It has a title with the totals, what
    stands in the way, a table with one row per release, drift and warnings if there are any, and with diff mode the
    folded diff of every object.
  - It never contains values of Secrets, since the module hides them.
options:
  _input:
    description: Result of M(todo.cloud.release_apply), run in check mode.
    type: dict
    required: true
  environment:
    description: Name of the environment, for the title.
    type: str
    required: true
  limit:
    description:
      - Maximum number of characters of all diffs together. Diffs that do not fit are named and left out.
      - A GitHub comment may have 65536 characters.
    type: int
    default: 50000
seealso:
  - module: todo.cloud.release_apply
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Plan the deployment
  todo.cloud.release_apply:
    environment: staging
    namespace: todo-staging
    waves: "{{ waves }}"
  check_mode: true
  diff: true
  register: plan

- name: Write the plan for reviewers
  ansible.builtin.copy:
    content: "{{ plan | todo.cloud.plan_markdown(environment='staging') }}"
    dest: plan.md
    mode: "0644"
"""

RETURN = r"""
_value:
  description: Markdown.
  type: str
  sample: |
    ### Plan of staging: 1 to change, 4 unchanged

    | release | plan | revision | why |
    |---|---|---|---|
    | backend-api | **change** | 3 → 4 | image r/api:1 → r/api:2 |
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.plugin_utils.report.document import About, Told, document_of
from ansible_collections.todo.cloud.plugins.plugin_utils.report.markdown import contents, marked, page

_PARTS = ("plan", "preflight", "drift", "diff", "warnings", "notes")  # of a plan that reviewers see


def plan_markdown(plan: Mapping[str, Any], environment: str, limit: int = 50_000) -> str:
    """Return a plan as Markdown.

    :param plan: result of the module release_apply in check mode
    :param environment: name for the title
    :param limit: characters for all diffs together
    :raises AnsibleFilterError: it is not such a result
    """
    if not isinstance(plan, Mapping) or not isinstance(plan.get("plan"), list) or not plan.get("table"):
        raise AnsibleFilterError("plan_markdown: expected the result of release_apply in check mode")
    told = Told(releases=[{key: plan.get(key) or [] for key in _PARTS}])
    document = document_of(told, About(playbooks=[], began=0, ended=0))
    return page(f"Plan of {marked(environment)}: {marked(plan['table'][-1])}", contents(document, limit))


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_markdown": plan_markdown}
