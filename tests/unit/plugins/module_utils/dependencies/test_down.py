# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is down says so in a sentence."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.dependencies.down import Down
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code


def test_a_dependency_unless_said_otherwise() -> None:
    down = Down("kafka", "it has no pods")
    assert str(down) == "kafka is down: it has no pods"
    assert (down.code, down.asked) == (Code.DEPENDENCY_DOWN, True)
