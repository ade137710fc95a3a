"""What Markdown is made of: cells of others stay cells, whatever is in them."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.plugin_utils.report.markdown import Marked, markdown_of, marked, page, table

from tests.support import reported
from tests.support.hostile_markdown import ATTACK, shown


def test_a_table() -> None:
    rows: list[list[object]] = [["a|b", 3, Marked("**c**")], ["1 -> 2", "", marked("*")]]
    assert table(("x", "y", "z"), rows) == [
        "| x | y | z |", "|---|---|---|", "| a\\|b | 3 | **c** |", "| 1 → 2 |  | \\* |", "",
    ]  # fmt: skip
    assert table(("x",), []) == []
    assert page("t", table(("x",), [["y"]])) == "### t\n\n| x |\n|---|\n| y |\n"


def test_what_others_wrote_stays_in_its_cell() -> None:
    for text in (ATTACK, *reported.HOSTILE):
        found = shown(page(marked(text), table(("x", "y"), [[text, "next"], ["last", text]])))
        assert (found.tags.count("tr"), found.tags.count("td"), found.tags.count("h3")) == (3, 4, 1)
        assert "code" not in found.tags
    told = shown(page("x", table(("x",), [[ATTACK]]))).text
    assert all(word in told for word in ("heading", "everyone", "gnp.exe", "<img src=x onerror=y>")), told


def test_a_report() -> None:
    assert shown(markdown_of(reported.hostile())).tags.count("h3") == 1
