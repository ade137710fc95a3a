"""Who holds a lock."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.locking.holder import Holder, is_dead_here


def me() -> Holder:
    return Holder.me("release_apply")


def test_holder_of_this_process() -> None:
    holder = me()
    assert holder.pid == os.getpid()
    assert not is_dead_here(holder)
    assert is_dead_here(replace(holder, started="1")), "the number was given to another process"
    assert not is_dead_here(replace(holder, machine="")), "without a machine nothing is known"
    assert Holder.parse(holder.as_json(), holder.identity) == holder
    assert me().identity != holder.identity


def test_a_manual_lock_keeps_its_key_in_annotation_and_result() -> None:
    manual = replace(me(), manual=True)
    assert json.loads(manual.as_json())["by_hand"] is True
    assert manual.as_result()["by_hand"] is True
    assert Holder.parse(manual.as_json(), manual.identity) == manual


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"identity": 1, "later": "field"}'])
def test_a_holder_that_can_not_be_read_is_only_a_name(text: str) -> None:
    assert Holder.parse(text, "who") == Holder(identity="who")


def test_ci_reports_commit_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "GITHUB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CI_COMMIT_SHA", "feed")
    monkeypatch.setenv("CI_JOB_URL", "https://gitlab/1")
    assert (me().commit, me().url) == ("feed", "https://gitlab/1")
    assert Holder.me("x", "given", url="https://mine").commit == "given"
    assert Holder.me("x", "given", url="https://mine").url == "https://mine"


@pytest.mark.parametrize(
    "other",
    [
        {"pid": "abc"}, {"pid": "../self"}, {"pid": -1}, {"pid": [1]}, {"pid": 2**40}, {"machine": [1]},
        {"grace": "long"}, {"grace": None}, {"grace": 1e308}, {"grace": -1}, {"commit": [1, 2]}, {"by_hand": "no"},
        {"what": "x" * 5000},
    ],
)  # fmt: skip
def test_a_damaged_holder_is_only_a_name(other: dict[str, object]) -> None:
    holder = me()
    text = json.dumps({**json.loads(holder.as_json()), **other})
    assert Holder.parse(text, holder.identity) == Holder(identity=holder.identity)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"identity": "who", "grace": NaN}', '{"identity": "who", "who": "\\ud800"}']
)
def test_hostile_text_is_no_holder(text: str) -> None:
    assert Holder.parse(text, "who") == Holder(identity="who")
