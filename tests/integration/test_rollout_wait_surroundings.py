# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What surrounds a rollout gets in its way: registries, policies, nodes, disks, autoscalers. Side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import Object
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import KubeError, NotFound
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, NODE, POD
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import Target, Verdict

from tests.cluster import state
from tests.integration.registries import OddRegistry
from tests.integration.rollouts.faults import Behaviour
from tests.integration.rollouts.nodes import SimulatedNodes
from tests.integration.rollouts.shapes import Shape, manifest
from tests.integration.scenes import Scene, played
from tests.integration.support import apply, eventually
from tests.support.patience import patience


def registry_denies(scene: Scene) -> Verdict:
    with OddRegistry(f"{scene.namespace}.example.test") as registry:
        registry.serve(denied=True)
        scene.deploy(image=f"{registry.name}/private/app:1")
        return scene.wait(graces={"image_pull_final": 5})


def registry_is_away_for_two_pulls(scene: Scene) -> Verdict:
    with OddRegistry(f"{scene.namespace}.example.test") as registry:
        scene.deploy(image=f"{registry.name}/library/busybox:1.36")
        with scene.waiting(timeout=patience(180)) as verdict:
            scene.reported("ImagePull")
            eventually("the second pull", lambda: _pulls(scene) > 1)
            registry.serve()
            return verdict.result()


def _pulls(scene: Scene) -> int:
    events, _ = scene.kube.list_(scene.kube.resource("v1", "Event"), scene.namespace)
    return sum(event.get("count") or 1 for event in events if event["reason"] == "Pulling")


def policy_refuses_pods(scene: Scene) -> Verdict:
    name = scene.namespace
    group = "admissionregistration.k8s.io/v1"
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    scene.put(group, "ValidatingAdmissionPolicy", name, spec={
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [pods]},
        "validations": [{"expression": "has(object.metadata.labels.team)", "message": "every pod needs a team"}],
    })  # fmt: skip
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
    scene.put(group, "ValidatingAdmissionPolicyBinding", name, spec={
        "policyName": name, "validationActions": ["Deny"], "matchResources": here})  # fmt: skip
    try:
        eventually("the policy is enforced", lambda: _refused(scene))
        scene.deploy()
        return scene.wait(graces={"failed_create": 8})  # by then the controller has written its event too
    finally:
        for kind in ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"):
            scene.kube.delete(scene.kube.resource(group, kind), "", name)


def _refused(scene: Scene) -> bool:
    spec = {"containers": [{"name": "c", "image": "none"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "try"}, "spec": spec}
    try:
        scene.kube.create(POD, scene.namespace, pod, dry_run=True)
    except KubeError:
        return True
    return False


def node_is_added(scene: Scene) -> Verdict:
    """As an autoscaler does it: the node appears when pods wait for it."""
    nodes = SimulatedNodes(scene.kube, 1)
    nodes.script(scene.namespace, [Behaviour()])
    apply(scene.kube, scene.namespace, [manifest(Shape("Deployment", 2), "app", scene.namespace, nodes.token)])
    with scene.waiting() as verdict:
        scene.reported("Unschedulable")
        with nodes:
            return verdict.result()


def node_is_drained_in_mid_rollout(scene: Scene) -> Verdict:
    with SimulatedNodes(scene.kube, 2) as nodes:
        form = Shape("Deployment", 4, linger=30)
        for number, part in enumerate((Behaviour(), Behaviour(start=0.5, ready=1.5))):
            key = f"{scene.namespace}/{number}"
            nodes.script(key, [part])
            apply(scene.kube, scene.namespace, [manifest(form, "app", key, nodes.token)])
            if not number:
                assert scene.wait().ok
        with scene.waiting() as verdict:
            scene.reported("of the old revision left")
            scene.kube.patch(NODE, "", nodes.names[0], {"spec": {"unschedulable": True}})
            # until the end: the scheduler may learn late that the node takes no more pods
            eventually("the node is drained", lambda: _drained(scene, nodes.names[0]) and verdict.done(), 120)
            found = verdict.result()
        alive = [pod for pod in scene.pods() if not pod["metadata"].get("deletionTimestamp")]
        assert {pod["spec"]["nodeName"] for pod in alive} == {nodes.names[1]}
        return found


def _drained(scene: Scene, node: str) -> bool:
    """Evicts what is left on a node, as kubectl drain does: once more for what was being bound to it meanwhile."""
    there = [pod for pod in scene.pods() if pod["spec"].get("nodeName") == node]
    left = [pod for pod in there if not pod["metadata"].get("deletionTimestamp")]
    for pod in left:
        with suppress(NotFound):
            _evict(scene, pod)
    return not left


def _evict(scene: Scene, pod: Object) -> None:
    name = pod["metadata"]["name"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    path = POD.path(scene.namespace, name, "eviction")
    scene.kube._json("POST", path, "evict", name, headers={"Content-Type": "application/json"}, body=body)


def pod_is_evicted_for_its_disk_use(scene: Scene) -> Verdict:
    """The first pod writes more than its volume allows and leaves a file on the node; the ones after it behave."""
    behave = "test -e /node/mark && touch /tmp/ready && exec sleep 86400"
    scene.deploy(
        pod={"volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "5Mi"}},
                         {"name": "node", "hostPath": {"path": f"/run/todo-cloud-{scene.namespace}",
                                                       "type": "DirectoryOrCreate"}}]},
        command=["sh", "-c", f"{behave}; touch /node/mark; dd if=/dev/zero of=/scratch/f bs=1M count=10; sleep 86400"],
        readinessProbe={"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1},
        volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}, {"name": "node", "mountPath": "/node"}],
    )  # fmt: skip
    verdict = scene.wait(timeout=patience(180))
    assert "Evicted" in {pod["status"].get("reason") for pod in scene.pods()}
    return verdict


def autoscaler_adds_what_does_not_fit(scene: Scene) -> Verdict:
    apart = {"labelSelector": {"matchLabels": {"app": "app"}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}}
    slow = {"exec": {"command": ["true"]}, "initialDelaySeconds": 30, "periodSeconds": 1}
    scene.deploy(pod={"affinity": affinity}, readinessProbe=slow, resources={"requests": {"cpu": "1m"}})
    with scene.waiting(graces={"unschedulable": 1}, timeout=patience(120)) as verdict:
        scene.reported("0/1 available")
        cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
        scene.put("autoscaling/v2", "HorizontalPodAutoscaler", "app", spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
            "minReplicas": 2, "maxReplicas": 3, "metrics": [{"type": "Resource", "resource": cpu}]})  # fmt: skip
        found = verdict.result()
    assert scene.kube.get(DEPLOYMENT, scene.namespace, "app")["spec"]["replicas"] >= 2
    return found


def volume_never_binds(scene: Scene) -> Verdict:
    size = {"requests": {"storage": "1Mi"}}
    scene.put("v1", "PersistentVolumeClaim", "data", spec={
        "accessModes": ["ReadWriteOnce"], "storageClassName": "absent", "resources": size})  # fmt: skip
    claim = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    scene.deploy(pod={"volumes": claim})
    targets = (scene.target(), Target("v1", "PersistentVolumeClaim", scene.namespace, "data"))
    return scene.wait(*targets, graces={"unschedulable": 3}, fail_fast=False, timeout=patience(10))


SCENARIOS: dict[Callable[[Scene], Verdict], list[Code]] = {
    policy_refuses_pods: [Code.ADMISSION_DENIED],
    node_is_added: [],
    node_is_drained_in_mid_rollout: [],
    pod_is_evicted_for_its_disk_use: [],
    autoscaler_adds_what_does_not_fit: [],
    volume_never_binds: [Code.UNSCHEDULABLE, Code.TIMEOUT],
}
# Only the local cluster's node can be configured with further registries.
WITH_REGISTRY: dict[Callable[[Scene], Verdict], list[Code]] = {
    registry_denies: [Code.IMAGE_PULL],
    registry_is_away_for_two_pulls: [],
}


def _local() -> bool:
    return state.load(os.environ["TODO_CLOUD_TEST_CLUSTER"]).provider == "local"


@pytest.fixture(scope="module")
def outcomes(kubeconfig: str, make_namespace: Callable[..., str]) -> Iterator[dict[Any, Future[Verdict]]]:
    wanted = [*SCENARIOS, *(WITH_REGISTRY if _local() else ())]
    with played(wanted, kubeconfig, make_namespace) as futures:
        yield futures


@pytest.mark.parametrize("scenario", [*SCENARIOS, *WITH_REGISTRY], ids=lambda one: str(one.__name__))
def test_scenario(scenario: Callable[[Scene], Verdict], outcomes: dict[Any, Future[Verdict]]) -> None:
    if scenario not in outcomes:
        pytest.skip("only the local cluster's node can be configured with further registries")
    verdict = outcomes[scenario].result()
    wanted = (SCENARIOS | WITH_REGISTRY)[scenario]
    assert [one.code for one in verdict.failures] == wanted, [one.message for one in verdict.failures]


def test_the_policys_words_are_reported(outcomes: dict[Any, Future[Verdict]]) -> None:
    failure = outcomes[policy_refuses_pods].result().failures[0]
    assert "every pod needs a team" in failure.message
    assert any("every pod needs a team" in event["message"] for event in failure.details["events"])


def test_pods_that_the_autoscaler_added_are_a_note(outcomes: dict[Any, Future[Verdict]]) -> None:
    notes = outcomes[autoscaler_adds_what_does_not_fit].result().warnings
    assert any("Unschedulable" in note for note in notes), notes


def test_the_volume_is_named(outcomes: dict[Any, Future[Verdict]]) -> None:
    texts = [failure.message for failure in outcomes[volume_never_binds].result().failures]
    assert any("unbound immediate PersistentVolumeClaims" in text or "storageclass" in text for text in texts), texts
    assert any("not bound yet" in text for text in texts), texts
