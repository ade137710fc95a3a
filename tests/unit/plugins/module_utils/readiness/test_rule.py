"""One rule: which of its expressions decides, and what it says."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.rule import NO_STATUS, NOT_JUDGED, Rule
from ansible_collections.todo.cloud.plugins.module_utils.readiness.status import State

ALL = Rule(
    failed="status.failed",
    suspended="spec.paused",
    progressing="status.busy",
    ready="status.ready",
    message="status.why",
)


def lamp(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    found = {"apiVersion": "example.org/v1", "kind": "Lamp", "metadata": {"name": "a"}, "spec": spec}
    return found if status is None else {**found, "status": status}


@pytest.mark.parametrize(
    ("status", "spec", "expected"),
    [
        ({"failed": True, "busy": True, "ready": True}, {}, State.FAILED),
        ({"busy": True, "ready": True}, {}, State.IN_PROGRESS),
        ({"ready": True}, {}, State.CURRENT),
        ({"other": True}, {}, State.IN_PROGRESS),
        ({"failed": True}, {"paused": True}, State.SUSPENDED),
    ],
)
def test_the_first_expression_that_holds_decides(status: dict[str, Any], spec: dict[str, Any], expected: State) -> None:
    assert ALL.status_of(lamp(status, **spec)).state is expected


def test_it_says_what_the_rule_names_bounded_and_on_one_line() -> None:
    said = ALL.status_of(lamp({"failed": True, "why": "it\nbroke " + "x" * 900})).message
    assert said.startswith("it broke x")
    assert len(said) == 300


def test_without_a_status_it_waits_where_the_kind_reports_one() -> None:
    assert ALL.status_of(lamp()) == NO_STATUS
    assert Rule().status_of(lamp(), reports=False) == NOT_JUDGED
    assert Rule(no_status=True, failed="spec").status_of(lamp({}, x=1)) == NOT_JUDGED


def test_a_condition_of_an_older_generation_does_not_count() -> None:
    condition = {"type": "Ready", "status": "True", "observedGeneration": 1}
    old = lamp({"ready": True, "conditions": [condition]})
    old["metadata"]["generation"] = 2
    assert ALL.status_of(old).state is State.IN_PROGRESS
