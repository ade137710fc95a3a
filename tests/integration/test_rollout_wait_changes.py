# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rollouts that change while they are waited for, on the real node; scenarios run side by side in their namespaces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import Object
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    NODE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import Target, Verdict

from tests.integration.releases.test_preflight import may_list
from tests.integration.scenes import Scene, played
from tests.integration.support import TOP, apply, eventually


def quota_freed_within_the_grace(scene: Scene) -> Verdict:
    scene.put("v1", "ResourceQuota", "q", spec={"hard": {"pods": "0"}})
    eventually("quota is counted", lambda: _quota_counted(scene))
    scene.deploy()
    with scene.waiting(graces={"failed_create": 60}) as verdict:
        scene.reported("FailedCreate")
        scene.put("v1", "ResourceQuota", "q", spec={"hard": {"pods": "5"}})
        return verdict.result()


def _quota_counted(scene: Scene) -> bool:
    quota = scene.kube.get(scene.kube.resource("v1", "ResourceQuota"), scene.namespace, "q")
    return "used" in quota.get("status", {})


def node_that_fits_appears(scene: Scene) -> Verdict:
    real = [node for node in scene.kube.list_(NODE)[0] if not node["spec"].get("taints")]
    node = real[0]["metadata"]["name"]
    scene.deploy(pod={"nodeSelector": {scene.namespace: "yes"}})
    with scene.waiting() as verdict:
        scene.reported("Unschedulable")
        scene.kube.patch(NODE, "", node, {"metadata": {"labels": {scene.namespace: "yes"}}})
        try:
            return verdict.result()
        finally:
            scene.kube.patch(NODE, "", node, {"metadata": {"labels": {scene.namespace: None}}})


def deleted_while_waiting(scene: Scene) -> Verdict:
    scene.deploy(readinessProbe={"exec": {"command": ["false"]}})
    with scene.waiting(graces={"not_found": 3}) as verdict:
        scene.reported("0/1 available")
        scene.kube.delete(DEPLOYMENT, scene.namespace, "app")
        return verdict.result()


def made_again_while_waiting(scene: Scene) -> Verdict:
    scene.deploy(readinessProbe={"exec": {"command": ["false"]}})
    with scene.waiting() as verdict:
        scene.reported("0/1 available")
        scene.kube.delete(DEPLOYMENT, scene.namespace, "app")
        scene.deploy()
        return verdict.result()


def old_revision_crashes_new_is_fine(scene: Scene) -> Verdict:
    scene.deploy(command=["false"])
    eventually("the old pod crashes", lambda: any(_restarts(pod) for pod in scene.pods()))
    scene.deploy()
    return scene.wait()


def new_revision_crashes_old_serves(scene: Scene) -> Verdict:
    alive = {"exec": {"command": ["pidof", "sleep"]}, "periodSeconds": 1, "timeoutSeconds": 10}
    scene.deploy(replicas=2, readinessProbe=alive)
    assert scene.wait().ok
    scene.deploy(replicas=2, readinessProbe=alive, command=["sh", "-c", "exit 11"])
    verdict = scene.wait()
    ready = [
        pod
        for pod in scene.pods()
        if "exit 11" not in str(pod["spec"]) and not pod["metadata"].get("deletionTimestamp")
    ]
    assert ready, "no pod of the old revision was left"
    return verdict


def _restarts(pod: Object) -> int:
    return sum(entry["restartCount"] for entry in pod.get("status", {}).get("containerStatuses", []))


def rolled_back_after_a_missed_deadline(scene: Scene) -> Verdict:
    scene.deploy()
    assert scene.wait().ok
    scene.deploy(image="docker.io/library/busybox:no-such-tag", deadline=5)
    eventually("the deadline is missed", lambda: "ProgressDeadlineExceeded" in str(_app(scene)["status"]), 60)
    scene.deploy()
    return scene.wait()


def _app(scene: Scene) -> Object:
    return scene.kube.get(DEPLOYMENT, scene.namespace, "app")


def database_down_for_old_and_new(scene: Scene) -> Verdict:
    scene.deploy("db", command=["httpd", "-f", "-p", "5432", "-h", "/"])
    scene.put("v1", "Service", "db", spec={"selector": {"app": "db"}, "ports": [{"port": 5432}]})
    assert scene.wait(scene.target("db")).ok
    ask = "nc -w 1 $DB_SERVICE_HOST 5432 < /dev/null || { echo no database; exit 1; }"
    probe = {"exec": {"command": ["sh", "-c", ask]}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 10}
    scene.deploy(readinessProbe=probe)
    assert scene.wait().ok
    scene.kube.patch(DEPLOYMENT, scene.namespace, "db", {"spec": {"replicas": 0}})
    eventually("old pod is unready", lambda: not _app(scene)["status"].get("readyReplicas"))
    scene.deploy(readinessProbe=probe, env=[{"name": "VERSION", "value": "2"}])
    return scene.wait(graces={"dependency_down": 8})


def ordered_set_blocked_by_its_broken_pod(scene: Scene) -> Verdict:
    scene.deploy(kind="StatefulSet", image="docker.io/library/busybox:no-such-tag")
    target = scene.target(kind="StatefulSet")
    assert not scene.wait(target, graces={"image_pull_final": 1}).ok
    scene.deploy(kind="StatefulSet")
    eventually("the change is seen", lambda: _differs(scene.kube.get(STATEFUL_SET, scene.namespace, "app")["status"]))
    return scene.wait(target, graces={"blocked_by_old_pod": 2})


def _differs(status: Object) -> bool:
    return bool(status.get("currentRevision") != status.get("updateRevision"))


def more_replicas_than_fit_are_added_meanwhile(scene: Scene) -> Verdict:
    apart = {"labelSelector": {"matchLabels": {"app": "app"}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}}
    slow = {"exec": {"command": ["true"]}, "initialDelaySeconds": 20, "periodSeconds": 1, "timeoutSeconds": 10}
    scene.deploy(pod={"affinity": affinity}, readinessProbe=slow)
    with scene.waiting(graces={"unschedulable": 1}) as verdict:
        scene.reported("0/1 available")
        scene.kube.patch(DEPLOYMENT, scene.namespace, "app", {"spec": {"replicas": 3}}, subresource="scale")
        return verdict.result()


def least_rights(scene: Scene) -> Verdict:
    """The Role of docs/failure-codes.md, and nothing else."""
    text = (TOP / "docs/failure-codes.md").read_text()
    role = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0])
    rbac = "rbac.authorization.k8s.io"
    scene.put("v1", "ServiceAccount", "reader")
    apply(scene.kube, scene.namespace, [role])
    scene.put(
        f"{rbac}/v1", "RoleBinding", "reader",
        roleRef={"apiGroup": rbac, "kind": "Role", "name": role["metadata"]["name"]},
        subjects=[{"kind": "ServiceAccount", "name": "reader", "namespace": scene.namespace}],
    )  # fmt: skip
    scene.deploy(command=["sh", "-c", "echo why; exit 3"], readinessProbe={"exec": {"command": ["false"]}})
    path = SERVICE_ACCOUNT.path(scene.namespace, "reader", "token")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    token = scene.kube._json(
        "POST", path, "create", "a token", headers={"Content-Type": "application/json"}, body=request
    )
    admin = scene.kube.kubeconfig()
    admin["users"][0]["user"] = {"token": token["status"]["token"]}
    with KubeSession({"kubeconfig": admin}) as reader:
        eventually("the Role counts", lambda: may_list(reader, scene.namespace))
        return scene.wait(kube=reader)


def expression_comes_true_meanwhile(scene: Scene) -> Verdict:
    scene.put("v1", "ConfigMap", "state", data={"phase": "waiting"})
    target = Target("v1", "ConfigMap", scene.namespace, "state", ready_when="data.phase == 'done'")
    with scene.waiting(target) as verdict:
        scene.reported("ready_when does not hold yet")
        scene.put("v1", "ConfigMap", "state", data={"phase": "done"})
        return verdict.result()


def ready_at_the_second_look_too(scene: Scene) -> Verdict:
    scene.deploy(replicas=2)
    assert scene.wait().ok
    scene.lines.clear()
    before = scene.kube.counts.requests
    verdict = scene.wait()
    # Timestamps of the API are whole seconds: the last of those within which it must stay ready may be counted again.
    assert [line for line in scene.lines if "checking that it stays so" not in line] == ["app ready: 2/2 available"]
    assert verdict.api["requests"] >= before
    return verdict


def pod_that_ended_once_and_recovered(scene: Scene) -> Verdict:
    scene.deploy(
        pod={"volumes": [{"name": "memory", "emptyDir": {}}]},
        command=["sh", "-c", "test -e /memory/been && exec sleep 86400; touch /memory/been; sleep 1; exit 1"],
        volumeMounts=[{"name": "memory", "mountPath": "/memory"}],
    )
    return scene.wait()


SCENARIOS: dict[Callable[[Scene], Verdict], Code | None] = {
    quota_freed_within_the_grace: None,
    node_that_fits_appears: None,
    deleted_while_waiting: Code.DELETED,
    made_again_while_waiting: None,
    old_revision_crashes_new_is_fine: None,
    new_revision_crashes_old_serves: Code.CRASH_LOOP,
    rolled_back_after_a_missed_deadline: None,
    database_down_for_old_and_new: Code.DEPENDENCY_DOWN,
    ordered_set_blocked_by_its_broken_pod: Code.BLOCKED_BY_OLD_POD,
    more_replicas_than_fit_are_added_meanwhile: None,
    least_rights: Code.CRASH_LOOP,
    expression_comes_true_meanwhile: None,
    ready_at_the_second_look_too: None,
    pod_that_ended_once_and_recovered: None,
}


@pytest.fixture(scope="module")
def outcomes(kubeconfig: str, make_namespace: Callable[..., str]) -> Iterator[dict[Any, Future[Verdict]]]:
    with played(SCENARIOS, kubeconfig, make_namespace) as futures:
        yield futures


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: str(one.__name__))
def test_scenario(scenario: Callable[[Scene], Verdict], outcomes: dict[Any, Future[Verdict]]) -> None:
    verdict = outcomes[scenario].result()
    codes = [failure.code for failure in verdict.failures]
    assert codes == ([SCENARIOS[scenario]] if SCENARIOS[scenario] else []), [one.message for one in verdict.failures]


def test_recreation_is_noted(outcomes: dict[Any, Future[Verdict]]) -> None:
    notes = outcomes[made_again_while_waiting].result().warnings
    assert any("was deleted and created again during the wait" in note for note in notes)


def test_pods_that_do_not_fit_are_noted(outcomes: dict[Any, Future[Verdict]]) -> None:
    notes = outcomes[more_replicas_than_fit_are_added_meanwhile].result().warnings
    assert any("Unschedulable" in note for note in notes)


def test_what_could_not_be_read_is_reported(outcomes: dict[Any, Future[Verdict]]) -> None:
    unread = outcomes[least_rights].result().failures[0].details["could_not_read"]
    assert any("events" in text for text in unread)
    assert any(text.startswith("logs:") for text in unread)


def test_the_dependency_is_named(outcomes: dict[Any, Future[Verdict]]) -> None:
    assert "no database" in outcomes[database_down_for_old_and_new].result().failures[0].message
