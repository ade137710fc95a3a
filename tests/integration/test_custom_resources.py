# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Custom resources on a real API server: kinds with and without a status, whose status the tests write."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import POD
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.rollout.targets import Target

from tests.integration.scenes import Scene
from tests.integration.support import BUSYBOX, custom_kinds, run_module
from tests.support.patience import patience

GROUP = f"t{secrets.token_hex(3)}.example.org"
KINDS = {"Database": True, "PodSet": True, "Setting": False}  # has a status subresource?


@pytest.fixture(scope="module")
def kinds(kube: KubeSession) -> Iterator[None]:
    """The kinds of an operator that is not there."""
    with custom_kinds(kube, GROUP, KINDS):
        yield


@pytest.fixture
def scene(kinds: None, kube: KubeSession, make_namespace: Callable[..., str]) -> Scene:
    return Scene(kube, make_namespace())


def target(scene: Scene, kind: str, name: str) -> Target:
    return Target(f"{GROUP}/v1", kind, scene.namespace, name, "shop")


def say(scene: Scene, kind: str, name: str, **status: Any) -> None:
    """What an operator would write."""
    resource = scene.kube.resource(f"{GROUP}/v1", kind)
    scene.kube.patch(resource, scene.namespace, name, {"status": status}, subresource="status")


def ready(value: str, reason: str, message: str) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": value, "reason": reason, "message": message}]}


def test_it_is_ready_once_its_status_says_so(scene: Scene) -> None:
    scene.put(f"{GROUP}/v1", "Database", "db")
    with scene.waiting(target(scene, "Database", "db"), stability_seconds=0.0) as verdict:
        scene.reported("Database db no status yet")
        say(scene, "Database", "db", phase="Provisioning")
        scene.reported("Database db Provisioning")
        say(scene, "Database", "db", phase="Running", **ready("True", "Healthy", "3 of 3"))
        assert verdict.result(timeout=patience(60)).ok
    assert scene.lines[-1] == "Database db ready: Healthy: 3 of 3"


def test_it_fails_in_its_own_words(scene: Scene) -> None:
    scene.put(f"{GROUP}/v1", "Database", "db")
    say(scene, "Database", "db", phase="Failed", **ready("False", "InitdbFailed", "no space left on device"))
    failure = scene.wait(target(scene, "Database", "db"), graces={"resource_failed": 1}).failures[0]
    assert failure.code is Code.RESOURCE_FAILED
    assert failure.message == "Database db: InitdbFailed: no space left on device"


def test_a_kind_without_a_status_exists_and_is_not_judged(scene: Scene) -> None:
    scene.put(f"{GROUP}/v1", "Setting", "s")
    verdict = scene.wait(target(scene, "Setting", "s"))
    assert verdict.ok
    assert verdict.not_judged("shop") == ["Setting s"]


def test_pods_that_it_owns_through_another_object_fail_it_early(scene: Scene) -> None:
    scene.put(f"{GROUP}/v1", "Database", "db")
    say(scene, "Database", "db", phase="Setting up primary")
    _put_owned(scene, "PodSet", "set", _reference(scene, "Database", "db"))
    pod = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "db-1", "ownerReferences": [_reference(scene, "PodSet", "set")]},
        "spec": {"terminationGracePeriodSeconds": 0,
                 "containers": [{"name": "postgres", "image": BUSYBOX, "command": ["sh", "-c", "exit 3"]}]},
    }  # fmt: skip
    scene.kube.create(POD, scene.namespace, pod)
    failure = scene.wait(target(scene, "Database", "db"), log_lines=5).failures[0]
    assert failure.code is Code.CRASH_LOOP
    assert "container postgres exits with code 3" in failure.message


def test_rules_of_ones_own_by_the_module(scene: Scene, kubeconfig: str) -> None:
    scene.put(f"{GROUP}/v1", "Setting", "s", spec={"lamp": "red"})
    resource = {"api_version": f"{GROUP}/v1", "kind": "Setting", "name": "s", "namespace": scene.namespace}
    rule = {"ready": "spec.lamp == 'green'", "failed": "spec.lamp == 'red'", "message": "spec.lamp"}
    params = {"resources": [resource], "readiness_rules": {f"{GROUP}/Setting": rule}, "timeout": round(patience(5))}
    run = run_module("rollout_wait", params, kubeconfig)
    assert run.failed
    assert "Setting s: red" in run.result["msg"]
    broken = {**params, "readiness_rules": {f"{GROUP}/Setting": {"ready": "spec.["}}}
    assert run_module("rollout_wait", broken, kubeconfig).code == "invalid_input"


def _reference(scene: Scene, kind: str, name: str) -> dict[str, Any]:
    resource = scene.kube.resource(f"{GROUP}/v1", kind)
    found = scene.kube.get(resource, scene.namespace, name)
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "name": name, "uid": found["metadata"]["uid"]}


def _put_owned(scene: Scene, kind: str, name: str, owner: dict[str, Any]) -> None:
    resource = scene.kube.resource(f"{GROUP}/v1", kind)
    body = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name, "ownerReferences": [owner]}}
    scene.kube.create(resource, scene.namespace, body)
