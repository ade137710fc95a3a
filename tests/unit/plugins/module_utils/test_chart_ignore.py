# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Helm leaves out of a chart's folder, as ``helm package`` of Helm 4.3 does."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.chart_ignore import ignored

FILES = (
    "Chart.yaml", "README.md", "a.swp", ".env", "files/.app", "files/b/c.txt", "foo/foo/bar", "bar", "a-b",
    "templates/a.yaml", "templates/.b.yaml", "templates/x/.e.yaml",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("", ""),
        ("# *.swp\n\n  *.swp  ", "a.swp"),
        ("files/*", "files/.app files/b/c.txt"),  # a folder goes with all below it
        ("*/c.txt", ""),
        ("*.txt", "files/b/c.txt"),
        (".*", ".env files/.app templates/x/.e.yaml"),
        ("/.*", ".env"),
        ("bar", "foo/foo/bar bar"),
        ("/bar", "bar"),
        ("bar/", ""),
        ("foo/", "foo/foo/bar"),
        ("foo/foo", "foo/foo/bar"),
        ("?ar", "foo/foo/bar bar"),
        ("[a-b]ar", "foo/foo/bar bar"),
        ("[^b]ar", ""),
        ("a[\\-]b", "a-b"),
        ("[z-a]", ""),
        ("\\README.md", "README.md"),
    ],
)
def test_patterns(text: str, left_out: str) -> None:
    says = ignored(text)
    assert [file for file in FILES if says(file)] == [
        file for file in FILES if file in left_out.split() or file == "templates/.b.yaml"
    ]


def test_a_negated_pattern_leaves_out_all_else() -> None:
    says = ignored("!templates/")
    assert says("README.md")
    assert says("templates/a.yaml")  # the file is no folder of that name


@pytest.mark.parametrize("text", ["**/x\nbar", "[\nbar", "bar\n\\"])
def test_rules_that_helm_refuses_leave_out_nothing(text: str) -> None:
    assert not any(map(ignored(text), FILES))
