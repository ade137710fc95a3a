# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the rules are made of holds for what it says."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.expressions import Expression
from ansible_collections.todo.cloud.plugins.module_utils.readiness.phrases import READY, all_true, has, word


@pytest.mark.parametrize("status", ["True", True])
def test_conditions_whatever_type_their_status_has(status: object) -> None:
    obj = {"status": {"conditions": [{"type": "Ready", "status": status}, {"type": "Synced", "status": "False"}]}}
    assert Expression(READY).holds(obj)
    assert Expression(has("Synced", "False")).holds(obj)
    assert not Expression(all_true("Ready", "Synced")).holds(obj)


def test_words() -> None:
    assert Expression(word("status.phase", "Failed", "Lost")).holds({"status": {"phase": "Lost"}})
    assert not Expression(word("status.phase", "Failed", "Lost")).holds({"status": {}})
