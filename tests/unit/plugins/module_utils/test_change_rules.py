"""Freezes by the clock, and what an emergency has to say."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.change_rules import ChangeRules, Freeze
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("given", "frozen", "open_"),
    [
        ({}, ["1999-01-01T00:00Z", "2999-01-01T00:00Z"], []),
        ({"from": "2026-12-20"}, ["2026-12-20T00:00Z", "2999-01-01T00:00Z"], ["2026-12-19T23:59:59Z"]),
        ({"until": "2027-01-04"}, ["1999-01-01T00:00Z", "2027-01-04T23:59:59Z"], ["2027-01-05T00:00Z"]),
        (
            {"from": "2026-12-20T18:00:00+01:00", "until": "2026-12-20T20:00:00+01:00"},
            ["2026-12-20T17:00Z", "2026-12-20T18:59:59Z"],
            ["2026-12-20T16:59:59Z", "2026-12-20T19:00Z"],
        ),
    ],
)
def test_a_freeze_holds_between_its_bounds(given: dict[str, str], frozen: list[str], open_: list[str]) -> None:
    freeze = Freeze.parse({"why": "holidays", **given})
    assert [freeze.holds(at(moment)) for moment in (*frozen, *open_)] == [True] * len(frozen) + [False] * len(open_)


def test_the_freeze_that_ends_last_is_told() -> None:
    entries = [
        {"why": why, "until": until} for why, until in (("a", "2026-12-24"), ("b", "2026-12-31"), ("c", "2026-01-01"))
    ]
    now = at("2026-12-01T00:00Z")
    frozen = ChangeRules.parse({"freeze": entries}).frozen(now)
    assert frozen == Freeze.parse(entries[1])
    switched = ChangeRules.parse({"freeze": [*entries, {"why": "switch"}]}).frozen(now)
    assert switched == Freeze("switch")
    assert ChangeRules.parse({}).frozen(now) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"freeze": [{"why": " "}]}, "An entry of release_freeze has no reason: add why."),
        ({"freeze": [{"why": "x", "from": "Christmas"}]}, "'Christmas' in release_freeze is no date"),
        ({"freeze": [{"why": "x", "from": "2026-12-24", "until": "2026-12-20"}]}, "ends before it begins"),
        ({"emergency": "true"}, "says why, in 10 to 300 characters"),
        ({"emergency": "x" * 301}, "says why, in 10 to 300 characters"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(TodoCloudError, match="release_") as caught:
        ChangeRules.parse(given)
    assert caught.value.failure.code is Code.INVALID_INPUT
    assert said in caught.value.failure.message


def test_a_reason_is_one_printable_line_without_secrets() -> None:
    rules = ChangeRules.parse({"emergency": "logins are\nbroken \x1b[31m password=hunter2hunter2"})
    assert "\n" not in rules.emergency
    assert "\x1b" not in rules.emergency
    assert "hunter2" not in rules.emergency


def test_without_rules_nothing_is_refused() -> None:
    assert not ChangeRules.parse(None)
    assert not ChangeRules.parse({"emergency": "it is needed now", "promoted": []})
    assert ChangeRules.parse({"promoted_from": "staging"})
    assert ChangeRules.parse({"freeze": [{"why": "holidays", "until": "1999-01-01"}]})
