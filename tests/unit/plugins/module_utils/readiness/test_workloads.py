# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workloads that are Current."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judge
from ansible_collections.todo.cloud.plugins.module_utils.readiness.status import State

from tests.support.states import LATER, at, tree


@pytest.mark.parametrize(
    "name",
    ["statefulset-healthy", "statefulset-partition-held", "statefulset-ondelete-old-pods", "daemonset-healthy",
     "daemonset-ondelete-old-pods", "replicaset-healthy", "deployment-no-replicas", "job-complete", "pod-running"],
)  # fmt: skip
def test_captured_states_that_are_current_are_judged_so(name: str) -> None:
    assert Judge({}).look(tree(name), at(0, LATER)).status.state is State.CURRENT
