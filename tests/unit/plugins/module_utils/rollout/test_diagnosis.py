# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A failure comes with its evidence, and without secrets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.known_secrets import KNOWN
from ansible_collections.todo.cloud.plugins.module_utils.observing.kept import LogStore
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import Target

from tests.support.fake_api import Answer, Request, failure, listing
from tests.support.shown_cluster import LOG, cluster, deployment, objects, wait


@pytest.fixture(autouse=True)
def _nothing_is_known() -> Iterator[None]:
    KNOWN.clear()
    yield
    KNOWN.clear()


def answering(log: bytes, secrets: list[dict[str, Any]] | None = None) -> Callable[[Request], Answer | None]:
    """The API server with this log, and these Secrets; None: they may not be read."""

    def answer(request: Request) -> Answer | None:
        if request.path.endswith("/log"):
            return Answer(body=log)
        if request.path.endswith("/secrets"):
            return failure(403, "Forbidden", "no") if secrets is None else listing(secrets)
        return None

    return answer


def crash(answer: Callable[[Request], Answer | None]) -> Any:
    """The failure of an app that crashes."""
    with cluster(objects("deployment-crash-app"), answer) as (_, kube, lines):
        return wait(kube, lines, deployment("crash-app")).failures[0]


def test_values_of_the_namespaces_secrets_are_masked_however_a_log_shows_them() -> None:
    value = "Zx81-Spectrum-48K"
    encoded = base64.b64encode(value.encode()).decode()
    secret = {"metadata": {"name": "s"}, "data": {"password": encoded, "user": base64.b64encode(b"todo-user").decode()}}
    log = f"starting as todo-user\n('u', '{value}')\n{encoded}\nZx81-Spec\ntrum-48K\nKeyError: '{value}'\n"
    failed = crash(answering(log.encode(), [secret, {"metadata": {"name": "odd"}, "data": {"x": "%", "y": None}}]))
    assert failed.message.endswith(": KeyError: '***'")
    assert failed.details["log_tail"] == [
        "starting as todo-user",
        "('u', '***')",
        "***",
        "***",
        "***",
        "KeyError: '***'",
    ]
    assert failed.details["could_not_read"] == []


def test_a_private_key_is_masked_over_its_lines() -> None:
    lines = ["key:", "-----BEGIN RSA PRIVATE " + "KEY-----", "MIIEpAIBAAKCAQEA7", "-----END RSA PRIVATE " + "KEY-----"]
    failed = crash(answering("\n".join([*lines, "bad key"]).encode()))
    assert failed.details["log_tail"] == ["key:", "***", "bad key"]
    assert failed.details["could_not_read"] == []


def test_long_lines_are_bounded_and_what_is_decisive_is_found_behind_them() -> None:
    log = b"x" * 50_000 + b"\n\x1b[31mERROR\x1b[0m no database\n" + b"y" * 9000 + b"\n"
    failed = crash(answering(log))
    assert failed.message.endswith(": ERROR no database")
    assert [len(line) < 2100 for line in failed.details["log_tail"]] == [True] * 3
    assert failed.details["log_tail"][0].endswith("… (48000 more characters)")


NEW = "5bff48c6fc"  # hash of the new pods in deployment-dependency-down
RBAC = 'events is forbidden: User "x" cannot list resource "events" in API group "" in the namespace "zoo"'


def test_failure_has_the_evidence_and_no_secret() -> None:
    with cluster(objects("deployment-crash-daprd")) as (_, kube, lines):
        failed = wait(kube, lines, deployment("crash-daprd")).failures[0]
    assert failed.code is Code.CRASH_LOOP
    assert failed.message == (
        "crash-daprd: sidecar daprd exits with code 1 (Error, 6 restarts): "
        "[INIT_COMPONENT_FAILURE]: SASL Authentication failed"
    )
    assert failed.details["container_role"] == "sidecar"
    assert failed.details["log_tail"] == [LOG.decode().strip().replace("hunter2", "***")]
    assert lines == ["crash-daprd failed: sidecar daprd exits with code 1 (Error, 6 restarts)"]


def test_same_verdict_without_the_right_to_read_logs_and_events() -> None:
    def deny(request: Request) -> Answer | None:
        return failure(403, "Forbidden", RBAC) if request.path.endswith(("/log", "/events")) else None

    with cluster(objects("deployment-crash-app"), deny) as (_, kube, lines):
        failed = wait(kube, lines, deployment("crash-app")).failures[0]
    assert failed.code is Code.CRASH_LOOP
    assert len(failed.details["could_not_read"]) == 2
    assert "log_tail" in failed.details
    assert failed.details["events"] == []


def test_quota_numbers_are_evidence() -> None:
    quota = {"metadata": {"name": "q"}, "status": {"hard": {"pods": "1"}, "used": {"pods": "1"}}}

    def quotas(request: Request) -> Answer | None:
        return listing([quota]) if request.path.endswith("/resourcequotas") else None

    with cluster(objects("deployment-quota"), quotas) as (_, kube, lines):
        failed = wait(kube, lines, deployment("d", "fx-quota")).failures[0]
    assert failed.code is Code.QUOTA_EXCEEDED
    assert failed.details["quota"] == [{"name": "q", "hard": {"pods": "1"}, "used": {"pods": "1"}}]


def test_new_pods_that_crash_are_not_blamed_while_the_old_ones_are_down_too() -> None:
    found = objects("deployment-dependency-down")
    newest = next(
        obj for obj in found if obj["kind"] == "Pod" and obj["metadata"]["labels"]["pod-template-hash"] == NEW
    )
    crashed = {"exitCode": 1, "reason": "Error"}
    for container in newest["status"]["containerStatuses"]:
        container |= {"restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
        container["lastState"] = {"terminated": crashed}
    with cluster(found) as (_, kube, lines):
        failed = wait(kube, lines, deployment("bad-upgrade", "fx")).failures[0]
    assert (failed.code, failed.details["cause"]) == (Code.DEPENDENCY_DOWN, "crash_loop")
    assert "are unready too, so something it depends on is down: bad-upgrade: container app exits" in failed.message


@pytest.mark.parametrize("name", ["app", "true", "null", "error", "ready", "1e3"])
def test_a_probes_message_is_of_the_container_itself(name: str) -> None:
    """Not of one whose name begins the same, whatever words containers are named like."""
    found = objects("deployment-crash-app")
    pod = next(obj for obj in found if obj["kind"] == "Pod")
    for part in (pod["spec"]["containers"], pod["status"]["containerStatuses"]):
        part[0]["name"] = name
    pod["spec"]["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": 1}}
    about = {"kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
    when = {"lastTimestamp": "2099-01-01T00:00:00Z", "type": "Warning", "reason": "Unhealthy"}
    events = [
        {"kind": "Event", "metadata": {"name": f"e{at}", "namespace": pod["metadata"]["namespace"]}, **when,
         "message": f"Readiness probe failed: of {which}",
         "involvedObject": {**about, "fieldPath": f"spec.containers{{{which}}}"}}
        for at, which in enumerate((name, f"{name}-2"))
    ]  # fmt: skip
    with cluster([*found, *events]) as (_, kube, lines):
        failed = wait(kube, lines, deployment("crash-app")).failures[0]
    assert failed.details["container"] == name
    assert failed.details["failing_probe"]["message"] == f"of {name}"


def test_5000_events_and_1000_restarts() -> None:
    found = objects("deployment-crash-app")
    pod = next(obj for obj in found if obj["kind"] == "Pod")
    pod["status"]["containerStatuses"][0]["restartCount"] = 1000
    about = {"kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
    events = [
        {"kind": "Event", "metadata": {"name": f"e{at}", "namespace": pod["metadata"]["namespace"]}, "type": "Warning",
         "reason": "BackOff", "message": "Back-off " + "z" * 5000, "involvedObject": about,
         "lastTimestamp": "2099-01-01T00:00:00Z", "count": at}
        for at in range(5000)
    ]  # fmt: skip
    with cluster([*found, *events]) as (_, kube, lines):
        failed = wait(kube, lines, deployment("crash-app")).failures[0]
    assert "1000 restarts" in failed.message
    assert len(failed.details["events"]) == 10
    assert all(len(event["message"]) < 1100 for event in failed.details["events"])


@pytest.mark.parametrize("statuses", [None, [], [{}], "absent"])
def test_a_pod_without_container_statuses_is_waited_for(statuses: Any) -> None:
    found = objects("deployment-crash-app")
    for pod in (obj for obj in found if obj["kind"] == "Pod"):
        if statuses == "absent":
            del pod["status"]["containerStatuses"]
        else:
            pod["status"]["containerStatuses"] = statuses
    with cluster(found) as (_, kube, lines):
        verdict = wait(kube, lines, deployment("crash-app"), timeout=3.0)
    assert [failed.code for failed in verdict.failures] == [Code.TIMEOUT]


@pytest.mark.parametrize("state", ["crash-daprd", "daprd-never-ready"])
def test_a_component_that_hangs_is_named_with_its_brokers(state: str) -> None:
    """daprd says nothing while it waits for a broker: what it has not loaded yet is what it waits for."""
    entry = {"name": "brokers", "value": "kafka.data:9092"}
    item = {"metadata": {"name": "pubsub"}, "spec": {"type": "pubsub.kafka", "metadata": [entry]}}
    log = b'level=info msg="Loading components"\nlevel=info msg="Component loaded: store (state.redis/v1)"\n'

    def answer(request: Request) -> Answer | None:
        if request.path.endswith("/components"):
            return listing([item])
        return Answer(body=log) if request.path.endswith("/log") else None

    with cluster(objects(f"deployment-{state}"), answer) as (_, kube, lines):
        failed = wait(kube, lines, deployment(state), graces={"sidecar_not_ready": 0}).failures[0]
    assert failed.message.endswith("it has not got through to kafka.data:9092 of component pubsub (pubsub.kafka)")


def test_a_sidecar_that_waits_for_its_app_is_not_what_is_wrong() -> None:
    """What it said before, while Dapr was busy, is over: it has come as far as the app."""
    log = (
        b'{"level":"info","msg":"application protocol: http. waiting on port 5000.  This will block until ..."}\n'
        b'{"level":"error","msg":"Failed to connect to scheduler host: connection refused"}\n'
        b'{"level":"info","msg":"waiting for application to listen on port 5000"}\n'
    )
    with cluster(objects("deployment-daprd-never-ready"), answering(log, [])) as (_, kube, lines):
        wanted = deployment("daprd-never-ready")
        failed = wait(kube, lines, wanted, graces={"sidecar_not_ready": 0}).failures[0]
    assert failed.code is Code.SIDECAR_NOT_READY
    assert failed.message.endswith(": it waits for the app to listen on port 5000")


def test_a_jobs_command_that_is_not_there_is_named() -> None:
    """It has written nothing: the container runtime tells why it did not start."""
    found = objects("job-failed-backoff")
    said = 'OCI runtime create failed: exec: "python": executable file not found in $PATH'
    end = {"exitCode": 128, "reason": "StartError", "message": said}
    for item in found:
        if item["kind"] == "Pod":
            item["status"]["containerStatuses"][0]["state"] = {"terminated": end}
    with cluster(found, answering(b"", [])) as (_, kube, lines):
        failed = wait(kube, lines, Target("batch/v1", "Job", "zoo", "job-fails")).failures[0]
    assert failed.message.endswith(", container app with code 128: executable file not found in $PATH")


class Kept:
    """A store of logs behind the API server, and how often it was asked."""

    def __init__(self, *messages: str, log: Answer, level: str = "", silent: bool = False) -> None:
        self.queries: list[str] = []
        self._log, self._silent = log, silent
        lines = [
            {"_time": f"2026-11-30T10:00:0{number}Z", "_msg": text, "level": level}
            for number, text in enumerate(messages)
        ]
        self._body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()

    def answer(self, request: Request) -> Answer | None:
        if request.path.endswith("/log"):
            return self._log
        if request.path == "/api/v1/namespaces/monitoring/services/victoria-logs:9428/proxy/select/logsql/query":
            self.queries.append(request.query["query"])
            return failure(403, "Forbidden", "services/proxy is forbidden") if self._silent else Answer(body=self._body)
        return None

    def crash(self) -> Any:
        with cluster(objects("deployment-crash-app"), self.answer) as (_, kube, lines):
            return wait(kube, lines, deployment("crash-app"), log_store=LogStore()).failures[0]


UNREADABLE = [
    Answer(body=b"unable to retrieve container logs for containerd://7d1f"),
    failure(404, "NotFound", 'pods "x" not found'),
    failure(500, "InternalError", "Get https://10.0.0.1:10250: no route to host"),
]


@pytest.mark.parametrize("log", UNREADABLE, ids=["removed", "gone", "node"])
def test_what_the_kubelet_has_no_more_comes_from_the_store(log: Answer) -> None:
    kept = Kept("starting", "no table, password=hunter2", log=log)
    failed = kept.crash()
    assert failed.code is Code.CRASH_LOOP
    assert failed.message.endswith(": no table, password=***")
    assert failed.details["log_tail"] == ["starting", "no table, password=***"]
    assert failed.details["log_source"] == "VictoriaLogs"
    (query,) = kept.queries
    assert f'"kubernetes.pod_name":="{failed.details["pod"]}"' in query
    assert '"kubernetes.container_name":="app"' in query


def test_the_store_is_not_asked_about_a_log_that_can_be_read() -> None:
    kept = Kept("of the store", log=Answer(body=b"of the kubelet\n"))
    failed = kept.crash()
    assert (failed.details["log_tail"], kept.queries) == (["of the kubelet"], [])
    assert "log_source" not in failed.details


def test_a_store_that_may_not_be_asked_changes_no_verdict() -> None:
    kept = Kept("hidden", log=UNREADABLE[1], silent=True)
    failed = kept.crash()
    assert failed.code is Code.CRASH_LOOP
    assert failed.details["log_tail"] == []
    (why,) = failed.details["could_not_read"]
    assert why.startswith("logs: VictoriaLogs (Service victoria-logs in namespace monitoring) cannot be asked")


def test_a_job_whose_pods_are_gone_has_its_last_words() -> None:
    kept = Kept("migrating", "relation is missing", log=UNREADABLE[1], level="error")
    states = objects("job-failed-deadline")  # the controller has deleted the pod
    job = states[0]["metadata"]
    with cluster(states, kept.answer) as (_, kube, lines):
        target = Target("batch/v1", "Job", job["namespace"], job["name"])
        failed = wait(kube, lines, target, log_store=LogStore()).failures[0]
    assert failed.code is Code.JOB_FAILED
    assert failed.message.endswith(": relation is missing")
    assert f'"kubernetes.pod_labels.batch.kubernetes.io/job-name":="{job["name"]}"' in kept.queries[0]
    assert failed.details["log_source"] == "VictoriaLogs"


def test_a_rollout_that_goes_well_asks_no_store() -> None:
    kept = Kept(log=UNREADABLE[1])
    with cluster(objects("deployment-healthy"), kept.answer) as (_, kube, lines):
        name = objects("deployment-healthy")[0]["metadata"]
        target = deployment(name["name"], name["namespace"])
        assert wait(kube, lines, target, log_store=LogStore(), stability_seconds=0.0).ok
    assert kept.queries == []


@pytest.mark.parametrize(
    ("kind", "path", "spec", "says"),
    [
        ("Service", "services", {"type": "LoadBalancer"}, "Service x: no load balancer address yet"),
        ("PersistentVolumeClaim", "persistentvolumeclaims", {}, "PersistentVolumeClaim x: not bound yet"),
    ],
)
def test_a_timeout_says_what_the_last_event_says(kind: str, path: str, spec: dict[str, Any], says: str) -> None:
    named = {"name": "x", "namespace": "zoo", "uid": "u", "creationTimestamp": "2026-11-21T23:42:51Z"}
    waits = {"apiVersion": "v1", "kind": kind, "metadata": named, "spec": spec, "status": {"phase": "Pending"}}
    user = objects("pod-running")[0]
    user["spec"]["volumes"] = [{"name": "x", "persistentVolumeClaim": {"claimName": "x"}}]
    event = {
        "kind": "Event", "type": "Warning", "reason": "Refused", "message": "token=hunter2 " + "limit reached " * 100,
        "metadata": {"name": "e", "uid": "e"}, "involvedObject": {"kind": kind, "name": "x", "uid": "u"},
        "lastTimestamp": "2099-01-01T00:00:00Z",
    }  # fmt: skip

    def answer(request: Request) -> Answer | None:
        return listing([waits]) if request.path.endswith(path) and not request.query.get("watch") else None

    with cluster([user, event], answer) as (_, kube, lines):
        failed = wait(kube, lines, Target("v1", kind, "zoo", "x"), timeout=3.0).failures[0]
    assert failed.code is Code.TIMEOUT
    assert failed.message.startswith(f"{says}: Refused: token=*** limit reached")
    assert len(failed.message) < 500
