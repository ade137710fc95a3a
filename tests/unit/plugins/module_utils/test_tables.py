"""Tables as lines of text."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.tables import columns


def test_cells_stand_under_one_another_and_no_line_ends_with_blanks() -> None:
    assert columns([("name", "n"), ("a", "10"), ("longer", "")]) == ["name    n", "a       10", "longer"]
