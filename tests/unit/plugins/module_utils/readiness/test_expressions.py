# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JMESPath expressions instead of a kind's own rule."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.readiness.expressions import Expressions
from ansible_collections.todo.cloud.plugins.module_utils.readiness.status import State


def test_expression_over_an_absent_field_is_false_not_an_error() -> None:
    assert Expressions("length(status.conditions) > `0`").status_of({"kind": "x"}).state is State.IN_PROGRESS


def test_expression_that_does_not_parse_is_named() -> None:
    with pytest.raises(TodoCloudError, match="not a valid JMESPath expression") as caught:
        Expressions("status.[")
    assert caught.value.failure.code is Code.INVALID_INPUT
