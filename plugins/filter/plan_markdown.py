# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that formats a plan as Markdown, for a CI summary or a comment on a pull request."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_markdown
version_added: 1.0.0
short_description: Format a plan as Markdown
description:
  - Formats the result of M(todo.cloud.release_apply) in check mode as Markdown. It has a title with the totals, a table
    with one row per release, drift and warnings if there are any, and with diff mode the folded diff of every object.
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

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.module_utils.neutral import html_text, markdown, markdown_block

_PLAIN = ("unchanged",)


def _cell(text: Any) -> str:
    return markdown(str(text).replace("->", "→"))


def _row(item: Mapping[str, Any]) -> str:
    kind = _cell(item["kind"])
    shown = kind if kind in _PLAIN else f"**{kind}**"
    return f"| {_cell(item['name'])} | {shown} | {_cell(item['revisions'])} | {_cell(item['why'])} |"


def _unified(entry: Mapping[str, str]) -> str:
    lines = difflib.unified_diff(
        entry["before"].splitlines(),
        entry["after"].splitlines(),
        entry["before_header"],
        entry["after_header"],
        lineterm="",
    )
    return "\n".join(lines)


def _folded(entries: Iterable[Mapping[str, str]], limit: int) -> list[str]:
    lines, left, out = [], limit, []
    for entry in entries:
        what, text = entry["after_header"].rpartition(" (")[0], _unified(entry)
        if len(text) > left:
            out.append(markdown(what))
            continue
        left -= len(text)
        title = f"<details><summary>{html_text(what)}</summary>"
        lines += ["", title, "", *markdown_block(text, "diff"), "", "</details>"]
    return lines + (["", f"Too long to show here: {', '.join(out)}."] if out else [])


def plan_markdown(plan: Mapping[str, Any], environment: str, limit: int = 50_000) -> str:
    """Return a plan as Markdown.

    :param plan: result of the module release_apply in check mode
    :param environment: name for the title
    :param limit: characters for all diffs together
    :raises AnsibleFilterError: it is not such a result
    """
    if not isinstance(plan, Mapping) or not isinstance(plan.get("plan"), list) or not plan.get("table"):
        raise AnsibleFilterError("plan_markdown: expected the result of release_apply in check mode")
    lines = [f"### Plan of {markdown(environment)}: {markdown(str(plan['table'][-1]))}"]
    if plan["plan"]:
        lines += ["", "| release | plan | revision | why |", "|---|---|---|---|", *map(_row, plan["plan"])]
    drift = plan.get("drift") or []
    lines += ["", "Drift, in the cluster but not in the release:", ""] if drift else []
    lines += [f"* {_cell(each['message'])}" for each in drift]
    lines += [f"\n> {_cell(warning)}" for warning in [*(plan.get("warnings") or ()), *(plan.get("notes") or ())]]
    differences = plan.get("diff") or []
    lines += _folded([differences] if isinstance(differences, Mapping) else differences, limit)
    return "\n".join(lines) + "\n"


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_markdown": plan_markdown}
