"""A plan for reviewers: a title, a table, what differs folded, nothing too long."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.filter.plan_markdown import FilterModule, plan_markdown

from tests.support.hostile_markdown import ATTACK, shown


def item(name: str, kind: str, revisions: str = "3 -> 4", why: str = "") -> dict[str, Any]:
    return {"name": name, "kind": kind, "revisions": revisions, "why": why}


def entry(before: str, after: str, what: str = "api: ConfigMap/c") -> dict[str, str]:
    return {"before_header": f"{what} (revision 3)", "after_header": f"{what} (revision 4)",
            "before": before, "after": after}  # fmt: skip


def plan(**more: Any) -> dict[str, Any]:
    items = [item("api", "change", why="image r:1 -> r:2; a|b"), item("edge", "unchanged", "2")]
    return {"plan": items, "table": ["...", "1 to change, 1 unchanged"], "diff": [], **more}


def test_title_table_and_differences() -> None:
    text = plan_markdown(plan(diff=[entry("a: 1\nb: 2\n", "a: 1\nb: 3\n")], warnings=["look out"]), "staging")
    assert text.splitlines() == [
        "### Plan of staging: 1 to change, 1 unchanged",
        "",
        "| release | plan | revision | why |",
        "|---|---|---|---|",
        "| api | **change** | 3 → 4 | image r:1 → r:2; a\\|b |",
        "| edge | unchanged | 2 |  |",
        "",
        "> warning: look out",
        "",
        "<details><summary>api: ConfigMap/c</summary>",
        "",
        "```diff",
        "--- api: ConfigMap/c (revision 3)",
        "+++ api: ConfigMap/c (revision 4)",
        "@@ -1,2 +1,2 @@",
        " a: 1",
        "-b: 2",
        "+b: 3",
        "```",
        "",
        "</details>",
    ]


def test_drift_is_reported() -> None:
    text = plan_markdown(plan(drift=[{"message": "Deployment/api spec.replicas is 3, changed by kubectl-scale"}]), "x")
    assert "* Deployment/api spec.replicas is 3, changed by kubectl-scale" in text


def test_what_is_too_long_is_named_and_left_out() -> None:
    long = "".join(f"line {n}\n" for n in range(500))
    text = plan_markdown(plan(diff=[entry("", long), entry("a\n", "b\n", "api: Service/s")]), "x", limit=300)
    assert "Too long to show here: api: ConfigMap/c." in text
    assert "Service/s" in text
    assert len(text) < 1000


def test_what_stands_in_the_way_comes_first() -> None:
    text = plan_markdown(plan(preflight=[{"release": "api", "message": "no image", "remedy": "push it"}]), "x")
    assert text.index("| api | no image | push it |") < text.index("| api | **change** |")


def test_what_others_wrote_is_only_text() -> None:
    items = [item(ATTACK, ATTACK, ATTACK, ATTACK), item("edge", "unchanged")]
    more = {key: [{"message": ATTACK, "release": ATTACK, "remedy": ATTACK}] for key in ("drift", "preflight")}
    text = plan_markdown(
        {"plan": items, "table": [ATTACK], "diff": [entry("", ATTACK, ATTACK)], "warnings": [ATTACK], **more}, ATTACK
    )
    found = shown(text)
    assert [found.tags.count(tag) for tag in ("h3", "td", "li", "blockquote", "details")] == [1, 3 + 8, 1, 1, 1]


def test_a_fence_inside_does_not_end_it() -> None:
    assert "`````diff" in plan_markdown(plan(diff=entry("", "```\n")), "x")


@pytest.mark.parametrize("bad", [None, [], {"plan": []}, {"plan": None, "table": ["x"]}])
def test_refuses_what_is_no_plan(bad: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="release_apply in check mode"):
        plan_markdown(bad, "x")


def test_no_release_is_a_plan_too() -> None:
    assert plan_markdown({"plan": [], "table": ["no releases"]}, "x") == "### Plan of x: no releases\n"


def test_filter_is_registered() -> None:
    assert FilterModule().filters() == {"plan_markdown": plan_markdown}
