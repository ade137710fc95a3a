# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Custom resources of a release are judged like its workloads, and their pods explain why they are not ready."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD, Resource
from ansible_collections.todo.cloud.plugins.module_utils.readiness.fields import timestamp
from ansible_collections.todo.cloud.plugins.module_utils.readiness.rules import Rules
from ansible_collections.todo.cloud.plugins.module_utils.readiness.status import State
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import Target
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import Verdict, WaitOptions
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import RolloutWaiter

from tests.support.custom_kinds import (
    DATABASE,
    KRUISE_SET,
    MONITOR,
    POD_SET,
    ROLLOUT,
    SETTING,
    crashing_pod,
    custom,
    operators,
    owned,
)
from tests.support.fake_kube import FakeKube

READY = {"conditions": [{"type": "Ready", "status": "True", "reason": "Healthy", "message": "3 of 3"}]}
ENDS = 3.0  # when a wait is to end by its time-out
BROKEN = {"phase": "Failed", "conditions": [{"type": "Ready", "status": "False", "reason": "InitdbFailed",
          "message": "no space left on device"}]}  # fmt: skip


@pytest.fixture
def kube() -> FakeKube:
    return operators(FakeKube())


def target(resource: Resource, name: str) -> Target:
    return Target(resource.api_version, resource.kind, "ns", name, "shop")


def wait(
    kube: FakeKube, *targets: Target, timeout: float = 60.0, lines: list[str] | None = None, **options: Any
) -> Verdict:
    said = lines.append if lines is not None else lambda line: None
    return RolloutWaiter(kube, WaitOptions(timeout=timeout, stability_seconds=0.0, **options), said).wait(targets)


def timed(message: str) -> str:
    """A message of the time-out as a machine that is not busy says it."""
    return re.sub(r"\(after \d+ s\)", "(after 3 s)", message)


def test_ready(kube: FakeKube) -> None:
    kube.put(DATABASE, "ns", custom(DATABASE, "db", READY))
    lines: list[str] = []
    verdict = wait(kube, target(DATABASE, "db"), lines=lines)
    assert verdict.ok
    assert lines == ["Database db ready: Healthy: 3 of 3"]
    assert verdict.workloads[0].judged


def test_no_status_yet_is_not_ready(kube: FakeKube) -> None:
    kube.put(DATABASE, "ns", custom(DATABASE, "db"))
    failure = wait(kube, target(DATABASE, "db"), timeout=ENDS).failures[0]
    assert failure.code is Code.TIMEOUT
    assert timed(failure.message) == "Database db: no status yet (after 3 s)"


def test_a_status_may_be_late_while_something_else_starts(kube: FakeKube) -> None:
    """An operator in the same release takes its time; only then its resources get their status."""
    kube.now = (timestamp("2026-01-01T00:00:00Z") or 0.0) + 3600
    kube.put(DATABASE, "ns", custom(DATABASE, "db"))
    alone = wait(kube, target(DATABASE, "db"))
    assert alone.ok
    assert not alone.workloads[0].judged
    kube.put(POD_SET, "ns", custom(POD_SET, "set", {"phase": "Creating"}))

    def start(line: str) -> None:
        if "Creating" in line:
            kube.put(POD_SET, "ns", custom(POD_SET, "set", {"phase": "Running"}))

    options = WaitOptions(timeout=ENDS, stability_seconds=0.0)
    verdict = RolloutWaiter(kube, options, start).wait([target(DATABASE, "db"), target(POD_SET, "set")])
    assert [timed(failure.message) for failure in verdict.failures] == ["Database db: no status yet (after 3 s)"]
    assert verdict.warnings == ()


def test_failed_says_so_in_its_own_words(kube: FakeKube) -> None:
    kube.put(DATABASE, "ns", custom(DATABASE, "db", BROKEN))
    failure = wait(kube, target(DATABASE, "db"), graces={"resource_failed": 0.1}).failures[0]
    assert failure.code is Code.RESOURCE_FAILED
    assert failure.message == "Database db: InitdbFailed: no space left on device"
    assert failure.details["release"] == "shop"


def test_a_failure_within_its_grace_is_told_at_the_timeout(kube: FakeKube) -> None:
    kube.put(DATABASE, "ns", custom(DATABASE, "db", BROKEN))
    failure = wait(kube, target(DATABASE, "db"), timeout=ENDS).failures[0]
    assert failure.code is Code.RESOURCE_FAILED
    assert "no space left on device (after 3 s)" in timed(failure.message)


def test_an_operator_that_mends_it_in_time(kube: FakeKube) -> None:
    kube.put(DATABASE, "ns", custom(DATABASE, "db", BROKEN))

    def mend(line: str) -> None:
        if "InitdbFailed" in line:
            kube.put(DATABASE, "ns", custom(DATABASE, "db", READY))

    options = WaitOptions(timeout=60.0, stability_seconds=0.0)
    assert RolloutWaiter(kube, options, mend).wait([target(DATABASE, "db")]).ok


def test_a_kind_that_says_nothing_is_not_looked_at_and_said(kube: FakeKube) -> None:
    verdict = wait(kube, target(SETTING, "a"), target(MONITOR, "b"))
    assert verdict.ok
    assert [(one.target.name, one.message, one.judged) for one in verdict.workloads] == [
        ("a", "exists, not judged", False), ("b", "exists, not judged", False)]  # fmt: skip
    assert verdict.not_judged("shop") == ["Setting a", "ServiceMonitor b"]
    assert verdict.as_result()["workloads"][0]["judged"] is False
    assert kube.reads == []


def test_ones_own_rule_makes_a_kind_speak(kube: FakeKube) -> None:
    kube.put(SETTING, "ns", custom(SETTING, "a", spec={"applied": True}))
    rules = Rules.from_option({"db.example.org/Setting": {"ready": "spec.applied"}})
    verdict = wait(kube, target(SETTING, "a"), rules=rules)
    assert verdict.ok
    assert verdict.workloads[0].judged


def test_suspended_by_its_spec_is_done_and_said(kube: FakeKube) -> None:
    kube.put(DATABASE, "ns", custom(DATABASE, "db", BROKEN, spec={"suspend": True}))
    verdict = wait(kube, target(DATABASE, "db"))
    assert verdict.ok
    assert verdict.workloads[0].state is State.SUSPENDED
    assert verdict.warnings == ("Database db: suspended by its spec",)


def test_a_pause_that_waits_for_somebody_is_not_ready(kube: FakeKube) -> None:
    status = {"phase": "Paused", "message": "CanaryPauseStep", "currentPodHash": "b", "stableRS": "a"}
    kube.put(ROLLOUT, "ns", custom(ROLLOUT, "web", status, spec={"replicas": 2, "strategy": {"canary": {}}}))
    message = wait(kube, target(ROLLOUT, "web"), timeout=ENDS).failures[0].message
    assert timed(message) == "Rollout web: CanaryPauseStep (after 3 s)"


def test_what_may_not_be_read_is_said_and_not_verified() -> None:
    class Denied(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            if resource == DATABASE:
                raise Forbidden('may not list databases.db.example.org in namespace "ns"', 403)

    with pytest.raises(Forbidden, match=r"databases\.db\.example\.org"):
        wait(operators(Denied()), target(DATABASE, "db"))


def test_pods_fail_it_early_with_their_evidence(kube: FakeKube) -> None:
    """A pod set in between, which nobody watches."""
    kube.put(DATABASE, "ns", custom(DATABASE, "db", {"phase": "Setting up primary"}))
    kube.put(POD_SET, "ns", custom(POD_SET, "set", metadata=owned("set", (DATABASE, "db"))))
    kube.put(POD, "ns", crashing_pod("db-1", (POD_SET, "set")))
    failure = wait(kube, target(DATABASE, "db")).failures[0]
    assert failure.code is Code.CRASH_LOOP
    assert failure.message == "Database db: container postgres exits with code 2 (CrashLoopBackOff, 3 restarts)"
    assert (failure.details["pod"], failure.details["container"]) == ("db-1", "postgres")


def test_pods_older_than_the_write_explain_and_do_not_fail_it(kube: FakeKube) -> None:
    fields = [{"manager": "helm", "operation": "Apply", "time": "2026-01-01T00:05:00Z"}]
    body = custom(DATABASE, "db", {"phase": "Upgrading"}, metadata={"managedFields": fields})
    kube.put(DATABASE, "ns", body)
    kube.put(POD, "ns", crashing_pod("db-1", (DATABASE, "db")))
    failure = wait(kube, target(DATABASE, "db"), timeout=ENDS).failures[0]
    assert failure.code is Code.CRASH_LOOP
    assert timed(failure.message).endswith("(CrashLoopBackOff, 3 restarts) (after 3 s)")


def test_of_two_revisions_the_newest_counts(kube: FakeKube) -> None:
    status = {"replicas": 2, "readyReplicas": 1, "updatedReplicas": 1, "updateRevision": "web-new"}
    kube.put(KRUISE_SET, "ns", custom(KRUISE_SET, "web", status, spec={"replicas": 2}))
    old = crashing_pod("web-0", (KRUISE_SET, "web"), labels={"controller-revision-hash": "web-old"})
    kube.put(POD, "ns", old)
    assert timed(wait(kube, target(KRUISE_SET, "web"), timeout=ENDS).failures[0].message).endswith("(after 3 s)")
    kube.put(POD, "ns", crashing_pod("web-1", (KRUISE_SET, "web"), labels={"controller-revision-hash": "web-new"}))
    assert wait(kube, target(KRUISE_SET, "web")).failures[0].details["pod"] == "web-1"


def test_without_the_right_to_see_pods_the_status_decides() -> None:
    class NoPods(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            if resource == POD:
                raise Forbidden("may not list pods", 403)

    kube = operators(NoPods())
    kube.put(DATABASE, "ns", custom(DATABASE, "db", READY))
    assert wait(kube, target(DATABASE, "db")).ok


def test_one_list_per_kind(kube: FakeKube) -> None:
    for name in ("a", "b", "c"):
        kube.put(DATABASE, "ns", custom(DATABASE, name, READY))
    assert wait(kube, *(target(DATABASE, name) for name in ("a", "b", "c"))).ok
    assert sorted(kind for kind, _ in kube.reads) == ["Database", "Event", "Pod", "ReplicaSet"]
