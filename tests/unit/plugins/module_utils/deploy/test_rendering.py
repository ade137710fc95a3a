"""Manifests before a write: each is rendered once, and what can't be rendered says so each time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.rendering import Rendering
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import HelmError
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest, Rendered
from ansible_collections.todo.cloud.plugins.module_utils.helm.state import Action, State
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import CorruptRelease, StoredRelease
from ansible_collections.todo.cloud.plugins.module_utils.planning.plan import PlanItem
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec

from tests.support.fake_environment import A1, A2, World, deployed, specs
from tests.support.fake_helm import manifest_of


def item(name: str, values: dict[str, Any]) -> PlanItem:
    (spec,) = specs({name: values})
    return PlanItem(name, State.ABSENT, Action.INSTALL, 0, spec=spec)


def test_the_same_inputs_are_rendered_once() -> None:
    world = World()
    rendering = Rendering(world.kube, world.helm, world.settings)
    items = [item("api", A1), item("other", A1)]
    first = rendering.all(items, {}, world.run().storage.read)
    assert rendering.all([*items, item("third", A2)], {}, world.run().storage.read).items() >= first.items()
    assert world.helm.calls == 3


def test_what_can_not_be_rendered_is_known_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world, calls = World(), []

    def refuse(request: ApplyRequest) -> Rendered:
        calls.append(request.name)
        raise HelmError(Failure(Code.CHART_INVALID, "no", {}), transient=False)

    monkeypatch.setattr(world.helm, "render", refuse)
    rendering, broken = Rendering(world.kube, world.helm, world.settings), item("api", A1)
    found = rendering.all([broken], {}, world.run().storage.read)["api"]
    assert isinstance(found, HelmError)
    assert isinstance(broken.spec, ReleaseSpec)
    with pytest.raises(HelmError):
        rendering.one(broken.spec, {}, 1)
    assert calls == ["api"]


def test_what_has_nothing_to_do_is_as_it_was_deployed() -> None:
    world = deployed()
    (spec,) = specs({"api": A2})
    unchanged = PlanItem("api", State.VERIFIED, Action.NONE, 1, spec=spec)
    rendering, read = Rendering(world.kube, world.helm, world.settings), world.run().storage.read
    before = world.helm.calls
    assert rendering.all([unchanged], {}, read) == {"api": Rendered(world.live("api").manifest)}
    assert world.helm.calls == before

    def corrupt(name: str, revision: int) -> StoredRelease:
        raise CorruptRelease("it is empty")

    assert rendering.all([unchanged], {}, corrupt) == {"api": Rendered(manifest_of("api", A2))}


def test_a_removal_is_not_rendered() -> None:
    world = World()
    removal = PlanItem("api", State.VERIFIED, Action.UNINSTALL, 1)
    assert Rendering(world.kube, world.helm, world.settings).all([removal], {}, world.run().storage.read) == {}


def test_a_chart_that_asks_nothing_is_rendered_without_a_cluster(tmp_path: Path) -> None:
    world = World()
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    template = chart / "templates" / "all.yaml"
    template.write_text("kind: ConfigMap\n")
    (spec,) = specs({"api": A1})
    spec = replace(spec, chart=str(chart))
    rendering = Rendering(world.kube, world.helm, world.settings)
    assert rendering.one(spec, {}, 1).manifest
    assert (world.helm.calls, world.helm.templates) == (0, ["api"])
    template.write_text('{{ lookup "v1" "Secret" "a" "b" }}')
    assert rendering.again(spec, {}, 1).manifest
    assert (world.helm.calls, world.helm.templates) == (1, ["api"])


def test_a_release_that_a_killed_run_left_pending_is_rendered_without_a_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()

    def refuse(request: ApplyRequest) -> Rendered:
        raise HelmError(Failure(Code.RELEASE_PENDING, "another operation is in progress", {}), transient=False)

    monkeypatch.setattr(world.helm, "render", refuse)
    (spec,) = specs({"api": A1})
    assert Rendering(world.kube, world.helm, world.settings).one(spec, {}, 2).manifest
    assert world.helm.templates == ["api"]
