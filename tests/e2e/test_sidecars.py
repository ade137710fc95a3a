"""dapr_sidecar_check and the rollout's own verdict on a real Dapr: what no status shows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.check import SidecarCheck, SidecarReport
from ansible_collections.todo.cloud.plugins.module_utils.dapr.components import COMPONENT
from ansible_collections.todo.cloud.plugins.module_utils.dapr.restart import Restart
from ansible_collections.todo.cloud.plugins.module_utils.dependencies.check import Dependencies
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.deadline import Deadline
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT, POD, SERVICE_ACCOUNT
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.rollout.waiter import (
    RolloutWaiter,
    Target,
    Verdict,
    WaitOptions,
)

from tests.e2e.conftest import DAPR, INJECTOR, NAMESPACE, Cluster, until, without_injector
from tests.support.patience import patience

APP = "notification-service"
RBAC = "rbac.authorization.k8s.io"
_HOT_RELOAD_SECONDS = 3  # Dapr's operator would have notified the sidecars long before
READING = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets", "daemonsets", "replicasets"],
     "verbs": ["list"]},
]  # fmt: skip


@pytest.fixture
def kube(app: Cluster) -> Iterator[KubeSession]:
    with KubeSession.from_params({"kubeconfig": app.kubeconfig}, user_agent="todo.cloud tests") as session:
        yield session


def look(kube: KubeSession) -> SidecarReport:
    return SidecarCheck(kube, NAMESPACE, DAPR).look([APP], thorough=True)


def may_list(kube: KubeSession) -> bool:
    """A Role and its binding count a moment after they were written."""
    with suppress(Forbidden):
        kube.list_(POD, NAMESPACE)
        kube.list_(DEPLOYMENT, NAMESPACE)
        return True
    return False


def wait(kube: KubeSession, namespace: str, name: str) -> Verdict:
    target = Target("apps/v1", "Deployment", namespace, name)
    return RolloutWaiter(kube, WaitOptions(timeout=patience(180)), lambda line: None).wait([target])


def test_components_are_asked_of_the_sidecars(kube: KubeSession) -> None:
    found = look(kube)
    assert found.failures == ()
    assert found.components[APP].loaded == ("pubsub", "statestore")
    assert found.components[APP].why == ""


def test_sidecars_load_what_bears_with_the_broker(app: Cluster) -> None:
    (pod,) = app.pods(APP)
    said = app.kubectl("logs", "-n", NAMESPACE, pod["metadata"]["name"], "-c", "daprd").splitlines()
    messages = [json.loads(line)["msg"] for line in said if line.startswith("{")]
    assert "Loading Resiliency configuration: dependencies" in messages
    assert not [message for message in messages if "Could not read resiliency policy" in message]


def test_an_app_that_is_not_named_may_not_call_another_through_dapr(app: Cluster) -> None:
    code = (
        "import os, urllib.request as u; h = {'dapr-api-token': os.environ.get('DAPR_API_TOKEN', '')};"
        "a = u.Request('http://127.0.0.1:3500/v1.0/invoke/backend-api/method/health', headers=h)\n"
        "try: print(u.urlopen(a).status)\nexcept u.HTTPError as e: print(e.code)"
    )
    (pod,) = app.pods(APP)
    said = app.kubectl("exec", "-n", NAMESPACE, pod["metadata"]["name"], "-c", APP, "--", "python", "-c", code)
    assert said.split()[-1] == "403"


def test_a_component_that_came_after_the_sidecar_is_not_loaded(kube: KubeSession) -> None:
    kube.create(COMPONENT, NAMESPACE, {
        "apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": "late"},
        "spec": {"type": "state.in-memory", "version": "v1", "metadata": []}, "scopes": [APP],
    })  # fmt: skip
    try:
        time.sleep(_HOT_RELOAD_SECONDS)
        failures = look(kube).failures
    finally:
        kube.delete(COMPONENT, NAMESPACE, "late")
    assert [failure.code for failure in failures] == [Code.COMPONENT_NOT_LOADED]
    assert "has not loaded component late: restart the app" in failures[0].message


def test_a_native_sidecar_is_verified_too(app: Cluster, kube: KubeSession) -> None:
    """daprd as an init container that stays, which Dapr gives to pods that ask for it."""
    settings = json.dumps({"app_service_sidecar_settings": {"enable_native_sidecar": True}})
    app.playbook("site.yml", "--limit", "notification_service", "-e", settings).ok()
    try:
        (pod,) = app.pods(APP)
        assert [(c["name"], c["restartPolicy"]) for c in pod["spec"]["initContainers"]] == [("daprd", "Always")]
        found = look(kube)
        assert [(each.form, each.ready) for each in found.apps] == [("native", 1)]
        assert found.failures == ()
    finally:
        app.playbook("site.yml", "--limit", "notification_service").ok()
    assert [each.form for each in look(kube).apps] == ["container"]


def test_what_the_credential_may_not_ask_is_reported(kube: KubeSession) -> None:
    role, binding = kube.resource(f"{RBAC}/v1", "Role"), kube.resource(f"{RBAC}/v1", "RoleBinding")
    meta = {"metadata": {"name": "sidecar-reader"}}
    subject = {"kind": "ServiceAccount", "name": "sidecar-reader", "namespace": NAMESPACE}
    reference = {"apiGroup": RBAC, "kind": "Role", "name": "sidecar-reader"}
    kube.create(SERVICE_ACCOUNT, NAMESPACE, {"apiVersion": "v1", "kind": "ServiceAccount", **meta})
    kube.create(role, NAMESPACE, {"apiVersion": f"{RBAC}/v1", "kind": "Role", **meta, "rules": READING})
    kube.create(binding, NAMESPACE, {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", **meta,
                                     "roleRef": reference, "subjects": [subject]})  # fmt: skip
    try:
        path = SERVICE_ACCOUNT.path(NAMESPACE, "sidecar-reader", "token")
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
        token = kube._json(
            "POST", path, "create", "a token", headers={"Content-Type": "application/json"}, body=request
        )
        config = kube.kubeconfig()
        config["users"][0]["user"] = {"token": token["status"]["token"]}
        with KubeSession({"kubeconfig": config}) as reader:
            until(lambda: may_list(reader), 60, "the Role counts")
            found = look(reader)
    finally:
        for resource in (binding, role, SERVICE_ACCOUNT):
            kube.delete(resource, NAMESPACE, "sidecar-reader")
    assert found.failures == ()
    assert found.components[APP].loaded is None
    assert "may not" in found.components[APP].why
    assert found.trust is not None
    assert found.trust.mtls is None
    assert "may not" in found.trust.why


def test_without_the_injector_no_pod_is_made_and_that_is_no_fault_of_the_release(
    app: Cluster, kube: KubeSession
) -> None:
    with without_injector(app):
        for name in pods(kube, NAMESPACE, APP):
            kube.delete(POD, NAMESPACE, name)
        found = wait(kube, NAMESPACE, APP)
        (failure,) = found.failures
        assert failure.code is Code.FAILED_CREATE, "the ReplicaSet's FailedCreate"
        (down,) = Dependencies(kube, NAMESPACE, DAPR).blamed({APP: failure})[APP]
    assert down.code is Code.PLATFORM_DOWN, "so that nothing is rolled back"
    assert f"(Service {INJECTOR} in namespace {DAPR})" in down.what
    app.playbook("playbooks/restart.yml", "-e", f"service={APP}").ok()  # the ReplicaSet may pause for minutes
    assert wait(kube, NAMESPACE, APP).ok
    assert look(kube).failures == ()


def test_an_unready_pod_without_its_sidecar_fails_the_rollout(app: Cluster, kube: KubeSession) -> None:
    """Where the webhook ignores failures."""
    with without_injector(app, "Ignore"):
        for name in pods(kube, NAMESPACE, APP):
            kube.delete(POD, NAMESPACE, name)
        found = wait(kube, NAMESPACE, APP)
    assert [failure.code for failure in found.failures] == [Code.SIDECAR_MISSING]
    check = SidecarCheck(kube, NAMESPACE, DAPR)
    restart = Restart(kube, NAMESPACE, lambda line: None, Deadline.after(60))
    assert restart.run(check, check.look([APP])).pods
    assert wait(kube, NAMESPACE, APP).ok
    assert look(kube).failures == ()


def pods(kube: KubeSession, namespace: str, prefix: str) -> list[str]:
    names = (str(pod["metadata"]["name"]) for pod in kube.list_(POD, namespace)[0])
    return [name for name in names if name.startswith(prefix)]
