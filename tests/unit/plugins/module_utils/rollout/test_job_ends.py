# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Job whose container restarts in place: its pod is gone when the Job has failed, and why it failed is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Failure
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import NotFound
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import JOB, POD
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import targets_of_manifest
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import WaitOptions
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import RolloutWaiter

from tests.support.fake_kube import FakeKube
from tests.support.states import objects

MANIFEST = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: job-onfailure}\nspec: {backoffLimit: 1}\n"
JOB_NOW, POD_NOW = objects("job-onfailure-retrying")
END = {"exitCode": 5, "reason": "Error"}
WAITING: dict[str, Any] = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": END}}
RUNNING: dict[str, Any] = {"state": {"running": {}}, "lastState": {"terminated": END}}
ENDED: dict[str, Any] = {"state": {"terminated": END}, "lastState": {}}


class Cluster(FakeKube):
    """The Job fails once the log of its pod has been read; ``early``: the pod is gone by then."""

    def __init__(self, pod: dict[str, Any], *, early: bool = False) -> None:
        super().__init__()
        self.read: list[bool] = []
        self._early = early
        self.put(JOB, "ns", JOB_NOW)
        state = {**POD_NOW["status"]["containerStatuses"][0], **pod}
        self.put(POD, "ns", {**POD_NOW, "status": {**POD_NOW["status"], "containerStatuses": [state]}})

    def logs(self, namespace: str, pod: str, container: str, *, previous: bool = False, **_: Any) -> str:
        if (gone := (POD.kind, namespace, pod) not in self.objects) or self._early:
            if not gone:
                self._fail(pod)
            raise NotFound(f"There is no pod {pod}.", 404)
        self.read.append(previous)
        self._fail(pod)
        return "starting\nERROR: no such column \x1b[31mtitle\x1b[0m\n"

    def _fail(self, pod: str) -> None:
        self.delete(POD, "ns", pod)
        failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
        self.put(JOB, "ns", {**JOB_NOW, "status": {"conditions": [failed], "failed": 1}})


def failure_of(kube: FakeKube, **options: Any) -> Failure:
    wait = WaitOptions(timeout=60.0, **options)
    return RolloutWaiter(kube, wait, lambda line: None).wait(targets_of_manifest(MANIFEST, "ns", "shop")).failures[0]


@pytest.mark.parametrize(("pod", "previous"), [(WAITING, False), (ENDED, False), (RUNNING, True)])
def test_exit_code_and_cause_are_told(pod: dict[str, Any], previous: bool) -> None:
    kube = Cluster(pod)
    failure = failure_of(kube)
    assert kube.read == [previous], "once"
    assert "container app with code 5: ERROR: no such column title" in failure.message
    assert failure.details["log_tail"] == ["starting", "ERROR: no such column title"]


def test_the_exit_code_stays_when_the_log_was_gone_too() -> None:
    assert failure_of(Cluster(WAITING, early=True)).message.endswith("container app with code 5")


def test_without_a_pod_nothing_is_made_up() -> None:
    kube = Cluster(WAITING)
    kube.delete(POD, "ns", POD_NOW["metadata"]["name"])
    kube.put(JOB, "ns", {**JOB_NOW, "status": {"conditions": [{"type": "Failed", "status": "True"}]}})
    assert "code" not in failure_of(kube).message
