"""Any earlier image of one service."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.report import Report
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import Run
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.records.record import WITHDRAWN
from ansible_collections.todo.cloud.plugins.module_utils.releases.image_rollback import (
    ImageRollback,
    _has,
    _left,
    with_image,
)
from ansible_collections.todo.cloud.plugins.module_utils.settings import Settings

from tests.support.fake_environment import World, two_sets
from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.records.samples import MEMBER, RECORD

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("now", "image", "then"),
    [
        ("r:5000/api:v2", "v1", "r:5000/api:v1"),
        ("r:5000/api", "v1", "r:5000/api:v1"),
        ("r/api:v2@sha256:" + "b" * 64, "v1", "r/api:v1"),
        ("r/api:v2", DIGEST, f"r/api@{DIGEST}"),
        ("r/api:v2", "other/api:v1", "other/api:v1"),
        ({"repository": "r/api", "tag": "v2"}, "v1", {"repository": "r/api", "tag": "v1"}),
        (
            {"repository": "r/api", "tag": "v2", "digest": ""},
            DIGEST,
            {"repository": "r/api", "tag": "", "digest": DIGEST},
        ),
    ],
)
def test_the_image_of_the_values_is_replaced(now: Any, image: str, then: Any) -> None:
    values = {"image": now, "replicas": 2}
    assert with_image(values, image) == {"image": then, "replicas": 2}
    assert values["image"] == now, "what was given stays as it is"


@pytest.mark.parametrize(
    ("values", "image"), [({}, "v1"), ({"image": {"repository": "r/api", "tag": "v2"}}, "other/api:v1")]
)
def test_values_that_can_not_take_it(values: Any, image: str) -> None:
    with pytest.raises(TodoCloudError, match="its values name") as caught:
        with_image(values, image)
    assert caught.value.failure.code is Code.INVALID_INPUT


@pytest.mark.parametrize("names", [[], ["a", "b"]])
def test_an_image_belongs_to_one_release(names: list[str]) -> None:
    helm = HelmCli(dict)
    with pytest.raises(TodoCloudError, match="name exactly one"):
        ImageRollback(Run(FakeKube(), helm, Settings("x", "ns"), print, "a test"), names, "v1")


@pytest.mark.parametrize(
    ("images", "left"),
    [
        (["v1", "v3", "v2", "v1"], [4 - 1, 4 - 2]),  # the new set is there already: the two between are left
        (["v3", "v2", "v1"], [3, 2]),
        (["v3", "v2"], [2]),  # never verified: only where it was
        (["v1"], []),
    ],
)
def test_a_later_rollback_does_not_choose_what_was_left(images: list[str], left: list[int]) -> None:
    records = [
        replace(RECORD, id=len(images) - i, members={"api": replace(MEMBER, values={"image": f"r/api:{image}"})})
        for i, image in enumerate(images)
    ]
    assert _left("api", "r/api:v1", records) == left


@pytest.mark.parametrize(
    ("there", "wanted", "same"),
    [
        ("r/api:v1", "r/api:v1", True),
        (f"r/api:v1@{DIGEST}", "r/api:v1", True),
        (f"r/api:v1@{DIGEST}", f"r/api@{DIGEST}", True),
        (f"r/api:v1@{DIGEST}", "r/api:v1@sha256:" + "b" * 64, False),
        ("r/api:v1", "r/api:v2", False),
    ],
)
def test_the_same_image_by_digest_where_both_have_one(there: str, wanted: str, same: bool) -> None:
    record = replace(RECORD, members={"api": replace(MEMBER, values={"image": there})})
    assert _has(record, "api", wanted) is same


def to_image(world: World, image: str) -> Report:
    return ImageRollback(world.run(), ["api"], image).run()


def test_an_image_is_deployed_recorded_and_the_set_that_was_left_withdrawn() -> None:
    world = two_sets()
    report = to_image(world, "v1.0.0")
    assert (report.set, world.image()) == (3, "r/api:v1.0.0")
    assert world.writes()[-1:] == ["helm upgrade api"]
    assert "patch ConfigMap release-set-2" in world.writes()


def test_a_withdrawal_that_was_cut_off_is_made_up_for_without_another_set() -> None:
    world = two_sets()
    to_image(world, "v1.0.0")
    del world.kube.objects["ConfigMap", "ns", "release-set-2"]["metadata"]["annotations"][WITHDRAWN]
    world.forget()
    assert to_image(world, "v1.0.0").set == 3
    assert world.writes() == ["patch ConfigMap release-set-2"]
    assert to_image(world.forget(), "v1.0.0").set == 3
    assert world.writes() == []


def test_an_image_that_was_never_verified_leaves_one_set_however_often_it_is_asked_for() -> None:
    world = two_sets()
    assert to_image(world, "v3.0.0").set == 3
    assert "patch ConfigMap release-set-2" in world.writes()
    assert to_image(world.forget(), "v3.0.0").set == 3
    assert world.writes() == [], "set 1 stays"
