# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A failure comes with its evidence, and without secrets."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.failure import Code

from tests.support.fake_api import Answer, Request, failure, listing
from tests.support.shown_cluster import LOG, cluster, deployment, objects, wait

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
