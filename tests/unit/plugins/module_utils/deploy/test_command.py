"""What a command's Job has, and which services can lend it."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.command import CommandJob, deployed, image_of_own
from ansible_collections.todo.cloud.plugins.module_utils.deploy.run import locked_run
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest

from tests.support.fake_environment import CHART, World
from tests.support.fake_environment import deployed as environment
from tests.support.stored_releases import store


def lender(image: str = "r/api:v1.0.0") -> World:
    found = environment()
    store(found.kube, "api", 2, config={"image": image, "networkPolicy": {"access": ["database", "public"]}})
    return found


def values_of(world: World, job: CommandJob) -> dict[str, object]:
    """The values that Helm was given for it."""
    seen: list[dict[str, object]] = []
    apply = world.helm.apply

    def noted(request: ApplyRequest) -> None:
        seen.append(dict(request.values))
        apply(request)

    world.helm.apply = noted  # type: ignore[method-assign]
    with locked_run(world.run()) as run:
        assert job.run(run, deployed(run, "api"), []) is None
    [values] = seen
    return values


def test_it_has_the_image_of_the_service_and_reaches_what_that_reaches_and_more() -> None:
    values = values_of(lender(), CommandJob("x", CHART, ["a", "b"], 7, access=("services",)))
    assert (values["image"], values["command"]) == ("r/api:v1.0.0", ["a", "b"])
    assert values["networkPolicy"] == {"access": ["database", "services"]}
    assert values["job"] == {"backoffLimit": 0, "activeDeadlineSeconds": 67}


def test_another_image_can_be_given() -> None:
    assert values_of(lender(), CommandJob("x", CHART, ["a"], 7, image="r/checks:v2"))["image"] == "r/checks:v2"


def test_what_is_not_deployed_or_of_another_chart_lends_nothing() -> None:
    world = lender()
    with pytest.raises(TodoCloudError, match="web is not deployed in staging: deploy it first"):
        deployed(world.run(), "web")
    chart = {"metadata": {"name": "umbrella", "version": "1"}}
    store(world.kube, "shop", 1, chart=chart, config={"image": "r/api:v1.0.0"})
    with pytest.raises(TodoCloudError, match="shop is of the chart 'umbrella': only that chart knows"):
        image_of_own(deployed(world.run(), "shop"))
