"""Versions: the newest that fits for a new cluster, patches before minor versions for one that is there, never down."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.digitalocean import versions
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.unit.plugins.module_utils.digitalocean.conftest import failure

OFFERED = ["1.35.6-do.0", "1.36.10-do.0", "1.36.9-do.2", "1.34.9-do.0"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("1.36", "1.36.10-do.0"), ("1.36.9", "1.36.9-do.2"), ("1.34.9-do.0", "1.34.9-do.0"), ("1.35", "1.35.6-do.0")],
)
def test_a_new_cluster_gets_the_newest_that_fits(wanted: str, found: str) -> None:
    assert versions.newest(wanted, OFFERED) == found


def test_what_is_not_offered_is_named() -> None:
    found = failure(versions.newest, "1.3", OFFERED)  # no beginning of 1.36
    assert found.code is Code.CLOUD_REFUSED
    assert "1.36.10-do.0, 1.36.9-do.2, 1.35.6-do.0, 1.34.9-do.0" in found.message


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("1.36", "there"),
        ("1.36.3", "there"),
        ("1.36.3-do.1", "there"),
        ("1.36.3-do.2", "behind"),
        ("1.36.4", "behind"),
        ("1.37", "behind"),
        ("2.0", "behind"),
        ("1.36.1", "ahead"),
        ("1.36.3-do.0", "ahead"),
        ("1.35", "beyond"),
        ("1.35.9", "beyond"),
    ],
)
def test_where_a_cluster_stands(wanted: str, found: str) -> None:
    assert versions.standing("1.36.3-do.1", wanted) == found


@pytest.mark.parametrize(
    ("wanted", "possible", "found"),
    [
        ("1.36", ["1.34.5-do.0", "1.34.9-do.0"], "1.34.9-do.0"),
        ("1.36", ["1.35.1-do.0", "1.35.6-do.0"], "1.35.6-do.0"),
        ("1.36", ["1.34.9-do.0", "1.35.6-do.0"], "1.34.9-do.0"),  # patches first
        ("1.34.5", ["1.34.5-do.0", "1.34.5-do.1", "1.34.9-do.0"], "1.34.5-do.1"),
        ("1.34.5-do.0", ["1.34.5-do.0", "1.34.5-do.1", "1.34.9-do.0"], "1.34.5-do.0"),
    ],
)
def test_the_next_step(wanted: str, possible: list[str], found: str) -> None:
    assert versions.next_step("1.34.1-do.0", wanted, possible) == found


@pytest.mark.parametrize("possible", [[], ["1.36.0-do.0"], ["1.34.1-do.0"], ["1.35.9-do.0"], ["latest"]])
def test_nothing_leads_there(possible: list[str]) -> None:
    assert failure(versions.next_step, "1.34.1-do.0", "1.35.6", possible).code is Code.CLOUD_REFUSED


@pytest.mark.parametrize("text", ["latest", "1", "v1.36", "1.36.", "1.36.3-do", "1.36.3-do.0 "])
def test_no_version(text: str) -> None:
    assert failure(versions.check, text).code is Code.INVALID_INPUT


def test_a_version_of_something_else() -> None:
    assert failure(versions.number, "latest").code is Code.CLOUD_ERROR
