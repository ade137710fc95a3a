# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Containers that start: what is excused, and who is asked when the kubelet reports nothing."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judge
from ansible_collections.todo.cloud.plugins.module_utils.readiness.starting import unreported_probe
from ansible_collections.todo.cloud.plugins.module_utils.readiness.status import State
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import Tree, tree_of

from tests.support.states import LATER, at, objects, tree

STARTED = 1795303648.0  # of the container in deployment-probe-refused: 2026-11-21T23:27:28Z

ATTEMPTS = 3.0  # its probe: every second, three failures


def refused(last_seen: float, count: int = 20) -> tuple[Tree, list[dict[str, Any]]]:
    """Tree and events of a container where nobody listens, last reported by the kubelet at ``last_seen``."""
    workload, *others = objects("deployment-probe-refused")
    events = [obj for obj in others if obj["kind"] == "Event"]
    events[0] |= {"lastTimestamp": datetime.fromtimestamp(last_seen, UTC).isoformat(), "count": count}
    return tree_of(workload, others), events


def test_nobody_listens_where_the_probe_asks() -> None:
    judge = Judge({})
    for seconds in (1.0, ATTEMPTS + 59.0):  # a slow start is excused
        asked, events = refused(STARTED + seconds)
        assert not judge.look(asked, at(seconds, STARTED + seconds), events=events).terminal
    asked, events = refused(STARTED + ATTEMPTS + 61.0)
    found = judge.look(asked, at(64.0, STARTED + ATTEMPTS + 61.0), events=events)
    assert [symptom.code for symptom in found.terminal] == [Code.PROBE_FAILING]


def test_a_probe_that_the_kubelet_has_fallen_silent_about_fails_nothing() -> None:
    asked, events = refused(STARTED + 25.0)
    found = Judge({}).look(asked, at(0, STARTED + 300.0), events=events)
    assert not found.terminal
    assert [symptom.code for symptom, _ in found.waiting] == [Code.NOT_READY]


def test_who_is_refused_until_the_kubelet_falls_silent_may_be_asked() -> None:
    asked, events = refused(STARTED + 25.0)
    waiting = [symptom for symptom, _ in Judge({}).look(asked, at(0, STARTED + 60.0), events=events).waiting]
    assert unreported_probe(asked, waiting, events, STARTED + 26.0) is None
    assert unreported_probe(asked, waiting, [], STARTED + 60.0) is None
    target = unreported_probe(asked, waiting, events, STARTED + 60.0)
    assert target is not None
    assert (target.container, target.port, target.path, target.tls) == ("app", 8080, "/ready", False)
    event = target.refusal_event("error trying to reach service: connect: connection refused", STARTED + 64.0)
    assert event is not None
    found = Judge({}).look(asked, at(0, STARTED + 64.0), events=[*events, event])
    assert [symptom.code for symptom in found.terminal] == [Code.PROBE_FAILING]
    assert target.refusal_event("dial tcp 10.244.0.9:8080: i/o timeout", STARTED + 64.0) is None


def test_who_has_answered_is_not_asked() -> None:
    asked, events = refused(STARTED + 25.0)
    answer = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    later = copy.deepcopy(events[0]) | {"message": answer, "lastTimestamp": "2026-11-21T23:27:54Z"}
    waiting = [symptom for symptom, _ in Judge({}).look(asked, at(0, STARTED + 60.0), events=events).waiting]
    assert unreported_probe(asked, waiting, [*events, later], STARTED + 60.0) is None


@pytest.mark.parametrize(("status", "said"), [(404, "HTTP 404"), (400, "HTTP 400"), (429, ""), (503, "")])
def test_a_readiness_probe_that_finds_no_such_path_is_told_and_fails_nothing(status: int, said: str) -> None:
    """Servers answer so while their app or model is loaded: the timeout decides, and who waits sees it."""
    asked, events = refused(STARTED + 25.0)
    answer = f"Readiness probe failed: HTTP probe failed with statuscode: {status}"
    later = copy.deepcopy(events[0]) | {"message": answer, "lastTimestamp": "2026-11-21T23:27:54Z"}
    for seconds in (60.0, 900.0):
        found = Judge({}).look(asked, at(0, STARTED + seconds), events=[*events, later])
        assert not found.terminal
        assert [symptom.message for symptom, _ in found.waiting] == [said]


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
    target = unreported_probe(other, waiting, events, STARTED + 60.0)
    assert (target.port if target else None) == port
    assert target is None or target.tls == ("scheme" in probe["httpGet"])


@pytest.mark.parametrize(("took", "ends"), [((100.0,), 261.0), ((100.0, 30.0), 121.0), ((5.0,), 91.0)])
def test_a_new_pod_may_start_as_slowly_as_the_old_ones_did(took: tuple[float, ...], ends: float) -> None:
    """Nothing listens for minutes, with Kubernetes' own probes and no startup probe."""
    asked, _events = refused(STARTED)
    pod = copy.deepcopy(dict(asked.new_pods[0]))
    pod["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": 8080}}
    old = []
    for number, seconds in enumerate(took):
        other = copy.deepcopy(pod)
        other["metadata"] |= {"uid": f"old-{number}", "name": f"old-{number}"}
        when = datetime.fromtimestamp(STARTED + seconds, UTC).isoformat()
        other["status"]["conditions"] = [{"type": "Ready", "status": "True", "lastTransitionTime": when}]
        old.append(other)
    tree = Tree(asked.workload, asked.newest, (pod,), tuple(old))

    def codes(seconds: float) -> list[Code]:
        found = Judge({}).look(tree, at(0, STARTED + seconds), events=refused(STARTED + seconds)[1])
        return [symptom.code for symptom in found.terminal]

    assert codes(ends - 2.0) == []
    assert codes(ends) == [Code.PROBE_FAILING]


def test_the_probes_own_attempts_are_waited_for() -> None:
    asked, events = refused(STARTED + 150.0)
    pods = copy.deepcopy(asked.new_pods)
    pods[0]["spec"]["containers"][0]["livenessProbe"] = {"initialDelaySeconds": 120, "periodSeconds": 10}
    patient = Tree(asked.workload, asked.newest, pods)
    assert not Judge({}).look(patient, at(0, STARTED + 150.0), events=events).terminal
    assert not Judge({}).look(patient, at(0, STARTED + 209.0), events=refused(STARTED + 209.0)[1]).terminal
    assert Judge({}).look(patient, at(0, STARTED + 211.0), events=refused(STARTED + 211.0)[1]).terminal


def test_after_a_startup_probe_the_time_counts_from_the_first_sighting() -> None:
    asked, events = refused(STARTED + 300.0)
    pods = copy.deepcopy(asked.new_pods)
    pods[0]["spec"]["containers"][0]["startupProbe"] = {"failureThreshold": 30}
    started = Tree(asked.workload, asked.newest, pods)
    judge = Judge({})
    assert not judge.look(started, at(0, STARTED + 300.0), events=events).terminal
    assert judge.look(started, at(64, STARTED + 300.0), events=events).terminal


def test_a_sibling_that_is_ready_shows_that_the_probe_is_right() -> None:
    asked, events = refused(STARTED + 100.0)
    ready = copy.deepcopy(asked.new_pods[0])
    ready["metadata"]["uid"] = "sibling"
    for entry in ready["status"]["conditions"]:
        entry["status"] = "True"
    both = Tree(asked.workload, asked.newest, (*asked.new_pods, ready))
    assert not Judge({}).look(both, at(0, STARTED + 100.0), events=events).terminal


def test_a_port_name_that_is_not_there_needs_no_events() -> None:
    judge = Judge({})
    assert not judge.look(tree("deployment-probe-named-port-missing"), at(0, STARTED + 14.0)).terminal
    found = judge.look(tree("deployment-probe-named-port-missing"), at(2, STARTED + 16.0))
    assert [symptom.code for symptom in found.terminal] == [Code.PROBE_FAILING]


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


def test_a_probe_command_that_the_image_does_not_have_is_named() -> None:
    workload, *others = objects("deployment-probe-refused")
    said = (
        "Readiness probe errored and resulted in unknown state: rpc error: code = Unknown desc = failed to exec in "
        'container: exec: "grpc_health_probe": executable file not found in $PATH: unknown'
    )
    for obj in others:
        if obj["kind"] == "Event":
            obj |= {"message": said, "lastTimestamp": datetime.fromtimestamp(STARTED + 20.0, UTC).isoformat()}
    events = [obj for obj in others if obj["kind"] == "Event"]
    judge = Judge({})
    judge.look(tree_of(workload, others), at(0, STARTED + 20.0), events=events)
    found = judge.look(tree_of(workload, others), at(16.0, STARTED + 21.0), events=events).terminal
    assert [(symptom.code, symptom.reason) for symptom in found] == [(Code.PROBE_FAILING, "NoSuchCommand")]
    assert found[0].message == "the image has no command 'grpc_health_probe'"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("Startup probe failed: HTTP probe failed with statuscode: 404", "HTTP 404"),
        ("Startup probe failed: Get \"http://10.0.0.1\": connection refused", ""),
        ("Readiness probe failed: HTTP probe failed with statuscode: 404", ""),
    ],
)  # fmt: skip
def test_what_the_startup_probe_is_answered_is_told_and_fails_nothing(said: str, message: str) -> None:
    asked, events = refused(STARTED + 300.0)
    pods = copy.deepcopy(asked.new_pods)
    pods[0]["spec"]["containers"][0]["startupProbe"] = {"failureThreshold": 300}
    pods[0]["status"]["containerStatuses"][0]["started"] = False
    events[0]["message"] = said
    found = Judge({}).look(Tree(asked.workload, asked.newest, pods), at(0, STARTED + 300.0), events=events)
    assert not found.terminal
    assert [(one.reason, one.message) for one, _lasted in found.waiting] == [("NotStarted", message)]


def said(reason: str, message: str, at_second: float) -> dict[str, Any]:
    """An event of the kubelet about the container of :func:`restarted`, so long after its present run began."""
    _, events = refused(STARTED + at_second)
    return events[0] | {"reason": reason, "message": message}


def answered(status: int, at_second: float = -40.0) -> dict[str, Any]:
    return said("Unhealthy", f"Startup probe failed: HTTP probe failed with statuscode: {status}", at_second)


def killed(probe: str = "startup", at_second: float = -30.0) -> dict[str, Any]:
    return said("Killing", f"Container app failed {probe} probe, will be restarted", at_second)


REFUSED = said("Unhealthy", 'Startup probe failed: Get "http://10.0.0.1": connect: connection refused', 2.0)


def restarted(lived: float = 150.0, exit_code: int = 143, served: float | None = None) -> Tree:
    """A container with 120 attempts to start, one each second, in its second run; ``served``: when it was not ready any
    more, in seconds before its present run.
    """
    asked, _ = refused(STARTED)
    pods = copy.deepcopy(asked.new_pods)
    pods[0]["spec"]["containers"][0]["startupProbe"] = {
        "periodSeconds": 1,
        "timeoutSeconds": 5,
        "failureThreshold": 120,
    }
    pods[0]["status"]["startTime"] = stamp(-lived - 3.0)
    for entry in pods[0]["status"]["conditions"]:
        entry["lastTransitionTime"] = stamp(-lived - 3.0 if served is None else -served)
    end = {"exitCode": exit_code, "reason": "Error", "startedAt": stamp(-lived), "finishedAt": stamp(0)}
    state = {"started": False, "restartCount": 1, "lastState": {"terminated": end}}
    pods[0]["status"]["containerStatuses"][0] |= state
    return Tree(asked.workload, asked.newest, pods)


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(STARTED + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("tree", "events"),
    [
        (restarted(), [answered(404), killed()]),
        (restarted(lived=9.0, exit_code=0), [answered(401, -3.0), killed(at_second=-1.0)]),
        (restarted(), [answered(404)]),
        (restarted(exit_code=137), [answered(503, -90.0), answered(404), REFUSED]),
        (restarted(), [killed("liveness", -900.0), answered(404), killed()]),
    ],
    ids=["event", "handled-sigterm", "no-event", "last-answer", "older-kill"],
)
def test_a_start_that_was_answered_4xx_until_it_was_killed_has_failed(tree: Tree, events: list[dict[str, Any]]) -> None:
    (found,) = Judge({}).look(tree, at(0, STARTED + 1.0), events=events).terminal
    assert (found.code, found.reason, found.restarts) == (Code.PROBE_KILLED, "StartupProbeKilled", 1)
    assert found.message.startswith("HTTP 40")


@pytest.mark.parametrize(
    ("tree", "events", "reason", "message"),
    [
        (restarted(), [answered(503), killed()], "StartupProbeKilled", "HTTP 503"),
        (restarted(), [answered(429), killed()], "StartupProbeKilled", "HTTP 429"),
        (restarted(), [answered(404), answered(503, 2.0), killed()], "StartupProbeKilled", "HTTP 503"),
        (restarted(), [REFUSED, killed()], "StartupProbeKilled", ""),
        (restarted(), [], "StartupProbeKilled", ""),
        (restarted(), [answered(404), killed("liveness")], "NotStarted", "HTTP 404"),
        (restarted(lived=20.0), [answered(404, -10.0)], "NotStarted", "HTTP 404"),
        (restarted(exit_code=1), [answered(404)], "NotStarted", "HTTP 404"),
        (restarted(lived=3000.0), [answered(404)], "NotStarted", "HTTP 404"),
        (restarted(served=20.0), [answered(404)], "NotStarted", "HTTP 404"),
        (restarted(), [answered(404, -400.0), killed(at_second=-390.0), REFUSED], "StartupProbeKilled", ""),
    ],
)  # fmt: skip
def test_another_start_that_may_succeed_has_its_time(
    tree: Tree, events: list[dict[str, Any]], reason: str, message: str
) -> None:
    judge = Judge({})
    for seconds in (0.0, 119.0):
        found = judge.look(tree, at(seconds, STARTED + seconds), events=events)
        assert not found.terminal
        (waiting,) = [symptom for symptom, _lasted in found.waiting]
        assert (waiting.code, waiting.reason, waiting.message) == (Code.NOT_READY, reason, message)


def test_the_moment_between_two_starts_takes_no_time_from_the_second() -> None:
    judge, running = Judge({}), restarted()
    ended = copy.deepcopy(running.new_pods)
    report = ended[0]["status"]["containerStatuses"][0]
    report |= {"state": report["lastState"], "lastState": {}, "restartCount": 0}
    first = judge.look(Tree(running.workload, running.newest, ended), at(0, STARTED), events=[answered(503)])
    assert [symptom.grace for symptom, _lasted in first.waiting] == ["first_crash"]
    assert not judge.look(running, at(100, STARTED + 100.0), events=[answered(503)]).terminal


def test_a_killed_start_that_waits_for_a_dependency_has_that_grace() -> None:
    judge, events = Judge({}), [answered(404), killed()]
    (found,) = judge.look(restarted(), at(0, STARTED), events=events).terminal
    assert judge.set_waits(found, True, at(0, STARTED))
    assert not judge.look(restarted(), at(89, STARTED + 89.0), events=events).terminal
    assert judge.look(restarted(), at(91, STARTED + 91.0), events=events).terminal
