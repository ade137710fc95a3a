# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every file in fixtures/ is a state: its first document says what is expected, the first object after it is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.readiness.evidence import event_time, refined
from ansible_collections.todo.cloud.plugins.module_utils.readiness.kinds import status_of
from ansible_collections.todo.cloud.plugins.module_utils.readiness.starting import with_failing_probes
from ansible_collections.todo.cloud.plugins.module_utils.readiness.symptoms import Symptom
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import Tree, symptoms_of, tree_of

FIXTURES = sorted(Path(__file__).with_name("fixtures").glob("*.yaml"))


def load(path: Path) -> tuple[dict[str, Any], Tree, list[dict[str, Any]]]:
    """Expectation, tree and events of a fixture."""
    head, workload, *others = yaml.safe_load_all(path.read_text())
    events = [obj for obj in others if obj.get("kind") == "Event"]
    if workload["kind"] == "PersistentVolumeClaim":
        return head["expect"], Tree(workload, old_pods=tuple(others)), events
    return head["expect"], tree_of(workload, others), events


def symptoms(tree: Tree, events: list[dict[str, Any]]) -> list[Symptom]:
    about = (tree.newest or tree.workload)["metadata"].get("uid", "")
    found = [refined(symptom, events, about) for symptom in symptoms_of(tree)]
    return with_failing_probes(tree, found, events, now=max(map(event_time, events), default=0.0))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_state(path: Path) -> None:
    expected, tree, events = load(path)
    found = status_of(tree.workload, tree.pods)
    assert found.state == expected["status"], found
    assert expected.get("says", "") in found.message
    assert sorted({symptom.code for symptom in symptoms(tree, events)}) == sorted(set(expected.get("symptoms", [])))


def test_every_state_has_a_source() -> None:
    assert len(FIXTURES) >= 120
    for path in FIXTURES:
        assert path.read_text().startswith("# "), path


def test_nothing_there() -> None:
    assert status_of(None).state == "NotFound"
