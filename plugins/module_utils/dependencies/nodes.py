# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nodes that are away, or came back only a moment ago with everything on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..failure import Code
from ..readiness.fields import condition, is_true, timestamp
from .down import Down

ONLY_NOW = "it came back only now"
_BACK_SECONDS = 45.0  # pods on a node that was away are ready, and endpoints, some time after it


def unready(nodes: Iterable[Mapping[str, Any]]) -> Iterator[Down]:
    """Those that say of themselves that they are not ready."""
    for node in nodes:
        ready = condition(node, "Ready")
        if ready and ready.get("status") != "True":
            why = str(ready.get("reason") or "not ready")
            yield Down(f"node {node['metadata']['name']}", why, Code.PLATFORM_DOWN)


def just_back(nodes: Iterable[Mapping[str, Any]], made: float, now: float) -> Iterator[Down]:
    """Those that were away during the life of a pod, until a moment ago. ``made``: when it was made."""
    for node in nodes:
        if is_just_ready(node, made, now):
            yield Down(f"node {node['metadata']['name']}", ONLY_NOW, Code.PLATFORM_DOWN)


def is_just_ready(item: Mapping[str, Any], made: float, now: float) -> bool:
    """Whether a node or pod became ready a moment ago, after ``made``. All times on the server's clock."""
    since = timestamp(condition(item, "Ready").get("lastTransitionTime")) or 0.0
    return is_true(item, "Ready") and 0 < made < since and now - since < _BACK_SECONDS
