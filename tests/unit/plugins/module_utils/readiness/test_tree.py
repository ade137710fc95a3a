# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A workload with what it owns: which pods are of the newest revision, and whose fault a failure is."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judge
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import (
    Tree,
    symptoms_of,
    tree_of,
    unready_old_pods,
)

from tests.support.states import LATER, at, tree


def test_quota_grace_starts_anew_while_the_controller_moves() -> None:
    judge, moving = Judge({}), tree("statefulset-quota")
    judge.look(moving, at(0))
    moved = copy.deepcopy(moving.workload)
    moved["status"]["replicas"] = 1
    other = Tree(moved, moving.newest, moving.new_pods, moving.old_pods)
    assert not judge.look(other, at(59)).terminal
    assert not judge.look(other, at(110)).terminal
    assert judge.look(other, at(120)).terminal


def test_a_controller_that_says_nothing_has_longer_than_one_that_says_why() -> None:
    stuck = tree("statefulset-quota")
    said = {"type": "Warning", "reason": "FailedCreate", "message": "exceeded quota: few", "lastTimestamp": LATER,
            "involvedObject": {"uid": stuck.workload["metadata"]["uid"]}}  # fmt: skip
    for events, seconds, code in (([], 60, Code.FAILED_CREATE), ([said], 20, Code.QUOTA_EXCEEDED)):
        judge = Judge({})
        judge.look(stuck, at(0), events=events)
        assert not judge.look(stuck, at(seconds - 1), events=events).terminal
        assert [each.code for each in judge.look(stuck, at(seconds), events=events).terminal] == [code]


def test_dependency_down_when_old_and_new_pods_are_unready_alike() -> None:
    judge = Judge({})
    assert not judge.look(tree("deployment-dependency-down"), at(0)).terminal
    found = judge.look(tree("deployment-dependency-down"), at(61))
    assert [symptom.code for symptom in found.terminal] == [Code.DEPENDENCY_DOWN]


@pytest.mark.parametrize(
    ("ready", "kind", "down"),
    [((), "Deployment", True), ((0,), "Deployment", False), ((), "StatefulSet", False)],
)
def test_old_pods_that_all_lost_their_readiness_blame_a_dependency(
    ready: tuple[int, ...], kind: str, down: bool
) -> None:
    found = tree("deployment-dependency-down")
    old = [copy.deepcopy(pod) for pod in found.old_pods]
    for number in ready:
        next(c for c in old[number]["status"]["conditions"] if c["type"] == "Ready")["status"] = "True"
    asked = replace(found, workload={**found.workload, "kind": kind}, old_pods=tuple(old))
    assert bool(unready_old_pods(asked)) is down


def test_old_pods_that_never_were_ready_blame_nobody() -> None:
    found = tree("deployment-dependency-down")
    assert not unready_old_pods(replace(found, old_pods=()))
    old = [copy.deepcopy(pod) for pod in found.old_pods]
    for pod in old:
        pod["status"]["conditions"] = [c for c in pod["status"]["conditions"] if c["type"] != "Ready"]
    assert not unready_old_pods(replace(found, old_pods=tuple(old)))


def test_an_old_revision_that_crashes_fails_nothing() -> None:
    assert not Judge({}).look(tree("deployment-old-revision-crashing"), at(0, LATER)).terminal


@pytest.mark.parametrize(
    ("strategy", "finalizers", "text"),
    [
        ("Recreate", [], "it still terminates, and its successor waits for that"),
        ("Recreate", ["a/b"], "it still terminates (held by its finalizer a/b), and its successor waits for that"),
        ("RollingUpdate", [], ""),
    ],
)
def test_a_pod_that_must_go_first_and_does_not_is_named(strategy: str, finalizers: list[str], text: str) -> None:
    there = tree("deployment-creating")
    going = copy.deepcopy(dict(there.new_pods[0]))
    going["metadata"] |= {"deletionTimestamp": "2026-11-21T23:40:00Z", "finalizers": finalizers}
    workload = {**there.workload, "spec": {**there.workload["spec"], "strategy": {"type": strategy}}}
    assert there.newest is not None
    found = [(one.pod, one.message) for one in symptoms_of(tree_of(workload, [there.newest, going]))]
    assert found == ([(going["metadata"]["name"], text)] if text else [])


def rolling(*, going: bool = False, starting: bool = False, old: bool = True, quota: bool = False) -> Tree:
    """A rollout whose last new pod has no node, or whose ReplicaSet no quota for it."""
    there = tree("deployment-unschedulable")
    pending, *_more = there.new_pods
    other = copy.deepcopy(dict(pending))
    other["metadata"] |= {"uid": "other", "name": "other"}
    other["spec"]["nodeName"] = "node1"
    other["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False" if starting else "True"}]}
    newest = copy.deepcopy(dict(there.newest or {}))
    if quota:
        refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: q"}
        newest["spec"]["replicas"] = 5
        newest["status"]["conditions"] = [{**refused, "lastTransitionTime": "2026-11-21T23:27:16Z"}]
    new = (other,) if quota else (pending, other)
    return Tree(there.workload, newest, new, (other,) if old else (), (other,) if going else ())


@pytest.mark.parametrize("quota", [False, True])
@pytest.mark.parametrize("room", [{"going": True}, {"starting": True}])
def test_what_has_no_room_waits_while_old_pods_go(room: dict[str, bool], quota: bool) -> None:
    """A quota, or nodes, that are just enough: surge pods find room one after another."""
    judge = Judge({})
    for seconds in (0, 600):
        found = judge.look(rolling(**room, quota=quota), at(seconds, LATER))
        assert not found.terminal
    assert any("no room until old pods are gone" in one.message for one, _lasted in found.waiting)
    assert not judge.look(rolling(quota=quota), at(601, LATER)).terminal
    code = Code.QUOTA_EXCEEDED if quota else Code.UNSCHEDULABLE
    assert {one.code for one in judge.look(rolling(quota=quota), at(722 if quota else 662, LATER)).terminal} == {code}


@pytest.mark.parametrize("none", [{}, {"starting": True, "old": False}])
def test_what_has_no_room_and_gets_none_fails(none: dict[str, bool]) -> None:
    assert Code.UNSCHEDULABLE in {one.code for one in Judge({}).look(rolling(**none), at(0, LATER)).terminal}
