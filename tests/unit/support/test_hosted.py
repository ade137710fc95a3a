# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosted service's rules that tests/pipeline goes by; tests/support/hosted.py says where each is documented."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.hosted import Environment, Groups, called_in, environments, group_of, matches, pushed, read
from tests.workflows import FOLDERS

OWN, CALLERS = FOLDERS


@pytest.mark.parametrize(
    ("pattern", "name", "matched"),
    [
        ("main", "main", True), ("main", "maintenance", False), ("v*.*.*", "v1.2.3", True), ("v*.*.*", "v1.2", False),
        ("v*.*.*", "v1.2.3-rc/1", False), ("releases/**", "releases/a/b", True), ("releases/*", "releases/a/b", False),
        ("v[12].[0-9]+.[0-9]+", "v2.10.0", True), ("v[12].[0-9]+.[0-9]+", "v3.0.0", False),
    ],
)  # fmt: skip
def test_a_pattern(pattern: str, name: str, matched: bool) -> None:
    assert matches(pattern, name) is matched


@pytest.mark.parametrize(
    ("events", "branch", "tag"),
    [
        ({"push": {"branches": ["main"]}}, True, False),
        ({"push": {"tags": ["v*.*.*"]}}, False, True),
        ({"push": {"branches": ["main"], "tags": ["v*.*.*"]}}, True, True),
        ({"push": None}, True, True),
        ({"pull_request": {}}, False, False),
        (["push"], True, True),
    ],
)
def test_what_a_push_starts(events: Any, branch: bool, tag: bool) -> None:
    found = [pushed({"on": events}, ref) for ref in ("refs/heads/main", "refs/tags/v1.0.0")]
    assert found == [branch, tag]


def test_one_runs_one_waits_and_the_newest_takes_the_place_of_that() -> None:
    groups = Groups()
    assert groups.come("main", 1) == []
    assert groups.come("main", 2) == []
    assert groups.come("main", 3) == [2]
    assert groups.come("release", 4) == [], "another group"
    assert set(groups.running.values()) == {1, 4}
    assert groups.end(1) == 3
    assert groups.end(3) is None
    assert groups.come("main", 5) == []
    assert set(groups.running.values()) == {4, 5}


def test_the_one_that_runs_is_cancelled_where_the_workflow_says_so() -> None:
    groups = Groups()
    groups.come("pull-request-7", 1, cancel_in_progress=True)
    assert groups.come("pull-request-7", 2, cancel_in_progress=True) == [1]
    assert groups.end(1) == 2


def test_runs_without_a_group_do_not_wait() -> None:
    groups = Groups()
    assert groups.come("", 1) == groups.come("", 2) == []
    assert set(groups.running.values()) == {1, 2}


def test_an_environment_admits_what_its_rules_name() -> None:
    production = Environment(refs=("tag:v*.*.*",))
    admitted = [production.admits(ref) for ref in ("refs/tags/v1.0.0", "refs/heads/main", "refs/heads/v1.0.0")]
    assert admitted == [True, False, False]
    assert Environment().admits("refs/heads/anything")


def test_whose_secrets_a_run_gets() -> None:
    called = called_in(OWN)
    inputs = {"environment": "production"}
    found = {
        name: environments(read(CALLERS / f"{name}.yml"), called, inputs) for name in ("main", "release", "rollback")
    }
    assert found == {"main": {"images", "staging"}, "release": {"production"}, "rollback": {"production-rollback"}}


def test_the_groups_of_the_callers() -> None:
    found = {path.stem: group_of(read(path)) for path in CALLERS.glob("*.yml")}
    assert {name: each for name, each in found.items() if name != "pull-request"} == {
        name: (name, False) for name in ("cleanup", "main", "release", "rollback", "platform", "verify")
    }
    assert found["pull-request"][1], "an older one of the same pull request is of no use"
