# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jobs that are gone when they are looked at, since their TTL has removed them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import EVENT
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import Target, targets_of_manifest
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import Verdict, WaitOptions
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import RolloutWaiter

from tests.support.fake_kube import FakeKube

MANIFEST = """
apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec: {ttlSecondsAfterFinished: 0}
"""


def wait(*reasons: str, kind: str = "Job", manifest: str = MANIFEST) -> Verdict:
    kube = FakeKube()
    for number, reason in enumerate(reasons):
        about = {"kind": kind, "name": "migrate", "namespace": "ns", "uid": "gone"}
        when = datetime.fromtimestamp(kube.now + number, UTC).isoformat()
        kube.put(EVENT, "ns", {"metadata": {"name": f"e{number}"}, "involvedObject": about, "reason": reason,
                               "message": "it ended", "lastTimestamp": when})  # fmt: skip
    options = WaitOptions(timeout=5.0, graces={"not_found": 0.2})
    return RolloutWaiter(kube, options, lambda line: None).wait(targets_of_manifest(manifest, "ns", "shop"))


def test_complete_and_gone_is_done() -> None:
    verdict = wait("SuccessfulCreate", "Completed")
    assert verdict.ok
    assert verdict.workloads[0].judged


def test_failed_and_gone_is_a_failure() -> None:
    failure = wait("Completed", "BackoffLimitExceeded").failures[0]
    assert failure.code is Code.JOB_FAILED
    assert failure.message == "Job migrate: the Job failed (BackoffLimitExceeded: it ended)"


def test_gone_long_ago_is_said_and_not_judged() -> None:
    verdict = wait("Completed", kind="CronJob")
    assert verdict.ok
    assert not verdict.workloads[0].judged
    assert verdict.not_judged("shop") == ["Job migrate"]


@pytest.mark.parametrize("spec", ["{}", "{ttlSecondsAfterFinished: null}"])
def test_without_a_ttl_a_job_has_to_be_there(spec: str) -> None:
    assert wait(manifest=MANIFEST.replace("{ttlSecondsAfterFinished: 0}", spec)).failures[0].code is Code.NOT_FOUND


def test_the_ttl_is_no_part_of_a_targets_identity() -> None:
    assert Target("batch/v1", "Job", "ns", "x", passing=True) == Target("batch/v1", "Job", "ns", "x")
