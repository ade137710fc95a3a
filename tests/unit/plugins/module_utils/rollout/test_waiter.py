# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The waiter against a server that shows captured states: what it asks for, what it says meanwhile, how it ends."""

from __future__ import annotations

import re
import time

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Unreachable
from ansible_collections.todo.cloud.plugins.module_utils.rollout import waiter as rollout
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import (
    RolloutWaiter,
    WaitOptions,
)

from tests.support.fake_api import Answer, Request, failure, listing
from tests.support.shown_cluster import cluster, deployment, objects, wait


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
    # deployments, replicasets, pods, events; Secrets, whose values must not be shown of the logs
    assert len(api.of(limit="500")) == 5


def test_what_is_not_ready_in_time_says_what_it_waits_for() -> None:
    with cluster(objects("deployment-wrong-port")) as (_, kube, lines):
        failed = wait(kube, lines, deployment("wrong-port"), timeout=2.0).failures[0]
    assert failed.code is Code.NOT_READY
    assert "readiness probe GET :8080/ready every 1 s, 3 failures" in failed.message
    assert re.search(r" \(after \d+ s\)$", failed.message)


def test_absent_object_is_named_after_its_grace() -> None:
    with cluster([]) as (_, kube, lines):
        verdict = wait(kube, lines, deployment("absent"), graces={"not_found": 0.2})
    assert verdict.failures[0].code is Code.NOT_FOUND
    assert verdict.failures[0].message == "absent: it does not exist"


def test_api_server_that_never_answers() -> None:
    with cluster([], lambda request: failure(503)) as (_, kube, lines), pytest.raises(Unreachable, match="HTTP 503"):
        wait(kube, lines, deployment("x"), timeout=2.0)


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


def test_a_timeout_during_an_outage_is_no_verdict() -> None:
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
        wait(kube, lines, deployment("wrong-port"), stale_seconds=1.0, timeout=3)
    assert "no leader" in caught.value.failure.message
    assert "Last known state: wrong-port 0/1 available" in caught.value.failure.message


def test_a_wait_that_is_left_no_time_looks_all_the_same() -> None:
    """Helm took it all: whether what it applied is well is another question."""
    with cluster(objects("deployment-healthy")) as (_, kube, lines):
        waiter = RolloutWaiter(kube, WaitOptions(), lines.append)
        assert waiter.wait([deployment("upgrade", "fx")], Deadline.after(0)).ok


@pytest.mark.parametrize("status", [404, 503])
def test_a_start_that_the_kubelet_killed_is_told_with_what_its_probe_was_answered(status: int) -> None:
    shown = objects("deployment-probe-refused")
    pod = next(obj for obj in shown if obj["kind"] == "Pod")
    pod["spec"]["containers"][0]["startupProbe"] = {
        "httpGet": {"port": 8080},
        "periodSeconds": 1,
        "failureThreshold": 5,
    }
    end = {"exitCode": 143, "startedAt": "2026-11-21T23:27:20Z", "finishedAt": "2026-11-21T23:27:27Z"}
    report = {"started": False, "restartCount": 1, "lastState": {"terminated": end}}
    pod["status"]["containerStatuses"][0] |= report
    event = next(obj for obj in shown if obj["kind"] == "Event")
    event["message"] = f"Startup probe failed: HTTP probe failed with statuscode: {status}"
    with cluster(shown) as (_, kube, lines):
        failed = wait(kube, lines, deployment("wrong-port"), timeout=2.0).failures[0]
    assert (failed.code, failed.details["exit_code"]) == (Code.PROBE_KILLED, 143)
    assert f"its startup probe failed (GET :8080/ every 1 s, 5 failures; HTTP {status}; 1 restart)" in failed.message
    assert ("(after " in failed.message) == (status == 503), "only another start that may succeed is waited for"


def test_an_app_that_waits_for_its_database_has_time_and_what_is_broken_has_none() -> None:
    words = b"ERROR: connection to db refused\n"

    def log(request: Request) -> Answer | None:
        return Answer(body=words) if request.path.endswith("/log") else None

    with cluster(objects("deployment-crash-app"), log) as (_, kube, lines):
        started = time.monotonic()
        waited = wait(kube, lines, deployment("crash-app"), graces={"waits_for_dependency": 2.5}).failures[0]
        assert time.monotonic() - started > 1.4  # the server's clock is known to the second
        assert waited.code is Code.CRASH_LOOP
        assert "connection to db refused" in waited.message
        words = b"FATAL: relation todos does not exist\n"
        started = time.monotonic()
        assert wait(kube, lines, deployment("crash-app"), timeout=600).failures[0].code is Code.CRASH_LOOP
        assert time.monotonic() - started < 300, "long before the time-out"
