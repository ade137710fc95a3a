"""How far back a release may go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import ReleaseStatus, Revision
from ansible_collections.todo.cloud.plugins.module_utils.records.rollback_floor import (
    FLOOR,
    image_text,
    parse_floor,
    version_of,
    violated_floors,
    violates_floor,
)

from tests.unit.plugins.module_utils.records.samples import MEMBER, RECORD


def history(*floors: str) -> list[Revision]:
    return [
        Revision("api", "ns", number, ReleaseStatus.FAILED, f"u{number}", {FLOOR: floor} if floor else {}, 0.0)
        for number, floor in enumerate(floors, 1)
    ]


def at(image: Any) -> Any:
    return replace(MEMBER, values={"image": image} if image else {})


@pytest.mark.parametrize(
    ("raw", "kept"), [(None, ""), ("", ""), (12, "12"), ("12", "12"), ("1.4.0", "1.4.0"), (" v1.4 ", "v1.4")]
)
def test_a_floor_is_the_number_of_a_set_or_a_version(raw: Any, kept: str) -> None:
    assert parse_floor(raw, "api") == kept


@pytest.mark.parametrize("raw", ["latest", "sha-1f3c5a7", "1.4.0+build", True, "1." + "4" * 70])
def test_anything_else_is_refused_in_a_sentence(raw: Any) -> None:
    with pytest.raises(TodoCloudError, match="neither the number of a release set nor a version") as caught:
        parse_floor(raw, "api")
    assert caught.value.failure.code is Code.INVALID_INPUT


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("ghcr.io/todo-app/api:v1.4.0", "v1.4.0"),
        ("10.0.0.1:5000/api:v1.4.0@sha256:" + "0" * 64, "v1.4.0"),
        ("10.0.0.1:5000/api", ""),
        ({"repository": "r/api", "tag": "1.4.0"}, "1.4.0"),
        ("", "0.1.0"),  # no image in the values: the chart's version
    ],
)
def test_the_version_of_a_release_is_its_images_tag_else_its_charts(image: Any, version: str) -> None:
    assert version_of(at(image)) == version
    assert version_of(replace(at(image), tag="v1.5.0")) == ("v1.5.0" if image else version)


def test_image_text_of_values() -> None:
    assert image_text({"image": {"registry": "r", "repository": "api", "tag": "1", "digest": "sha256:0"}}) == (
        "r/api:1@sha256:0"
    )
    assert image_text({"image": 3}) == ""


@pytest.mark.parametrize(
    ("image", "floor", "refused"),
    [
        ("r/api:v1.3.9", "1.4.0", True),
        ("r/api:v1.4.0", "1.4.0", False),
        ("r/api:v1.10.0", "1.4.0", False),
        ("r/api:1.4.0-rc.1", "1.4", False),
        ("r/api:sha-0123", "1.4.0", True),  # cannot be compared, so it may be below the floor
    ],
)
def test_versions_are_compared_as_numbers(image: str, floor: str, refused: bool) -> None:
    reason = violates_floor(at(image), RECORD, history("", floor))
    assert bool(reason) is refused
    if refused:
        assert "api declares rollback_floor 1.4" in reason


def test_a_sets_number_counts_and_a_restored_set_is_as_old_as_what_it_restored() -> None:
    assert violates_floor(MEMBER, replace(RECORD, id=11), history("12"))
    assert not violates_floor(MEMBER, replace(RECORD, id=12), history("12"))
    assert violates_floor(MEMBER, replace(RECORD, id=13, restored_from=9), history("12"))


def test_what_any_revision_declared_counts_for_going_back_undoes_no_migration() -> None:
    assert violates_floor(at("r/api:1.3.0"), RECORD, history("1.2.0", "1.4.0", "1.2.0"))
    assert not violates_floor(at("r/api:1.3.0"), RECORD, history("1.2.0", ""))
    assert violated_floors([(at("r/api:1.3.0"), RECORD)], {"api": history("1.4.0")})
    assert violated_floors([(at("r/api:1.3.0"), RECORD)], {}) == []
