"""A status that nobody writes: not ready for a while, then not judged; never so where a controller has spoken.

One from before the last change: not trusted for a while.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.readiness.fields import timestamp
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judge
from ansible_collections.todo.cloud.plugins.module_utils.readiness.rule import NO_STATUS
from ansible_collections.todo.cloud.plugins.module_utils.readiness.status import State, Status
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import Tree, tree_of
from ansible_collections.todo.cloud.plugins.module_utils.readiness.unreported import seconds_to_trust, unreported

from tests.support.custom_kinds import DATABASE, crashing_pod, custom
from tests.support.states import at

MADE = timestamp("2026-01-01T00:00:00Z") or 0.0
CHANGED = {"manager": "helm", "operation": "Apply", "time": "2026-01-01T00:01:00Z"}
SPOKEN = {"manager": "db-operator", "operation": "Update", "subresource": "status", "time": "2026-01-01T00:00:02Z"}


def database(*fields: dict[str, Any]) -> dict[str, Any]:
    return custom(DATABASE, "db", metadata={"managedFields": list(fields)})


@pytest.mark.parametrize(
    ("fields", "seconds", "judged", "left"),
    [
        ((), 29.0, True, 1.0),
        ((), 30.0, False, float("inf")),
        ((CHANGED,), 89.0, True, 1.0),  # a change asks for an answer once more
        ((CHANGED,), 90.0, False, float("inf")),
        ((CHANGED, SPOKEN), 3600.0, True, float("inf")),  # emptied by its controller
    ],
)
def test_it_is_waited_for_from_its_last_change_on(
    fields: tuple[dict[str, Any], ...], seconds: float, judged: bool, left: float
) -> None:
    found, until = unreported(database(*fields), NO_STATUS, MADE + seconds, 30.0)
    assert (found.judged, until) == (judged, left)
    assert found.state is (State.IN_PROGRESS if judged else State.CURRENT)
    assert judged or "nobody has written its status" in found.message


def test_a_controller_that_has_just_started_has_the_same_time() -> None:
    now = MADE + 100
    assert unreported(database(), NO_STATUS, now, 30.0, busy=now - 5) == (NO_STATUS, 25.0)
    assert not unreported(database(), NO_STATUS, now, 30.0, busy=now - 30)[0].judged


def test_what_says_something_stays_as_it_is() -> None:
    failed = Status(State.FAILED, "no space left")
    assert unreported(database(), failed, MADE + 3600, 30.0) == (failed, float("inf"))


def test_the_judge_looks_again_when_the_grace_is_over_and_warns() -> None:
    judge = Judge({"no_status": 10.0})
    first = judge.look(Tree(database()), at(0, MADE + 4))
    assert (first.status.done, first.next_look) == (False, 6.0)
    second = judge.look(Tree(database()), at(6, MADE + 10))
    assert second.status.done
    assert not second.status.judged
    assert second.warnings == (second.status.message,)


NEWS = {**SPOKEN, "time": "2026-01-01T00:01:01Z"}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


@pytest.mark.parametrize(
    ("fields", "status", "left"),
    [
        ((SPOKEN,), {"phase": "Running"}, 0.0),  # never changed
        ((CHANGED, SPOKEN), {"phase": "Running"}, 2.0),
        ((CHANGED, SPOKEN), READY, 2.0),
        ((CHANGED, {**SPOKEN, "time": CHANGED["time"]}), READY, 2.0),  # the API tells whole seconds
        ((CHANGED, SPOKEN, NEWS), READY, 0.0),
        ((CHANGED, SPOKEN), {**READY, "observedGeneration": 2}, 0.0),
        ((CHANGED, SPOKEN), {"conditions": [{**READY["conditions"][0], "observedGeneration": 2}]}, 0.0),
        ((CHANGED, SPOKEN), {"parents": [{"conditions": [{"type": "Accepted", "observedGeneration": 2}]}]}, 0.0),
    ],
)
def test_a_status_from_before_a_change_is_not_trusted_at_once(
    fields: tuple[dict[str, Any], ...], status: dict[str, Any], left: float
) -> None:
    changed = database(*fields) | {"status": status}
    assert seconds_to_trust(changed, MADE + 61.0, 3.0) == left
    assert seconds_to_trust(changed, MADE + 63.0, 3.0) == 0.0


def test_the_judge_waits_for_a_new_status_and_takes_the_old_one_in_the_end() -> None:
    judge = Judge({}, 3.0)
    ready = database(CHANGED, SPOKEN) | {"status": {"phase": "Running"}}
    first = judge.look(Tree(ready), at(0, MADE + 61))
    assert (first.status.done, first.next_look) == (False, 2.0)
    assert judge.look(Tree(ready), at(2, MADE + 63)).status.done
    moving = database(CHANGED, SPOKEN, NEWS) | {"status": {"phase": "Upgrading"}}
    assert not judge.look(Tree(moving), at(2, MADE + 63)).status.done


def test_a_pod_that_has_just_failed_is_news_that_the_status_may_lack() -> None:
    ready = database() | {"status": {"phase": "Running"}}
    pod = crashing_pod("db-1", (DATABASE, "db"))
    pod["status"]["conditions"].append(
        {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:01:00Z"}
    )
    judge = Judge({"crash_loop": 60.0}, 3.0)
    first = judge.look(tree_of(ready, [pod]), at(0, MADE + 61))
    assert (first.status.done, first.next_look) == (False, 2.5)
    second = judge.look(tree_of(ready, [pod]), at(2.5, MADE + 63.5))
    assert second.status.done
    assert second.warnings
