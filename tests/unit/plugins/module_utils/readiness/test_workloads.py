# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workloads that are Current."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judge
from ansible_collections.todo.cloud.plugins.module_utils.readiness.status import State
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import Tree, tree_of

from tests.support.states import LATER, at, objects, tree


@pytest.mark.parametrize(
    "name",
    ["statefulset-healthy", "statefulset-partition-held", "statefulset-ondelete-old-pods", "daemonset-healthy",
     "daemonset-ondelete-old-pods", "replicaset-healthy", "deployment-no-replicas", "job-complete", "pod-running"],
)  # fmt: skip
def test_captured_states_that_are_current_are_judged_so(name: str) -> None:
    assert Judge({}).look(tree(name), at(0, LATER)).status.state is State.CURRENT


def on_two_nodes(**other: str) -> Tree:
    """A DaemonSet of two nodes, of which the second has a pod that is not ready, with these metadata."""
    there = tree("daemonset-partly-updated")
    pod = copy.deepcopy(dict(there.new_pods[0]))
    pod["metadata"] |= {"uid": "other", "name": "other", **other}
    pod["spec"]["nodeName"] = "node2"
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    return tree_of(there.workload, [*there.new_pods, pod])


@pytest.mark.parametrize("other", [{}, {"deletionTimestamp": "2026-11-21T23:40:00Z"}], ids=["unready", "terminating"])
def test_a_daemon_sets_pod_on_a_node_that_is_gone_is_not_waited_for(other: dict[str, str]) -> None:
    """The kubelet of a dead node never ends a pod that is to be replaced."""
    seen = on_two_nodes(**other)
    assert Judge({}).look(seen, at(0, LATER), frozenset({"node2"})).status.state is State.CURRENT
    assert Judge({}).look(seen, at(0, LATER)).status.state is State.IN_PROGRESS


@pytest.mark.parametrize("name", ["replicaset-healthy", "replicaset-quota", "replicaset-scaling-down"])
def test_a_replication_controller_is_judged_as_a_replica_set(name: str) -> None:
    one, *owned = objects(name)
    older = tree_of({**one, "apiVersion": "v1", "kind": "ReplicationController"}, owned)
    for now in (0, 600):
        expected, found = Judge({}).look(tree(name), at(now, LATER)), Judge({}).look(older, at(now, LATER))
        assert found == expected
