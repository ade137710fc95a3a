# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of a wait, and its result."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import Patience
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import (
    WaitOptions,
)

from tests.support.shown_cluster import cluster, deployment, objects, wait


def test_fail_fast_leaves_the_others_undecided() -> None:
    with cluster(objects("deployment-crash-app", "deployment-never-ready")) as (_, kube, lines):
        verdict = wait(kube, lines, deployment("crash-app"), deployment("never-ready"))
    assert [(one.target.name, one.state.value) for one in verdict.workloads] == [
        ("crash-app", "Failed"),
        ("never-ready", "InProgress"),
    ]
    with pytest.raises(TodoCloudError, match="crash-app: container app exits with code 3") as caught:
        verdict.raise_if_failed()
    assert caught.value.results["verdict"] == "Failed"


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"graces": {"crash": 1}}, "graces has no class 'crash'; the classes are: blocked_by_old_pod"),
        ({"graces": {"crash_loop": "soon"}}, "graces takes numbers of seconds only"),
        ({"graces": {"crash_loop": -1}}, "graces.crash_loop is -1.0; it cannot be negative"),
        ({"timeout": -5}, "timeout is -5; it cannot be negative"),
    ],
)
def test_bad_options_are_named(params: dict[str, Any], says: str) -> None:
    with pytest.raises(TodoCloudError, match=says) as caught:
        WaitOptions.from_params(params)
    assert caught.value.failure.code is Code.INVALID_INPUT


def test_options_that_are_absent_keep_their_defaults() -> None:
    assert WaitOptions.from_params({"timeout": None, "log_lines": 5, "other": 1}) == WaitOptions(log_lines=5)


def test_a_release_may_have_patience_of_its_own() -> None:
    own = Patience.parse({"crash_loop": 60}, "")
    options = WaitOptions(graces={"not_found": 1.0}, stability_seconds=5.0, by_release={"api": own})
    assert options.patience("api") == Patience({"not_found": 1.0, "crash_loop": 60.0}, 5.0)
    assert options.patience("web") == Patience({"not_found": 1.0}, 5.0)
    assert WaitOptions(by_release={"api": Patience.parse({}, 0)}).patience("api").stability_seconds == 0.0
