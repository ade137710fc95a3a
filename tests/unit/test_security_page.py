"""docs/security.md: what somebody with one right can do is shown by tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
ROWS = re.findall(r"^\| (.+?) \| .+ \| .+ \| (`.+::.+`) \|$", (TOP / "docs" / "security.md").read_text(), re.MULTILINE)


def test_the_table_is_there() -> None:
    assert len(ROWS) >= 14
    assert {"create ConfigMaps", "write Leases", "write Secrets"} <= {right for right, _tests in ROWS}


@pytest.mark.parametrize(("right", "tests"), ROWS, ids=[right for right, _tests in ROWS])
def test_each_line_names_tests_that_exist(right: str, tests: str) -> None:
    for each in tests.split(", "):
        file, _colons, name = each.strip("`").partition("::")
        tree = ast.parse((TOP / "tests" / file).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{right}: {each}"
