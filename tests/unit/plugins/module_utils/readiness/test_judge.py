# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Time in judgements: the judge is told what time it is, so a minute takes no time here."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.readiness.expressions import Expressions
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Clock, Judge
from ansible_collections.todo.cloud.plugins.module_utils.readiness.pods import unsettled
from ansible_collections.todo.cloud.plugins.module_utils.readiness.starting import open_question
from ansible_collections.todo.cloud.plugins.module_utils.readiness.status import State
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import Tree, tree_of

FIXTURES = Path(__file__).with_name("fixtures")
LATER = 2_000_000_000.0  # server time long after all fixtures


def objects(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FIXTURES / f"{name}.yaml").read_text()))[1:]


def tree(name: str) -> Tree:
    workload, *others = objects(name)
    return tree_of(workload, others)


def at(seconds: float, server: float = 0.0) -> Clock:
    """Server time 0 makes every server timestamp lie in the future: only the local clock counts then."""
    return Clock(seconds, server)


def test_crash_loop_is_doomed_at_once() -> None:
    found = Judge({}).look(tree("deployment-crash-app"), at(0))
    assert found.status.state is State.FAILED
    assert [symptom.code for symptom in found.doom] == [Code.CRASH_LOOP]


def test_first_crash_has_a_grace() -> None:
    judge = Judge({})
    assert not judge.look(tree("pod-first-crash"), at(0)).doom
    assert not judge.look(tree("pod-first-crash"), at(19)).doom
    assert judge.look(tree("pod-first-crash"), at(21)).doom


def test_grace_starts_anew_when_the_symptom_was_gone() -> None:
    judge = Judge({})
    judge.look(tree("deployment-image-missing"), at(0))
    judge.look(tree("deployment-creating"), at(10))
    assert not judge.look(tree("deployment-image-missing"), at(20)).doom
    assert judge.look(tree("deployment-image-missing"), at(36)).doom


def test_registry_trouble_has_a_longer_grace_than_a_missing_image() -> None:
    judge = Judge({})
    judge.look(tree("pod-pull-registry-down"), at(0))
    assert not judge.look(tree("pod-pull-registry-down"), at(100)).doom
    assert judge.look(tree("pod-pull-registry-down"), at(121)).doom


def test_the_clearer_sighting_of_a_pull_failure_stays() -> None:
    judge = Judge({})
    judge.look(tree("pod-pull-denied"), at(0))
    assert judge.look(tree("pod-pull-back-off-without-cause"), at(16)).doom


def test_overridden_grace() -> None:
    judge = Judge({"unschedulable": 5.0})
    assert not judge.look(tree("deployment-unschedulable"), at(0)).doom
    assert judge.look(tree("deployment-unschedulable"), at(5)).doom


def test_server_timestamps_shorten_the_grace_of_what_began_before() -> None:
    assert Judge({}).look(tree("deployment-unschedulable"), at(0, LATER)).doom


def test_quota_grace_starts_anew_while_the_controller_moves() -> None:
    judge, moving = Judge({}), tree("statefulset-quota")
    judge.look(moving, at(0))
    moved = copy.deepcopy(moving.workload)
    moved["status"]["replicas"] = 1
    other = Tree(moved, moving.newest, moving.new_pods, moving.old_pods)
    assert not judge.look(other, at(19)).doom
    assert not judge.look(other, at(30)).doom
    assert judge.look(other, at(40)).doom


def test_not_ready_never_dooms_by_itself() -> None:
    judge = Judge({})
    judge.look(tree("deployment-never-ready"), at(0))
    assert not judge.look(tree("deployment-never-ready"), at(100_000)).doom


STARTED = 1795303648.0  # of the container in deployment-probe-refused: 2026-11-21T23:27:28Z
ATTEMPTS = 3.0  # its probe: every second, three failures


def refused(last_seen: float, count: int = 20) -> tuple[Tree, list[dict[str, Any]]]:
    """Tree and events of a container where nobody listens; the kubelet said so last at ``last_seen`` (server time)."""
    workload, *others = objects("deployment-probe-refused")
    events = [obj for obj in others if obj["kind"] == "Event"]
    events[0] |= {"lastTimestamp": datetime.fromtimestamp(last_seen, UTC).isoformat(), "count": count}
    return tree_of(workload, others), events


def test_nobody_listens_where_the_probe_asks() -> None:
    judge = Judge({})
    for seconds in (1.0, ATTEMPTS + 59.0):  # a slow start is excused
        asked, events = refused(STARTED + seconds)
        assert not judge.look(asked, at(seconds, STARTED + seconds), events=events).doom
    asked, events = refused(STARTED + ATTEMPTS + 61.0)
    found = judge.look(asked, at(64.0, STARTED + ATTEMPTS + 61.0), events=events)
    assert [symptom.code for symptom in found.doom] == [Code.PROBE_FAILING]


def test_a_probe_that_the_kubelet_has_fallen_silent_about_dooms_nothing() -> None:
    asked, events = refused(STARTED + 25.0)
    found = Judge({}).look(asked, at(0, STARTED + 300.0), events=events)
    assert not found.doom
    assert [symptom.code for symptom, _ in found.waiting] == [Code.NOT_READY]


def test_who_is_refused_until_the_kubelet_falls_silent_may_be_asked() -> None:
    asked, events = refused(STARTED + 25.0)
    waiting = [symptom for symptom, _ in Judge({}).look(asked, at(0, STARTED + 60.0), events=events).waiting]
    assert open_question(asked, waiting, events, STARTED + 26.0) is None
    assert open_question(asked, waiting, [], STARTED + 60.0) is None
    question = open_question(asked, waiting, events, STARTED + 60.0)
    assert question is not None
    assert (question.container, question.port, question.path, question.tls) == ("app", 8080, "/ready", False)
    told = question.refused("error trying to reach service: connect: connection refused", STARTED + 64.0)
    assert told is not None
    found = Judge({}).look(asked, at(0, STARTED + 64.0), events=[*events, told])
    assert [symptom.code for symptom in found.doom] == [Code.PROBE_FAILING]
    assert question.refused("dial tcp 10.244.0.9:8080: i/o timeout", STARTED + 64.0) is None


def test_who_has_answered_is_not_asked() -> None:
    asked, events = refused(STARTED + 25.0)
    answer = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    later = copy.deepcopy(events[0]) | {"message": answer, "lastTimestamp": "2026-11-21T23:27:54Z"}
    waiting = [symptom for symptom, _ in Judge({}).look(asked, at(0, STARTED + 60.0), events=events).waiting]
    assert open_question(asked, waiting, [*events, later], STARTED + 60.0) is None


@pytest.mark.parametrize(
    ("probe", "port"),
    [
        ({"httpGet": {"port": "web"}}, 8081),
        ({"httpGet": {"port": "8080", "scheme": "HTTPS"}}, 8080),
        ({"httpGet": {"port": 8080, "host": "10.0.0.1"}}, None),
        ({"httpGet": {"port": "no-such"}}, None),
        ({"tcpSocket": {"port": 8080}}, None),
        ({"grpc": {"port": 8080}}, None),
    ],
)
def test_only_http_probes_of_the_pod_itself_are_asked(probe: dict[str, Any], port: int | None) -> None:
    asked, events = refused(STARTED + 25.0)
    pods = copy.deepcopy(asked.new_pods)
    container = pods[0]["spec"]["containers"][0]
    container |= {"readinessProbe": {**probe, "periodSeconds": 1}, "ports": [{"name": "web", "containerPort": 8081}]}
    other = Tree(asked.workload, asked.newest, pods)
    waiting = [symptom for symptom, _ in Judge({}).look(other, at(0, STARTED + 60.0), events=events).waiting]
    question = open_question(other, waiting, events, STARTED + 60.0)
    assert (question.port if question else None) == port
    assert question is None or question.tls == ("scheme" in probe["httpGet"])


def test_the_probes_own_attempts_are_waited_for() -> None:
    asked, events = refused(STARTED + 150.0)
    pods = copy.deepcopy(asked.new_pods)
    pods[0]["spec"]["containers"][0]["livenessProbe"] = {"initialDelaySeconds": 120, "periodSeconds": 10}
    patient = Tree(asked.workload, asked.newest, pods)
    assert not Judge({}).look(patient, at(0, STARTED + 150.0), events=events).doom
    assert not Judge({}).look(patient, at(0, STARTED + 209.0), events=refused(STARTED + 209.0)[1]).doom
    assert Judge({}).look(patient, at(0, STARTED + 211.0), events=refused(STARTED + 211.0)[1]).doom


def test_after_a_startup_probe_the_time_counts_from_the_first_sighting() -> None:
    asked, events = refused(STARTED + 300.0)
    pods = copy.deepcopy(asked.new_pods)
    pods[0]["spec"]["containers"][0]["startupProbe"] = {"failureThreshold": 30}
    started = Tree(asked.workload, asked.newest, pods)
    judge = Judge({})
    assert not judge.look(started, at(0, STARTED + 300.0), events=events).doom
    assert judge.look(started, at(64, STARTED + 300.0), events=events).doom


def test_a_sibling_that_is_ready_proves_the_probe_right() -> None:
    asked, events = refused(STARTED + 100.0)
    ready = copy.deepcopy(asked.new_pods[0])
    ready["metadata"]["uid"] = "sibling"
    for entry in ready["status"]["conditions"]:
        entry["status"] = "True"
    both = Tree(asked.workload, asked.newest, (*asked.new_pods, ready))
    assert not Judge({}).look(both, at(0, STARTED + 100.0), events=events).doom


def test_a_port_name_that_is_not_there_needs_no_events() -> None:
    judge = Judge({})
    assert not judge.look(tree("deployment-probe-named-port-missing"), at(0, STARTED + 14.0)).doom
    found = judge.look(tree("deployment-probe-named-port-missing"), at(2, STARTED + 16.0))
    assert [symptom.code for symptom in found.doom] == [Code.PROBE_FAILING]


def test_an_unready_pod_that_was_made_without_its_sidecar_is_doomed() -> None:
    judge, asked = Judge({}), tree("deployment-never-ready")
    pods = copy.deepcopy(asked.new_pods)
    for pod in pods:
        pod["metadata"]["annotations"] = {"dapr.io/enabled": "true"}
    lacking = Tree(asked.workload, asked.newest, pods, asked.old_pods)
    assert not judge.look(lacking, at(0)).doom
    assert {symptom.code for symptom in judge.look(lacking, at(11)).doom} == {Code.SIDECAR_MISSING}


def test_dependency_down_when_old_and_new_pods_are_unready_alike() -> None:
    judge = Judge({})
    assert not judge.look(tree("deployment-dependency-down"), at(0)).doom
    found = judge.look(tree("deployment-dependency-down"), at(61))
    assert [symptom.code for symptom in found.doom] == [Code.DEPENDENCY_DOWN]


def test_an_old_revision_that_crashes_dooms_nothing() -> None:
    assert not Judge({}).look(tree("deployment-old-revision-crashing"), at(0, LATER)).doom


def test_absent_object_has_a_grace_then_is_not_found() -> None:
    judge = Judge({})
    assert not judge.look(None, at(0)).doom
    assert judge.look(None, at(11)).doom[0].code is Code.NOT_FOUND


def test_object_deleted_while_waiting() -> None:
    judge = Judge({})
    judge.look(tree("deployment-creating"), at(0))
    assert not judge.look(None, at(1)).doom  # it may be made again
    assert judge.look(None, at(12)).doom[0].code is Code.DELETED


def test_object_made_again_is_noticed_and_judged_anew() -> None:
    judge = Judge({})
    judge.look(tree("deployment-image-missing"), at(0))
    again = objects("deployment-image-missing")
    again[0]["metadata"]["uid"] = "another"
    found = judge.look(tree_of(again[0], again[1:]), at(20))
    assert not found.doom
    assert found.warnings == ("Deployment image-missing was deleted and made again during the wait",)


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


@pytest.mark.parametrize(
    ("name", "ready_for", "stability", "left"),
    [
        ("pod-running", 0.0, 3.0, 9.0),  # no readiness probe: three times
        ("pod-running", 20.0, 3.0, 0.0),
        ("pod-running", 0.0, 0.0, 0.0),
        ("pod-restarted-and-running", 0.0, 0.0, 2.0),  # must outlive its last run, which took 2 s
    ],
)
def test_seconds_until_ready_counts(name: str, ready_for: float, stability: float, left: float) -> None:
    pod = objects(name)[0]
    started = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    from ansible_collections.todo.cloud.plugins.module_utils.readiness.fields import timestamp

    for entry in pod["status"]["conditions"]:
        entry["lastTransitionTime"] = started
    now = (timestamp(started) or 0.0) + ready_for
    assert unsettled(pod, now, stability) == pytest.approx(left)


def test_a_quick_liveness_probe_is_outlived_a_slow_one_is_not_sat_out() -> None:
    pod = objects("pod-running")[0]
    container = pod["spec"]["containers"][0]
    container["readinessProbe"] = {"exec": {}}
    container["livenessProbe"] = {"periodSeconds": 1, "failureThreshold": 2}
    before = 0.0  # server time before the pod began: nothing has passed yet
    assert unsettled(pod, before, 0.0) == 3.0
    container["livenessProbe"] = {"periodSeconds": 30}
    assert unsettled(pod, before, 0.0) == 0.0


def test_a_node_whose_clock_runs_ahead_costs_no_more_than_the_stability() -> None:
    judge = Judge({}, stability=3.0)
    assert judge.look(tree("deployment-healthy"), at(0, 0.0)).status.state is State.IN_PROGRESS
    assert judge.look(tree("deployment-healthy"), at(9.1, 0.0)).status.state is State.CURRENT


def test_ready_for_a_moment_is_not_current() -> None:
    found = Judge({}, stability=3.0).look(tree("deployment-healthy"), at(0, 0.0))
    assert found.status.state is State.IN_PROGRESS
    assert found.status.message == "3/3 available, watching whether it stays so"
    assert Judge({}, stability=3.0).look(tree("deployment-healthy"), at(0, LATER)).status.state is State.CURRENT


def test_a_container_that_the_kubelet_is_ending_is_not_current_though_it_is_ready() -> None:
    workload, *others = objects("deployment-healthy")
    pod = next(obj for obj in others if obj["kind"] == "Pod")
    container = pod["spec"]["containers"][0]["name"]
    about = {"uid": pod["metadata"]["uid"], "fieldPath": f"spec.containers{{{container}}}"}
    message = f"Container {container} failed liveness probe, will be restarted"
    event = {"involvedObject": about, "reason": "Killing", "type": "Normal", "message": message}
    ending = event | {"lastTimestamp": "2099-01-01T00:00:00Z"}
    found = Judge({}).look(tree_of(workload, others), at(0, LATER), events=[ending])
    assert found.status.message == "3/3 available, a container is about to be restarted"
    before = event | {"lastTimestamp": "2001-01-01T00:00:00Z"}
    assert Judge({}).look(tree_of(workload, others), at(0, LATER), events=[before]).status.state is State.CURRENT
    report = pod["status"]["containerStatuses"][0]
    same = event | {"lastTimestamp": report["state"]["running"]["startedAt"]}
    assert Judge({}).look(tree_of(workload, others), at(0, LATER), events=[same]).status.state is State.IN_PROGRESS
    end = {"exitCode": 143, "startedAt": "2001-01-01T00:00:00Z", "finishedAt": same["lastTimestamp"]}
    report |= {"lastState": {"terminated": end}, "restartCount": 1}
    assert Judge({}).look(tree_of(workload, others), at(0, LATER), events=[same]).status.state is State.CURRENT


def test_status_that_came_before_its_pods_does_not_count_yet() -> None:
    workload, *others = objects("deployment-healthy")
    sets = [obj for obj in others if obj["kind"] == "ReplicaSet"]
    found = Judge({}).look(tree_of(workload, sets), at(0, LATER))
    assert found.status.state is State.IN_PROGRESS
    assert found.status.message == "3/3 available, its pods are yet to be seen"
    assert Judge({}).look(tree("deployment-healthy"), at(0, LATER)).status.state is State.CURRENT


@pytest.mark.parametrize(
    "name",
    ["statefulset-healthy", "statefulset-partition-held", "statefulset-ondelete-old-pods", "daemonset-healthy",
     "daemonset-ondelete-old-pods", "replicaset-healthy", "deployment-no-replicas", "job-complete", "pod-running"],
)  # fmt: skip
def test_captured_states_that_are_current_are_judged_so(name: str) -> None:
    assert Judge({}).look(tree(name), at(0, LATER)).status.state is State.CURRENT


def test_expressions_replace_the_rule_of_the_kind() -> None:
    obj = {"kind": "Topic", "metadata": {"name": "x", "uid": "1"}, "status": {"state": "bad", "n": 3}}
    ready = Judge({}, expressions=Expressions("status.n == `3`")).look(Tree(obj), at(0))
    assert ready.status.state is State.CURRENT
    waiting = Judge({}, expressions=Expressions("status.n == `4`")).look(Tree(obj), at(0))
    assert waiting.status.state is State.IN_PROGRESS
    failed = Judge({}, expressions=Expressions("status.n == `4`", "status.state == 'bad'")).look(Tree(obj), at(0))
    assert failed.doom[0].code is Code.RESOURCE_FAILED


def test_expression_over_an_absent_field_is_false_not_an_error() -> None:
    assert Expressions("length(status.conditions) > `0`").status_of({"kind": "x"}).state is State.IN_PROGRESS


def test_expression_that_does_not_parse_is_named() -> None:
    with pytest.raises(TodoCloudError, match="no JMESPath expression") as caught:
        Expressions("status.[")
    assert caught.value.failure.code is Code.INVALID_INPUT
