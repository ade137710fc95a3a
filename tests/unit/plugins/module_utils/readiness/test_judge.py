# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Time in judgements: the judge is given the time, so a minute takes no time here."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.readiness.expressions import Expressions
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judge
from ansible_collections.todo.cloud.plugins.module_utils.readiness.status import State
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import Tree, tree_of

from tests.support.states import LATER, at, objects, tree

LATER_TEXT = datetime.fromtimestamp(LATER, UTC).isoformat()


def test_crash_loop_is_terminal_at_once() -> None:
    found = Judge({}).look(tree("deployment-crash-app"), at(0))
    assert found.status.state is State.FAILED
    assert [symptom.code for symptom in found.terminal] == [Code.CRASH_LOOP]


def test_first_crash_has_a_grace() -> None:
    judge = Judge({})
    assert not judge.look(tree("pod-first-crash"), at(0)).terminal
    assert not judge.look(tree("pod-first-crash"), at(19)).terminal
    assert judge.look(tree("pod-first-crash"), at(21)).terminal


def test_grace_starts_anew_when_the_symptom_was_gone() -> None:
    judge = Judge({})
    judge.look(tree("deployment-image-missing"), at(0))
    judge.look(tree("deployment-creating"), at(10))
    assert not judge.look(tree("deployment-image-missing"), at(20)).terminal
    assert judge.look(tree("deployment-image-missing"), at(36)).terminal


def test_server_timestamps_shorten_the_grace_of_what_began_before() -> None:
    assert Judge({}).look(tree("deployment-unschedulable"), at(0, LATER)).terminal


def test_absent_object_has_a_grace_then_is_not_found() -> None:
    judge = Judge({})
    assert not judge.look(None, at(0)).terminal
    assert judge.look(None, at(11)).terminal[0].code is Code.NOT_FOUND


def test_object_deleted_while_waiting() -> None:
    judge = Judge({})
    judge.look(tree("deployment-creating"), at(0))
    assert not judge.look(None, at(1)).terminal  # it may be made again
    assert judge.look(None, at(12)).terminal[0].code is Code.DELETED


def test_object_made_again_is_noticed_and_judged_anew() -> None:
    judge = Judge({})
    judge.look(tree("deployment-image-missing"), at(0))
    again = objects("deployment-image-missing")
    again[0]["metadata"]["uid"] = "another"
    found = judge.look(tree_of(again[0], again[1:]), at(20))
    assert not found.terminal
    assert found.warnings == ("Deployment image-missing was deleted and created again during the wait",)


def test_more_replicas_than_wanted_at_first_are_only_a_warning() -> None:
    judge = Judge({"unschedulable": 0.0})
    workload, *others = objects("deployment-healthy")
    judge.look(tree_of(workload, others), at(0, LATER))
    grown, pods = copy.deepcopy(workload), copy.deepcopy(others)
    grown["spec"]["replicas"] = 4
    grown["status"]["replicas"] = grown["status"]["updatedReplicas"] = 4
    extra = copy.deepcopy(next(obj for obj in pods if obj["kind"] == "Pod"))
    extra["metadata"] |= {"name": "extra", "uid": "extra"}
    refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    extra["status"] = {"phase": "Pending", "conditions": [refused]}
    found = judge.look(tree_of(grown, [*pods, extra]), at(1, LATER))
    assert found.status.state is State.CURRENT
    assert found.warnings == ("extra: Unschedulable 0/1 nodes",)


def test_a_node_whose_clock_runs_ahead_costs_no_more_than_the_stability() -> None:
    judge = Judge({}, stability=3.0)
    assert judge.look(tree("deployment-healthy"), at(0, 0.0)).status.state is State.IN_PROGRESS
    assert judge.look(tree("deployment-healthy"), at(9.1, 0.0)).status.state is State.CURRENT


def test_ready_for_a_moment_is_not_current() -> None:
    found = Judge({}, stability=3.0).look(tree("deployment-healthy"), at(0, 0.0))
    assert found.status.state is State.IN_PROGRESS
    assert found.status.message == "3/3 available, checking that it stays so"
    assert Judge({}, stability=3.0).look(tree("deployment-healthy"), at(0, LATER)).status.state is State.CURRENT


def test_status_that_came_before_its_pods_does_not_count_yet() -> None:
    workload, *others = objects("deployment-healthy")
    sets = [obj for obj in others if obj["kind"] == "ReplicaSet"]
    found = Judge({}).look(tree_of(workload, sets), at(0, LATER))
    assert found.status.state is State.IN_PROGRESS
    assert found.status.message == "3/3 available, its pods are not visible yet"
    assert Judge({}).look(tree("deployment-healthy"), at(0, LATER)).status.state is State.CURRENT


def test_expressions_replace_the_rule_of_the_kind() -> None:
    obj = {"kind": "Topic", "metadata": {"name": "x", "uid": "1"}, "status": {"state": "bad", "n": 3}}
    ready = Judge({}, expressions=Expressions("status.n == `3`")).look(Tree(obj), at(0))
    assert ready.status.state is State.CURRENT
    waiting = Judge({}, expressions=Expressions("status.n == `4`")).look(Tree(obj), at(0))
    assert waiting.status.state is State.IN_PROGRESS
    failed = Judge({}, expressions=Expressions("status.n == `4`", "status.state == 'bad'")).look(Tree(obj), at(0))
    assert failed.terminal[0].code is Code.RESOURCE_FAILED


def test_a_container_that_waits_for_a_dependency_has_its_grace_over_all_restarts() -> None:
    judge = Judge({})
    ended = judge.look(tree("deployment-crash-app"), at(0, 0)).terminal[0]
    assert judge.set_waits(ended, True, at(0, 0))
    (waiting, _), *_ = judge.look(tree("deployment-crash-app"), at(0, 0)).waiting
    assert not judge.set_waits(waiting, True, at(1, 1)), "no news"
    judge.look(tree("deployment-creating"), at(30, 30))  # it runs again for a while
    assert not judge.look(tree("deployment-crash-app"), at(89, 89)).terminal
    assert judge.look(tree("deployment-crash-app"), at(91, 91)).terminal


def test_a_container_that_ends_for_another_reason_then_fails_at_once() -> None:
    judge = Judge({})
    judge.set_waits(judge.look(tree("deployment-crash-app"), at(0)).terminal[0], True, at(0))
    (waiting, _), *_ = judge.look(tree("deployment-crash-app"), at(5)).waiting
    assert judge.set_waits(waiting, False, at(6))
    assert judge.look(tree("deployment-crash-app"), at(6)).terminal


def ended(reason: str, when: str = LATER_TEXT) -> dict[str, object]:
    return {"reason": reason, "message": "Job has ended", "lastTimestamp": when}


def test_a_job_that_its_ttl_removed_is_judged_by_its_events() -> None:
    done = Judge({}, passing=True).look(None, at(0), events=[ended("SuccessfulCreate"), ended("Completed")])
    assert done.status.state is State.CURRENT
    assert "ttlSecondsAfterFinished" in done.status.message


def test_a_job_that_failed_before_its_ttl_removed_it() -> None:
    judge, events = Judge({}, passing=True), [ended("Completed", "2020-01-01T00:00:00Z"), ended("BackoffLimitExceeded")]
    assert not judge.look(None, at(0, LATER), events=events).terminal  # its last event may be on its way
    found = judge.look(None, at(11, LATER), events=events).terminal
    assert [symptom.code for symptom in found] == [Code.JOB_FAILED]
    assert found[0].message == "BackoffLimitExceeded: Job has ended"


def test_how_a_job_ended_long_ago_is_not_known_and_said() -> None:
    judge, events = Judge({}, passing=True), [ended("BackoffLimitExceeded", "2020-01-01T00:00:00Z")]
    judge.look(None, at(0, LATER), events=events)
    found = judge.look(None, at(11, LATER), events=events)
    assert (found.status.state, found.status.judged) == (State.CURRENT, False)
    assert "not known any more" in found.warnings[0]
    assert judge.look(tree("job-failed-backoff"), at(12, LATER)).terminal  # it is there again


def test_what_an_autoscaler_says_is_a_warning_and_nothing_waits_for_it() -> None:
    found = {
        name: Judge({}, advisory=True).look(tree(f"autoscaler-{name}"), at(0)) for name in ("no-metrics", "active")
    }
    assert [each.status.state for each in found.values()] == [State.CURRENT, State.CURRENT]
    assert found["active"].warnings == ()
    assert found["no-metrics"].warnings[0].startswith("it gets no metrics, so it does not scale: Failed")


def test_a_cron_job_with_a_run_under_way_is_judged() -> None:
    """Its ``status.active`` is a list, unlike that of a Job."""
    running = {"lastScheduleTime": "2026-11-21T10:00:00Z", "active": [{"kind": "Job", "name": "x-1"}]}
    made = {"name": "x", "uid": "u", "generation": 1}
    cron = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": made, "spec": {}, "status": running}
    assert Judge({}).look(tree_of(cron, []), at(0)).status.done
