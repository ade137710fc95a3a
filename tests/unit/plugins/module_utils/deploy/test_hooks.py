"""Hooks are judged while Helm waits for them, and removed if they have not ended when Helm has."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy import hooks as hooks_module
from ansible_collections.todo.cloud.plugins.module_utils.deploy.hooks import HookWatch, both
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure
from ansible_collections.todo.cloud.plugins.module_utils.helm.errors import HelmError
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import JOB, POD
from ansible_collections.todo.cloud.plugins.module_utils.rollout.verdict import WaitOptions
from ansible_collections.todo.cloud.plugins.module_utils.settings import Settings

from tests.support.fake_api import eventually
from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store

HOOK = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, annotations: {helm.sh/hook: pre-upgrade}}\n"
POD_HOOK = "apiVersion: v1\nkind: Pod\nmetadata: {name: check}\n"
NOW = "1970-01-12T13:46:40Z"  # the clock of a FakeKube
OLD = "1970-01-12T13:40:00Z"
RUNNING: dict[str, Any] = {"running": {"startedAt": NOW}}
EXITED = {"terminated": {"exitCode": 3, "reason": "Error", "finishedAt": NOW}}
NO_IMAGE = {"waiting": {"reason": "ImagePullBackOff", "message": "ghcr.io/nobody/none:1: not found"}}
HELMS_OWN = HelmError(Failure(Code.HELM_FAILED, "api: helm upgrade failed: pre-upgrade hooks failed"), transient=False)


class Logs(FakeKube):
    def logs(self, namespace: str, pod: str, container: str, **_: Any) -> str:
        return "starting\nFATAL: relation todos does not exist\n"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks_module, "_FIRST_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(hooks_module, "_LOOK_SECONDS", 0.01)


def pod(state: dict[str, Any], phase: str, owner: str, name: str = "migrate-x") -> dict[str, Any]:
    status = {"name": "main", "ready": False, "restartCount": 0, "state": state}
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "uid": f"uid-{name}", "creationTimestamp": NOW,
            "labels": {"batch.kubernetes.io/controller-uid": owner},
            "ownerReferences": [{"kind": "Job", "uid": owner, "name": "migrate", "controller": True}] if owner else [],
        },
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "ghcr.io/nobody/none:1"}]},
        "status": {"phase": phase, "conditions": [{"type": "PodScheduled", "status": "True"}],
                   "containerStatuses": [status]},
    }  # fmt: skip


def job(kube: FakeKube, state: dict[str, Any], phase: str, *, ended: str = "", born: str = NOW) -> None:
    conditions = [{"type": ended, "status": "True", "reason": "BackoffLimitExceeded"}] if ended else []
    body = {"apiVersion": "batch/v1", "kind": "Job", "spec": {}, "status": {"conditions": conditions},
            "metadata": {"name": "migrate", "uid": "uid-job", "creationTimestamp": born}}  # fmt: skip
    kube.put(JOB, "ns", body)
    kube.put(POD, "ns", pod(state, phase, "uid-job"))


def watch(kube: FakeKube, lines: list[str] | None = None, **graces: float) -> HookWatch:
    settings = Settings("staging", "ns", timeout=60, wait=WaitOptions(graces=graces))
    return HookWatch(kube, HelmReader(kube, "ns"), settings, (lines if lines is not None else []).append, "api")


def helm_that_waits(found: HookWatch, until: Callable[[], bool] = lambda: False) -> None:
    end = time.monotonic() + 60
    while not until():
        assert time.monotonic() < end
        found.check()
        time.sleep(0.005)


def helm_that_fails(found: HookWatch, when: Callable[[], bool], first: Callable[[], object] = lambda: None) -> None:
    helm_that_waits(found, when)
    first()
    raise HELMS_OWN


def test_an_image_that_cannot_be_pulled_ends_helm_and_the_hook() -> None:
    kube, lines = Logs(), list[str]()
    store(kube, "api", 2, "pending-upgrade", hooks=[{"manifest": HOOK}])
    job(kube, NO_IMAGE, "Pending")
    found = watch(kube, lines, image_pull_final=0.0)
    with pytest.raises(HelmError) as caught, found.watching():
        helm_that_waits(found)
    failure = caught.value.failure
    assert failure.code is Code.IMAGE_PULL
    assert failure.message.startswith(
        "api: hook Job migrate: image ghcr.io/nobody/none:1 of container main cannot be pulled"
    )
    assert ("delete", "Job", "migrate") in kube.writes
    assert "api: removed hook Job migrate, which had not ended" in lines


def test_a_hook_that_failed_is_told_with_exit_code_and_log_line_even_if_helm_deletes_it() -> None:
    kube, lines = Logs(), list[str]()
    store(kube, "api", 2, "pending-upgrade", hooks=[{"manifest": HOOK}])
    job(kube, EXITED, "Failed")
    found = watch(kube, lines)
    with pytest.raises(HelmError) as caught, found.watching():
        helm_that_fails(found, lambda: bool(lines), lambda: kube.objects.clear())
    assert caught.value.failure.code is Code.JOB_FAILED
    for words in ("api: hook Job migrate", "code 3", "FATAL: relation todos does not exist"):
        assert words in caught.value.failure.message
    assert kube.writes == []


def test_a_hook_that_restarts_in_place_is_told_though_its_pod_went_with_its_failure() -> None:
    kube, lines = Logs(), list[str]()
    store(kube, "api", 2, "pending-upgrade", hooks=[{"manifest": HOOK}])
    job(kube, EXITED, "Running")
    found = watch(kube, lines)

    def fails() -> None:
        kube.delete(POD, "ns", "migrate-x")
        failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
        kube.put(JOB, "ns", {**kube.objects["Job", "ns", "migrate"], "status": {"conditions": [failed]}})
        helm_that_waits(found)

    with pytest.raises(HelmError) as caught, found.watching():
        helm_that_fails(found, lambda: bool(lines), fails)
    assert caught.value.failure.code is Code.JOB_FAILED
    for words in ("api: hook Job migrate", "code 3", "FATAL: relation todos does not exist"):
        assert words in caught.value.failure.message


def test_a_hook_that_hangs_is_named_and_removed() -> None:
    kube, lines = Logs(), list[str]()
    store(kube, "api", 2, "pending-upgrade", hooks=[{"manifest": HOOK}])
    job(kube, RUNNING, "Running")
    found = watch(kube, lines)
    with pytest.raises(HelmError) as caught, found.watching():
        helm_that_fails(found, lambda: ("Pod", "*") in kube.reads)
    assert caught.value.failure.code is Code.TIMEOUT
    assert "hook Job migrate did not end within 60 s: pod migrate-x still runs (container main)" in str(caught.value)
    assert kube.writes == [("delete", "Job", "migrate")]


def test_a_hook_whose_pod_never_ran_is_told_by_what_it_waited_for() -> None:
    kube = Logs()
    store(kube, "api", 2, "pending-upgrade", hooks=[{"manifest": HOOK}])
    job(kube, RUNNING, "Pending")
    body = pod({}, "Pending", "uid-job")
    no_node = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: no label"}
    body["status"] = {"phase": "Pending", "conditions": [no_node]}
    kube.put(POD, "ns", body)
    found = watch(kube)
    with pytest.raises(HelmError) as caught, found.watching():
        helm_that_fails(found, lambda: ("Pod", "*") in kube.reads)
    assert caught.value.failure.code is Code.UNSCHEDULABLE
    assert "hook Job migrate: pod migrate-x cannot be scheduled: 0/3 nodes: no label" in str(caught.value)


def test_a_pod_as_a_hook() -> None:
    kube = Logs()
    store(kube, "api", 2, "pending-upgrade", hooks=[{"manifest": POD_HOOK}])
    kube.put(POD, "ns", pod(EXITED, "Failed", "", "check"))
    found = watch(kube)
    with pytest.raises(HelmError) as caught, found.watching():
        helm_that_waits(found)
    assert caught.value.failure.code is Code.POD_FAILED
    assert "code 3" in str(caught.value)
    assert kube.writes == []  # it has ended: helm.sh/hook-delete-policy decides


def test_a_good_hook_a_first_try_and_an_earlier_calls_hook_say_nothing() -> None:
    kube, lines = Logs(), list[str]()
    store(kube, "api", 2, "pending-upgrade", hooks=[{"manifest": HOOK}])
    job(kube, EXITED, "Failed")
    found = watch(kube, lines)
    with pytest.raises(HelmError, match="hooks failed") as caught, found.watching():
        helm_that_fails(found, lambda: bool(lines), lambda: job(kube, EXITED, "Failed", ended="Complete"))
    assert caught.value is HELMS_OWN
    job(kube, EXITED, "Failed", ended="Failed", born=OLD)
    with watch(kube).watching():
        time.sleep(0.05)


def test_without_hooks_one_look_is_all() -> None:
    kube = Logs()
    store(kube, "api", 2, "pending-upgrade")
    with watch(kube).watching():
        eventually(lambda: len(kube.reads) >= 2)
        time.sleep(0.1)
    assert [kind for kind, _ in kube.reads] == ["Secret", "Secret"]


def test_other_errors_are_not_explained_by_hooks() -> None:
    kube = Logs()
    store(kube, "api", 2, "pending-upgrade", hooks=[{"manifest": HOOK}])
    job(kube, RUNNING, "Running")
    lost = HelmError(Failure(Code.UNREACHABLE, "api: lost"), transient=True)
    with pytest.raises(HelmError) as caught, watch(kube).watching():
        raise lost
    assert caught.value is lost
    assert kube.writes == []


def test_both_checks_are_asked() -> None:
    asked: list[str] = []
    both(lambda sure=True: asked.append(f"lock {sure}"), lambda sure=True: asked.append(f"hooks {sure}"))(sure=False)
    assert asked == ["lock False", "hooks False"]
