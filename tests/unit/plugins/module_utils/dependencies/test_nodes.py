# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A node that is away, or was until a moment ago, is to blame for what was made before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dependencies.nodes import is_just_ready, just_back, unready
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

NOW = 1_000_000.0


def node(status: str = "True", since: float = NOW) -> dict[str, Any]:
    at = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {"type": "Ready", "status": status, "reason": "NodeStatusUnknown", "lastTransitionTime": at}
    return {"metadata": {"name": "one"}, "status": {"conditions": [ready]}}


def test_a_node_that_is_not_ready_is_named_with_its_reason() -> None:
    assert list(unready([node()])) == []
    assert list(unready([{"metadata": {"name": "new"}}])) == []
    (down,) = unready([node("Unknown")])
    assert (str(down), down.code) == ("node one is down: NodeStatusUnknown", Code.PLATFORM_DOWN)


@pytest.mark.parametrize(
    ("status", "since", "made", "expected"),
    [
        ("True", NOW - 10, NOW - 60, True),
        ("True", NOW - 50, NOW - 60, False),  # long enough ago
        ("True", NOW - 10, NOW - 5, False),  # made after its return
        ("True", NOW - 10, 0.0, False),  # not known when
        ("Unknown", NOW - 10, NOW - 60, False),
    ],
)
def test_what_came_back_a_moment_ago(status: str, since: float, made: float, expected: bool) -> None:
    assert is_just_ready(node(status, since), made, NOW) is expected
    assert [str(down) for down in just_back([node(status, since)], made, NOW)] == (
        ["node one is down: it came back only now"] if expected else []
    )
