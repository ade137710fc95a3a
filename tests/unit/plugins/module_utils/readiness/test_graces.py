# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long each symptom may last."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judge

from tests.support.states import at, tree


def test_registry_trouble_has_a_longer_grace_than_a_missing_image() -> None:
    judge = Judge({})
    judge.look(tree("pod-pull-registry-down"), at(0))
    assert not judge.look(tree("pod-pull-registry-down"), at(100)).terminal
    assert judge.look(tree("pod-pull-registry-down"), at(121)).terminal


def test_overridden_grace() -> None:
    judge = Judge({"unschedulable": 5.0})
    assert not judge.look(tree("deployment-unschedulable"), at(0)).terminal
    assert judge.look(tree("deployment-unschedulable"), at(5)).terminal


def test_not_ready_never_fails_by_itself() -> None:
    judge = Judge({})
    judge.look(tree("deployment-never-ready"), at(0))
    assert not judge.look(tree("deployment-never-ready"), at(100_000)).terminal
