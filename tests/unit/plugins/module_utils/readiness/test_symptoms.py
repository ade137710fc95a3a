# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a pod suffers from."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.readiness.judge import Judge
from ansible_collections.todo.cloud.plugins.module_utils.readiness.sentences import sentence
from ansible_collections.todo.cloud.plugins.module_utils.readiness.symptoms import pod_symptoms
from ansible_collections.todo.cloud.plugins.module_utils.readiness.tree import Tree

from tests.support.states import at, tree


def test_the_clearer_sighting_of_a_pull_failure_stays() -> None:
    judge = Judge({})
    judge.look(tree("pod-pull-denied"), at(0))
    assert judge.look(tree("pod-pull-back-off-without-cause"), at(16)).terminal


def test_an_unready_pod_that_was_made_without_its_sidecar_is_a_terminal_failure() -> None:
    judge, asked = Judge({}), tree("deployment-never-ready")
    pods = copy.deepcopy(asked.new_pods)
    for pod in pods:
        pod["metadata"]["annotations"] = {"dapr.io/enabled": "true"}
    lacking = Tree(asked.workload, asked.newest, pods, asked.old_pods)
    assert not judge.look(lacking, at(0)).terminal
    assert {symptom.code for symptom in judge.look(lacking, at(11)).terminal} == {Code.SIDECAR_MISSING}


def job_pod(code: int | None, *, daprd: str = "containers", policy: str = "Never") -> dict[str, Any]:
    """A Job's pod: main has ended with this code (None: it runs), daprd runs on."""
    ended = {"terminated": {"exitCode": code, "finishedAt": "2026-11-28T10:00:00Z"}}
    statuses = [{"name": "main", "restartCount": 0, "state": {"running": {}} if code is None else ended}]
    side = {"name": "daprd", **({"restartPolicy": "Always"} if daprd == "initContainers" else {})}
    spec = {"restartPolicy": policy, "containers": [{"name": "main"}]}
    spec[daprd] = [*spec.get(daprd, ()), side]
    key = "initContainerStatuses" if daprd == "initContainers" else "containerStatuses"
    status = {"phase": "Running", "containerStatuses": statuses}
    status[key] = [*status.get(key, ()), {"name": "daprd", "ready": True, "state": {"running": {}}}]
    return {"kind": "Pod", "metadata": {"name": "x-1", "uid": "x-1"}, "spec": spec, "status": status}


@pytest.mark.parametrize("code", [0, 4])
def test_a_sidecar_that_keeps_a_jobs_pod_is_named_with_the_exit_of_the_app(code: int) -> None:
    (found,) = pod_symptoms(job_pod(code), of_job=True)
    assert (found.code, found.reason, found.container, found.exit_code) == (
        Code.JOB_FAILED, "SidecarRuns", "main", code,
    )  # fmt: skip
    text = sentence(found, "x", job_pod(code), cause="no such table")
    assert f"x: container main has ended with code {code}, but sidecar daprd runs on" in text
    assert text.endswith(": no such table")


@pytest.mark.parametrize(
    "pod",
    [job_pod(None), job_pod(0, daprd="initContainers"), job_pod(3, policy="OnFailure")],
    ids=["the app runs", "a native sidecar ends by itself", "the app is started again"],
)
def test_a_sidecar_that_keeps_no_jobs_pod(pod: dict[str, Any]) -> None:
    assert [each.reason for each in pod_symptoms(pod, of_job=True)] == []


def test_a_sidecar_of_another_pod_runs_on_as_it_should() -> None:
    assert all(each.reason != "SidecarRuns" for each in pod_symptoms(job_pod(0)))


def beside_a_sidecar(app: dict[str, Any], *, native: bool = False, started: bool = True) -> dict[str, Any]:
    """A pod whose daprd runs and is not ready, and whose app is in this state."""
    side = {"name": "daprd", **({"restartPolicy": "Always"} if native else {})}
    report = {"name": "daprd", "ready": False, "started": started, "state": {"running": {"startedAt": None}}}
    kind = "initContainer" if native else "container"
    spec: dict[str, Any] = {"containers": [{"name": "app"}]}
    spec[f"{kind}s"] = [*spec.get(f"{kind}s", ()), side]
    status: dict[str, Any] = {"phase": "Pending", "containerStatuses": [{"name": "app", "ready": False, "state": app}]}
    status[f"{kind}Statuses"] = [*status.get(f"{kind}Statuses", ()), report]
    return {"kind": "Pod", "metadata": {"name": "x-1", "uid": "x-1"}, "spec": spec, "status": status}


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_sidecar_that_waits_for_its_app_is_not_at_fault(reason: str, native: bool) -> None:
    assert list(pod_symptoms(beside_a_sidecar({"waiting": {"reason": reason}}, native=native))) == []


def test_an_image_that_cannot_be_pulled_is_the_only_symptom() -> None:
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    assert [each.code for each in pod_symptoms(beside_a_sidecar(waiting))] == [Code.IMAGE_PULL]


def test_a_native_sidecar_that_has_not_started_holds_its_app_back() -> None:
    waiting = {"waiting": {"reason": "PodInitializing"}}
    (found,) = pod_symptoms(beside_a_sidecar(waiting, native=True, started=False))
    assert (found.code, found.container) == (Code.SIDECAR_NOT_READY, "daprd")
