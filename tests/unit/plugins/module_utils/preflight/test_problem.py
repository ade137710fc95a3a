"""Problems as one failure."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.preflight.problem import Problem, failure_of

SECRET = Problem("api", Code.CONFIG_MISSING, "Deployment api needs Secret 'x', which is not there", "create it")
IMAGE = Problem("web", Code.IMAGE_NOT_FOUND, "image r/web:v1 is not in its registry", "push it")
ROOM = Problem("web", Code.UNSCHEDULABLE, "no room", "add nodes", certain=False)


def test_problems_of_one_kind_have_its_code() -> None:
    failure = failure_of([SECRET, ROOM])
    assert failure is not None
    assert failure.code is Code.CONFIG_MISSING
    assert failure.details["problems"] == [SECRET.as_result()]


def test_problems_of_several_kinds_are_one_failure_with_each_remedy() -> None:
    failure = failure_of([SECRET, IMAGE])
    assert failure is not None
    assert failure.code is Code.PREFLIGHT_FAILED
    assert len(failure.details["problems"]) == 2
    assert all(problem.remedy in failure.message for problem in (SECRET, IMAGE))


def test_what_may_go_well_is_no_failure() -> None:
    assert failure_of([ROOM]) is None
    assert failure_of([]) is None
