# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that formats the status of an environment as lines of text."""

from __future__ import annotations

DOCUMENTATION = r"""
name: environment_table
version_added: 0.1.0
short_description: Show an environment on one screen
description:
  - Formats the result of M(todo.cloud.release_set_info) with its status as lines of text. First the current release
    set, who holds the lock and how many pods autoscalers have, then one line per release, then the messages of the
    releases that are not Current, what somebody changed in the cluster, which autoscalers cannot scale, when the logins
    of database and broker were tried, and the last runs.
options:
  _input:
    description: Result of M(todo.cloud.release_set_info), called with its status.
    type: dict
    required: true
  title:
    description: With it the lines are returned as one text, as Markdown below this title.
    type: str
    default: ''
    version_added: 1.0.0
seealso:
  - module: todo.cloud.release_set_info
author: todo.cloud maintainers
"""

EXAMPLES = r"""
---
- name: Read the environment
  todo.cloud.release_set_info:
    environment: staging
    namespace: todo-staging
    status: true
  register: staging

- name: Show the environment
  ansible.builtin.debug:
    msg: "{{ staging | todo.cloud.environment_table }}"
"""

RETURN = r"""
_value:
  description: Lines of text; with O(title) one text.
  type: raw
  sample:
    - "at verified set 4 (commit 0123abc, 2026-11-21T10:00:00Z)"
    - "lock: free"
    - "release      revision  state    replicas  restarts  sidecars  verified  image"
    - "backend-api  3         Current  2/2       0         2/2       yes       ghcr.io/todo-app/backend-api:v1.0.0"
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.module_utils.neutral import markdown_block
from ansible_collections.todo.cloud.plugins.module_utils.tables import columns
from ansible_collections.todo.cloud.plugins.plugin_utils.report.markdown import marked, page

_DIGEST = re.compile(r"@sha256:([0-9a-f]{12})[0-9a-f]+")  # the first digits tell it apart
_HEAD = ("release", "revision", "state", "replicas", "restarts", "sidecars", "verified", "image")


def _cells(name: str, release: Mapping[str, Any]) -> tuple[str, ...]:
    images = release.get("images") or []
    return (
        name,
        str(release.get("revision") or "-"),
        str(release.get("state") or release.get("status") or "-"),
        str(release.get("replicas") or "-"),
        str(release.get("restarts", "-")),
        str(release.get("sidecars") or "-"),
        "drifted" if release.get("drift") else "yes" if release.get("verified") else _not_verified(release),
        _image(images[0], release.get("tag")) if images else "-",
    )


def _image(image: Any, tag: Any) -> str:
    """``tag``: a newer one of the same image."""
    return _DIGEST.sub(r"@sha256:\1", str(image)) + (f" = {tag}" if tag else "")


def _not_verified(release: Mapping[str, Any]) -> str:
    return "?" if release.get("status") == "unknown" else "no"


def _where(info: Mapping[str, Any]) -> str:
    current = info.get("current")
    found = next((each for each in info.get("sets") or [] if each.get("id") == current), None)
    if not current:
        newest = next((each["id"] for each in info.get("sets") or [] if not each.get("withdrawn")), 0)
        return f"newest verified set: {newest or 'none'}" if info.get("unread") else "at no verified set"
    facts = [f"commit {found['commit']}" if found.get("commit") else "", str(found.get("time") or "")] if found else []
    details = ", ".join(fact for fact in facts if fact)
    failed = f", which failed since then: {found['failed']}" if found and found.get("failed") else ""
    return f"at verified set {current}" + (f" ({details})" if details else "") + failed


def _lock(info: Mapping[str, Any]) -> list[str]:
    lock = info.get("lock") or {}
    return [f"lock: held by {lock.get('holder')} since {lock.get('since')}" if lock.get("held") else "lock: free"]


def _trust(info: Mapping[str, Any]) -> list[str]:
    trust = info.get("trust") or {}
    known = [days for days in (trust.get("root_days_left"), trust.get("issuer_days_left")) if days is not None]
    mtls = trust.get("mtls")
    tls = "" if mtls is None else "mutual TLS on" if mtls else "mutual TLS OFF"
    days = f"Dapr's certificates: {min(known)} days" if known else ""
    return ["; ".join(text for text in (days, tls) if text)] if days or tls else []


def _certificates(info: Mapping[str, Any]) -> list[str]:
    return [
        f"certificate {each['name']}: "
        + ("not issued yet" if each["days_left"] is None else f"{each['days_left']} days left")
        + ("" if each["ready"] else ", not ready")
        + (f": {each['why']}" if each.get("why") else "")
        for each in info.get("certificates") or []
    ]


def _hosts(info: Mapping[str, Any]) -> list[str]:
    found = info.get("hosts") or []
    return [f"host {each['host']}: {', '.join(each['addresses']) or 'no address yet'}" for each in found]


def _quota(info: Mapping[str, Any]) -> list[str]:
    used: dict[str, list[str]] = {}
    for each in info.get("quota") or []:
        used.setdefault(each["quota"], []).append(f"{each['resource']} {each['used']} of {each['hard']}")
    return [f"quota {name}: {', '.join(found)}" for name, found in sorted(used.items())]


def _autoscalers(info: Mapping[str, Any]) -> list[str]:
    return [
        f"autoscaler {each['name']}: {each['now']} pods now, {each['min']} to {each['max']}"
        for each in info.get("autoscalers") or []
    ]


def _events(info: Mapping[str, Any]) -> list[str]:
    """Runs that changed it, or failed to, newest first."""
    lines = []
    for each in info.get("events") or []:
        commit = f", commit {each['commit']}" if each.get("commit") else ""
        sets = f"set {each['from_set'] or '-'} -> {each['to_set'] or '-'}"
        why = f" ({each['code']}: {each['message']})" if each.get("code") else ""
        emergency = f", emergency: {each['emergency']}" if each.get("emergency") else ""
        if each.get("requests"):
            why = f", {each['failed_requests']} of {each['requests']} requests failed{why}"
        run = f"run {each['time']}: {each['run']} by {each['who']}{commit}, {sets}"
        lines.append(f"{run}, {each['outcome']} after {each['seconds']:.0f} s{why}{emergency}")
    return lines


def environment_table(info: Mapping[str, Any], title: str = "") -> Any:
    """Return lines of text with the state of an environment.

    :param info: result of the module release_set_info with ``status``
    :param title: the lines as Markdown below it
    :raises AnsibleFilterError: it is not such a result
    """
    if not isinstance(info, Mapping) or not isinstance(info.get("status"), Mapping):
        raise AnsibleFilterError("environment_table: expected the result of release_set_info with status: true")
    status: Mapping[str, Mapping[str, Any]] = info["status"]
    rows = [_HEAD, *(_cells(name, release) for name, release in sorted(status.items()))]
    messages = [
        f"{name}: {release['message']}"
        for name, release in sorted(status.items())
        if release.get("message") and release.get("state") != "Current"
    ]
    drifted = [f"{name}: {each}" for name, release in sorted(status.items()) for each in release.get("drift") or []]
    table = columns(rows) if status else ["no releases"]
    unread = [f"not checked: {each}" for each in info.get("unread") or []]
    head = [_where(info), *unread, *_lock(info), *_trust(info), *_certificates(info), *_hosts(info), *_quota(info)]
    head += _autoscalers(info)
    lines = [*head, *table, *messages, *drifted, *(info.get("notes") or []), *_events(info)]
    return page(marked(title), markdown_block("\n".join(lines), "text")) if title else lines


class FilterModule:
    """Filters of this file, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"environment_table": environment_table}
