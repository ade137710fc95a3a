from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import error_of
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import Rendered
from ansible_collections.todo.cloud.plugins.module_utils.helm.state import Action, State
from ansible_collections.todo.cloud.plugins.module_utils.planning.plan import PlanItem
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import Watch
from ansible_collections.todo.cloud.plugins.module_utils.releases import obstacles

from tests.support.fake_environment import spec


def hook(event: str) -> str:
    meta = {"name": event, "annotations": {"helm.sh/hook": event}}
    return json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta})


HOOKS = tuple(hook(event) for event in ("pre-install", "post-upgrade", "test", "pre-install,pre-upgrade"))


@pytest.mark.parametrize(
    ("action", "kept"),
    [(Action.INSTALL, (0, 3)), (Action.UPGRADE, (1, 3)), (Action.VERIFY, ())],
)
def test_only_hooks_that_will_run_are_looked_at(action: Action, kept: tuple[int, ...]) -> None:
    item = PlanItem("api", State.OUTDATED, action, 1)
    looked = obstacles._with_hooks_that_run(item, Rendered("", HOOKS))
    assert isinstance(looked, Rendered)
    assert looked.hooks == tuple(HOOKS[number] for number in kept)


def test_a_release_whose_chart_ignores_what_it_watches() -> None:
    plain = spec("api", {"image": "r/api:v1"})
    item = PlanItem(
        "api", State.OUTDATED, Action.UPGRADE, 1, spec=replace(plain, watches=(Watch("Secret", "database"),))
    )
    (found,) = obstacles._unwatched([item], {"api": Rendered("")})
    assert (found.release, found.code) == ("api", Code.INVALID_INPUT)
    assert obstacles._unwatched([replace(item, spec=plain)], {"api": Rendered("")}) == []
    broken = error_of("template", "api", "Error: no such function")
    assert obstacles._unwatched([item], {"api": broken}) == []
