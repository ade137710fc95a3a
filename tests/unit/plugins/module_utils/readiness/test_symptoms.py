# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a pod suffers from."""

from __future__ import annotations

import copy

from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judge
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import Tree

from tests.support.states import at, tree


def test_the_clearer_sighting_of_a_pull_failure_stays() -> None:
    judge = Judge({})
    judge.look(tree("pod-pull-denied"), at(0))
    assert judge.look(tree("pod-pull-back-off-without-cause"), at(16)).terminal


def test_an_unready_pod_that_was_made_without_its_sidecar_is_a_terminal_failure() -> None:
    judge, asked = Judge({}), tree("deployment-never-ready")
    pods = copy.deepcopy(asked.new_pods)
    for pod in pods:
        pod["metadata"]["annotations"] = {"dapr.io/enabled": "true"}
    lacking = Tree(asked.workload, asked.newest, pods, asked.old_pods)
    assert not judge.look(lacking, at(0)).terminal
    assert {symptom.code for symptom in judge.look(lacking, at(11)).terminal} == {Code.SIDECAR_MISSING}
