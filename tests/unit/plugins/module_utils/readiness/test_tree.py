# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A workload with what it owns: which pods are of the newest revision, and whose fault a failure is."""

from __future__ import annotations

import copy

from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judge
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import Tree

from tests.support.states import LATER, at, tree


def test_quota_grace_starts_anew_while_the_controller_moves() -> None:
    judge, moving = Judge({}), tree("statefulset-quota")
    judge.look(moving, at(0))
    moved = copy.deepcopy(moving.workload)
    moved["status"]["replicas"] = 1
    other = Tree(moved, moving.newest, moving.new_pods, moving.old_pods)
    assert not judge.look(other, at(19)).terminal
    assert not judge.look(other, at(30)).terminal
    assert judge.look(other, at(40)).terminal


def test_dependency_down_when_old_and_new_pods_are_unready_alike() -> None:
    judge = Judge({})
    assert not judge.look(tree("deployment-dependency-down"), at(0)).terminal
    found = judge.look(tree("deployment-dependency-down"), at(61))
    assert [symptom.code for symptom in found.terminal] == [Code.DEPENDENCY_DOWN]


def test_an_old_revision_that_crashes_dooms_nothing() -> None:
    assert not Judge({}).look(tree("deployment-old-revision-crashing"), at(0, LATER)).terminal
