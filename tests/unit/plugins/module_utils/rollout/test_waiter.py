# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The waiter against a server that shows captured states: what it asks for, what it says meanwhile, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Unreachable
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.rollout import waiter as rollout
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import (
    RolloutWaiter,
    Target,
    Verdict,
    WaitOptions,
)

from tests.support.fake_api import Answer, FakeApi, Request, failure, fake_api, listing

FIXTURES = Path(__file__).parents[1] / "readiness" / "fixtures"
RBAC = 'events is forbidden: User "x" cannot list resource "events" in API group "" in the namespace "zoo"'
LOG = b'time="x" level=fatal msg="[INIT_COMPONENT_FAILURE]: SASL Authentication failed" password=hunter2\n'


def objects(*names: str) -> list[dict[str, Any]]:
    found = [obj for name in names for obj in list(yaml.safe_load_all((FIXTURES / f"{name}.yaml").read_text()))[1:]]
    for obj in found:
        obj.setdefault("metadata", {"name": "event", "namespace": "zoo", "uid": "event"})["resourceVersion"] = "1"
    return found


def deployment(name: str, namespace: str = "zoo") -> Target:
    return Target("apps/v1", "Deployment", namespace, name)


@contextmanager
def cluster(
    states: list[dict[str, Any]], override: Callable[[Request], Answer | None] = lambda request: None
) -> Iterator[tuple[FakeApi, KubeSession, list[str]]]:
    """A server that shows these objects and never changes; ``override`` may answer otherwise."""
    kinds = {"deployments": "Deployment", "replicasets": "ReplicaSet", "pods": "Pod", "events": "Event",
             "statefulsets": "StatefulSet", "daemonsets": "DaemonSet", "nodes": "Node"}  # fmt: skip

    def answer(request: Request, n: int) -> Answer:
        if (special := override(request)) is not None:
            return special
        if request.path.endswith("/log"):
            return Answer(body=LOG)
        if request.query.get("watch"):
            return Answer(lines=[], hang=30)
        kind = kinds.get(request.path.rpartition("/")[2], "")
        wanted = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
        return listing([obj for obj in states if obj["kind"] == kind and wanted in ("", obj["metadata"]["name"])])

    with fake_api(answer) as api, KubeSession(api.params) as kube:
        yield api, kube, []


def wait(kube: KubeSession, lines: list[str], *targets: Target, **options: Any) -> Verdict:
    return RolloutWaiter(kube, WaitOptions(**{"timeout": 20.0, **options}), lines.append).wait(targets)


def test_nothing_to_wait_for_asks_nothing() -> None:
    with cluster([]) as (api, kube, lines):
        assert wait(kube, lines).ok
        assert api.requests == []


def test_what_is_ready_is_current_at_once() -> None:
    with cluster(objects("deployment-healthy")) as (_, kube, lines):
        verdict = wait(kube, lines, deployment("upgrade", "fx"))
    assert verdict.ok
    assert lines == ["upgrade ready: 3/3 available"]
    result = verdict.as_result()
    assert result["verdict"] == "Current"
    assert result["workloads"][0]["message"] == "3/3 available"
    assert result["api"]["retries"] == 0


def test_one_list_per_kind_however_many_workloads() -> None:
    names = ["crash-app", "crash-init", "oom", "image-invalid"]
    with cluster(objects(*(f"deployment-{name}" for name in names))) as (api, kube, lines):
        verdict = wait(kube, lines, *(deployment(name) for name in names), fail_fast=False)
    assert len(verdict.failures) == 4
    assert len(api.of(limit="500")) == 4  # deployments, replicasets, pods, events


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


def test_fail_fast_leaves_the_others_undecided() -> None:
    with cluster(objects("deployment-crash-app", "deployment-never-ready")) as (_, kube, lines):
        verdict = wait(kube, lines, deployment("crash-app"), deployment("never-ready"))
    assert [(one.target.name, one.state.value) for one in verdict.workloads] == [
        ("crash-app", "Failed"),
        ("never-ready", "InProgress"),
    ]
    with pytest.raises(TodoCloudError, match="crash-app: container app exits with code 3") as caught:
        verdict.raise_if_failed()
    assert caught.value.results["verdict"] == "Failed"


def test_what_is_not_ready_in_time_says_what_it_waits_for() -> None:
    with cluster(objects("deployment-wrong-port")) as (_, kube, lines):
        failed = wait(kube, lines, deployment("wrong-port"), timeout=1.0).failures[0]
    assert failed.code is Code.NOT_READY
    assert "readiness probe GET :8080/ready every 1 s, 3 failures" in failed.message
    assert failed.message.endswith("(after 1 s)")


def from_proxy(status: int, message: str) -> Answer:
    body = {"kind": "Status", "status": "Failure", "message": message, "code": status}
    return Answer(status, json.dumps(body, separators=(",", ":")).encode())


NOBODY = from_proxy(503, "error trying to reach service: dial tcp 10.244.0.9:8080: connect: connection refused")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (NOBODY, Code.PROBE_FAILING),
        (Answer(503, b"the database gives: connection refused"), Code.NOT_READY),
        (Answer(404, b"{}"), Code.NOT_READY),
        (from_proxy(503, "error trying to reach service: dial tcp 10.244.0.9:8080: i/o timeout"), Code.NOT_READY),
        (from_proxy(403, 'pods "x" is forbidden: User "x" cannot get resource "pods/proxy"'), Code.NOT_READY),
        (Answer(cut=True), Code.NOT_READY),
    ],
    ids=["refused", "says-503", "says-404", "timeout", "forbidden", "cut"],
)
def test_where_the_kubelet_tells_no_more_the_pod_is_asked(answer: Answer, code: Code) -> None:
    def pod(request: Request) -> Answer | None:
        return answer if "/proxy/" in request.path else None

    with cluster(objects("deployment-probe-refused"), pod) as (api, kube, lines):
        failed = wait(kube, lines, deployment("wrong-port"), timeout=2.0).failures[0]
    assert failed.code is code
    asked = [request.path for request in api.requests if "/proxy/" in request.path]
    assert asked == ["/api/v1/namespaces/zoo/pods/wrong-port-fc86644c6-6w8h6:8080/proxy/ready"]


def test_absent_object_is_named_after_its_grace() -> None:
    with cluster([]) as (_, kube, lines):
        verdict = wait(kube, lines, deployment("absent"), graces={"not_found": 0.2})
    assert verdict.failures[0].code is Code.NOT_FOUND
    assert verdict.failures[0].message == "absent: it does not exist"


def test_quota_numbers_are_evidence() -> None:
    quota = {"metadata": {"name": "q"}, "status": {"hard": {"pods": "1"}, "used": {"pods": "1"}}}

    def quotas(request: Request) -> Answer | None:
        return listing([quota]) if request.path.endswith("/resourcequotas") else None

    with cluster(objects("deployment-quota"), quotas) as (_, kube, lines):
        failed = wait(kube, lines, deployment("d", "fx-quota")).failures[0]
    assert failed.code is Code.QUOTA_EXCEEDED
    assert failed.details["quota"] == [{"name": "q", "hard": {"pods": "1"}, "used": {"pods": "1"}}]


def test_api_server_that_never_answers() -> None:
    with cluster([], lambda request: failure(503)) as (_, kube, lines), pytest.raises(Unreachable, match="HTTP 503"):
        wait(kube, lines, deployment("x"), timeout=1.0)


def test_reminder_of_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.todo.cloud.plugins.module_utils.rollout.progress.REMIND_SECONDS", 0.3)
    with cluster(objects("deployment-unschedulable")) as (_, kube, lines):
        wait(kube, lines, deployment("unschedulable"), timeout=1.0, graces={"unschedulable": 1e12})
    assert lines[0].startswith("unschedulable 0/1 available, 1 waiting: Unschedulable")
    assert any(
        "s of 1 s, waiting for unschedulable 0/1 available, 1 waiting: Unschedulable" in line for line in lines[1:]
    )


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"graces": {"crash": 1}}, "graces has no class 'crash'; there are: blocked_by_old_pod"),
        ({"graces": {"crash_loop": "soon"}}, "graces takes numbers of seconds only"),
        ({"graces": {"crash_loop": -1}}, "graces.crash_loop is -1.0; it can't be negative"),
        ({"timeout": -5}, "timeout is -5; it can't be negative"),
    ],
)
def test_bad_options_are_named(params: dict[str, Any], says: str) -> None:
    with pytest.raises(TodoCloudError, match=says) as caught:
        WaitOptions.from_params(params)
    assert caught.value.failure.code is Code.INVALID_INPUT


def test_options_that_are_absent_keep_their_defaults() -> None:
    assert WaitOptions.from_params({"timeout": None, "log_lines": 5, "other": 1}) == WaitOptions(log_lines=5)


def test_without_time_it_looks_once() -> None:
    with cluster(objects("deployment-healthy")) as (api, kube, lines):
        assert wait(kube, lines, deployment("upgrade", "fx"), timeout=0).ok
        assert not api.of(watch="1")
    with cluster(objects("deployment-wrong-port")) as (api, kube, lines):
        verdict = wait(kube, lines, deployment("wrong-port"), timeout=0)
        assert verdict.failures[0].code is Code.NOT_READY
        assert not api.of(watch="1")
    with cluster([]) as (_, kube, lines):
        assert wait(kube, lines, deployment("absent"), timeout=0).failures[0].code is Code.NOT_FOUND


def test_a_silent_watch_does_not_make_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was not there when the watch began to say nothing; when the grace is over it is looked at again first."""
    monkeypatch.setattr(rollout, "_FRESH_SECONDS", 0.1)
    lists = 0

    def late(request: Request) -> Answer | None:
        nonlocal lists
        if request.query.get("watch") or not request.path.endswith("/deployments"):
            return None
        lists += 1
        return listing([]) if lists == 1 else None

    with cluster(objects("deployment-healthy"), late) as (_, kube, lines):
        verdict = wait(kube, lines, deployment("upgrade", "fx"), graces={"not_found": 0.5})
    assert verdict.ok, verdict.failures
    assert not any("does not exist" in line for line in lines)


def test_an_outage_ends_the_wait_when_it_lasts_too_long() -> None:
    """What was last seen is told; that time has passed since then makes nothing ready and nothing failed."""
    began = False

    def gone(request: Request) -> Answer | None:
        return failure(503, message="no leader") if began and "pods" in request.path else None

    def watches(request: Request) -> Answer | None:
        nonlocal began
        if request.query.get("watch") and "pods" in request.path:
            began = True
        return gone(request)

    with cluster(objects("deployment-wrong-port"), watches) as (_, kube, lines), pytest.raises(Unreachable) as caught:
        wait(kube, lines, deployment("wrong-port"), outage_seconds=1.0)
    assert "no leader" in caught.value.failure.message
    assert "When it last answered: wrong-port 0/1 available" in caught.value.failure.message


def test_a_wait_that_is_left_no_time_looks_all_the_same() -> None:
    """Helm took it all: whether what it applied is well is another question."""
    with cluster(objects("deployment-healthy")) as (_, kube, lines):
        waiter = RolloutWaiter(kube, WaitOptions(), lines.append)
        assert waiter.wait([deployment("upgrade", "fx")], Deadline.after(0)).ok
