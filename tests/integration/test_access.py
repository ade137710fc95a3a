# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the accounts of an environment may do, and what not: asked of the real API server, and tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.account import Account, issue
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import objects_of
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.kube.api import JSON_PATCH
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    NAMESPACE,
    NODE,
    POD,
    RESOURCE_QUOTA,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.support import apply, eventually

CHART = str(Path(__file__).parents[2] / "charts" / "environment")
RBAC = "rbac.authorization.k8s.io/v1"
ADMISSION = "admissionregistration.k8s.io/v1"
ROLE = Resource(RBAC, "Role", "roles")
ROLE_BINDING = Resource(RBAC, "RoleBinding", "rolebindings")
NETWORK_POLICY = Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
CLUSTER_ROLE = Resource(RBAC, "ClusterRole", "clusterroles", namespaced=False)
POLICY = Resource(ADMISSION, "ValidatingAdmissionPolicy", "validatingadmissionpolicies", namespaced=False)
BINDING = Resource(ADMISSION, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", namespaced=False)
REVIEW = Resource("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False)
TOKEN = "kubernetes.io/service-account-token"
READS = ("get", "list", "watch")
WRITES = ("create", "update", "patch", "delete", "deletecollection")
# What a deployment of services may write in its own namespace, as docs/security.md says.
WRITABLE = {
    "configmaps", "secrets", "services", "serviceaccounts", "persistentvolumeclaims", "pods", "deployments.apps",
    "statefulsets.apps", "daemonsets.apps", "replicasets.apps", "jobs.batch", "cronjobs.batch",
    "horizontalpodautoscalers.autoscaling", "poddisruptionbudgets.policy", "ingresses.networking.k8s.io",
    "networkpolicies.networking.k8s.io", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
    "leases.coordination.k8s.io", "components.dapr.io", "configurations.dapr.io", "resiliencies.dapr.io",
    "subscriptions.dapr.io", "httproutes.gateway.networking.k8s.io", "middlewares.traefik.io",
    "servicemonitors.monitoring.coreos.com", "prometheusrules.monitoring.coreos.com", "events",
}  # fmt: skip
SUBRESOURCES = [
    (POD, "exec"), (POD, "attach"), (POD, "portforward"), (POD, "ephemeralcontainers"), (POD, "resize"),
    (POD, "binding"), (SECRET, "status"), (NAMESPACE, "finalize"), (SERVICE_ACCOUNT, "token"), (NODE, "proxy"),
]  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Two environments, and who acts in the first."""

    own: str
    other: str
    admin: KubeSession
    deployer: KubeSession
    oncall: KubeSession


@pytest.fixture(scope="module")
def place(
    kube: KubeSession, make_namespace: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """Both environments have the same accounts; the first promotes from the second."""
    names = [make_namespace(**{"todo.cloud/environment": name}) for name in ("one", "two")]
    helm = HelmCli(kube.kubeconfig)
    everything: list[dict[str, Any]] = []
    folder = tmp_path_factory.mktemp("access")
    try:
        for number, name in enumerate(names):
            deployer = {"enabled": True, "promotesTo": names[:number]}
            values = {"environment": name, "deployer": deployer, "oncall": {"enabled": True}}
            objects = objects_of(helm.template(ApplyRequest("environment", name, CHART, values)))
            for each in objects:  # as Helm marks what it applies
                each["metadata"].setdefault("annotations", {})["meta.helm.sh/release-name"] = "environment"
            everything += [each for each in objects if each["kind"].startswith(("Cluster", "Validating"))]
            apply(kube, name, objects)
        cluster = kube.kubeconfig()["clusters"][0]["cluster"]
        sessions = []
        for account in ("deployer", "oncall"):
            wanted = Account(names[0], account, folder / account, 600, "test")
            issue(kube, cluster, wanted)
            sessions.append(KubeSession.from_params({"kubeconfig": str(wanted.path)}))
        eventually("the first's rights count", lambda: may(sessions[0], "get", CONFIG_MAP, names[1]))
        eventually("the other's rights count", lambda: may(sessions[1], "get", NODE))
        yield Place(names[0], names[1], kube, sessions[0], sessions[1])
        for session in sessions:
            session.__exit__(None, None, None)
    finally:
        for each in everything:
            kube.delete(kube.resource(each["apiVersion"], each["kind"]), "", each["metadata"]["name"])


def may(who: KubeSession, verb: str, resource: Resource, namespace: str = "", name: str = "", sub: str = "") -> bool:
    """Whether the API server would let it."""
    asked = {"verb": verb, "group": resource.group, "resource": resource.plural, "namespace": namespace, "name": name}
    spec = {"resourceAttributes": {**asked, "subresource": sub}}
    body = {"apiVersion": REVIEW.api_version, "kind": REVIEW.kind, "spec": spec}
    return bool(who.create(REVIEW, "", body)["status"]["allowed"])


def allowed(who: KubeSession, namespace: str, kinds: list[Resource], verbs: tuple[str, ...]) -> set[tuple[str, str]]:
    """(kind, verb) of all that is allowed."""
    pairs = [(kind, verb) for kind in kinds for verb in verbs]
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda pair: may(who, pair[1], pair[0], namespace), pairs)
        return {(kind.label, verb) for (kind, verb), yes in zip(pairs, answers, strict=True) if yes}


def test_every_right_of_the_accounts(place: Place) -> None:
    """Walks every kind and every verb: in the own namespace, in another environment's, and in the cluster."""
    served = place.admin.served()
    inside, outside = [k for k in served if k.namespaced], [k for k in served if not k.namespaced]
    writes = allowed(place.deployer, place.own, inside, WRITES)
    assert {kind for kind, _verb in writes} == WRITABLE & {kind.label for kind in inside}
    assert not [each for each in writes if each[1] == "deletecollection"]
    assert {verb for kind, verb in writes if kind == "pods"} == {"create", "delete"}
    assert {verb for kind, verb in writes if kind == "events"} == {"create"}
    assert allowed(place.oncall, place.own, inside, WRITES) == set(), "on-call only reads"
    reads = allowed(place.oncall, place.own, inside, READS)
    assert not [each for each in reads if each[0] == "secrets"], "and no Secret"
    assert {("pods", "list"), ("configmaps", "get"), ("events", "list"), ("leases.coordination.k8s.io", "get")} <= reads
    promotion = {("configmaps", "get"), ("configmaps", "list")}
    for who, there in ((place.deployer, promotion), (place.oncall, set())):
        assert allowed(who, place.other, inside, READS + WRITES) == there
        assert allowed(who, "kube-system", inside, READS + WRITES) == set()
        assert allowed(who, "", outside, READS + WRITES) == {("nodes", "get"), ("nodes", "list")}
        assert allowed(who, "", inside, READS) == set(), "nothing in all namespaces at once"
        for namespace in (place.own, place.other):
            for resource, sub in SUBRESOURCES:
                for verb in ("create", "get", "update", "patch"):
                    assert not may(who, verb, resource, namespace, "some", sub), (verb, resource.label, sub)
        assert not may(who, "get", NAMESPACE, place.own, "some-other")
        assert not [v for v in ("escalate", "bind") if may(who, v, ROLE, place.own)]
        assert not [v for v in ("bind", "escalate") if may(who, v, CLUSTER_ROLE)]
        assert not may(who, "impersonate", SERVICE_ACCOUNT, place.own, "deployer")
    assert may(place.deployer, "get", NAMESPACE, place.own, place.own)
    assert may(place.deployer, "create", SERVICE_ACCOUNT, place.own, "deployer", "token")
    assert not may(place.deployer, "create", SERVICE_ACCOUNT, place.other, "deployer", "token")
    assert may(place.deployer, "get", POD, place.own, "some", "log")


def test_the_deployer_asks_for_metrics_and_logs_where_they_are(
    place: Place, kube: KubeSession, make_namespace: Callable[..., str]
) -> None:
    """By the Role of charts/observability: these two Services of that namespace, to read, and nothing else there."""
    monitoring = make_namespace()
    values = {"environment": "one", "namespace": place.own, "services": {}, "deployer": {"enabled": True}}
    chart = str(Path(CHART).parent / "observability")
    rendered = HelmCli(kube.kubeconfig).template(ApplyRequest("observability", monitoring, chart, values))
    apply(kube, monitoring, [each for each in objects_of(rendered) if each["kind"].startswith("Role")])

    def asks(name: str, verb: str = "get", who: KubeSession = place.deployer, where: str = monitoring) -> bool:
        return may(who, verb, SERVICE, where, name, "proxy")

    eventually("it may ask VictoriaLogs", lambda: asks("victoria-logs:9428"))
    assert asks("prometheus-operated:9090")
    assert not asks("victoria-logs:9428", "create")
    assert not asks("alertmanager-operated:9093")
    assert not asks("")
    assert not asks("victoria-logs:9428", where=place.other)
    assert not asks("victoria-logs:9428", who=place.oncall)
    assert not [verb for verb in READS if may(place.deployer, verb, SECRET, monitoring)]


def _patch(resource: Resource, namespace: str, name: str, body: Any = None) -> Callable[[KubeSession], Any]:
    change = body or {"metadata": {"labels": {"a": "b"}}}
    return lambda who: who.patch(resource, namespace, name, change)


def _create(resource: Resource, namespace: str, name: str, **more: Any) -> Callable[[KubeSession], Any]:
    metadata = {"name": name, **more.pop("metadata", {})}
    body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **more}
    return lambda who: who.create(resource, namespace, body)


def _tries(own: str, other: str) -> dict[str, Callable[[KubeSession], Any]]:
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    me = [{"kind": "ServiceAccount", "name": "deployer", "namespace": own}]
    admin = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    token = {"annotations": {"kubernetes.io/service-account.name": "deployer"}}
    mine = {"annotations": {"meta.helm.sh/release-name": "environment"}}
    return {
        "labels of its namespace": _patch(NAMESPACE, "", own),
        "labels of the other namespace": _patch(NAMESPACE, "", other),
        "its Role": _patch(ROLE, own, "deployer", {"rules": everything}),
        "its Role, gone": lambda who: who.delete(ROLE, own, "deployer"),
        "its RoleBinding, gone": lambda who: who.delete(ROLE_BINDING, own, "deployer"),
        "more rights by a Role": _create(ROLE, own, "more", rules=everything),
        "more rights by a binding": _create(ROLE_BINDING, own, "more", roleRef=admin, subjects=me),
        "its account": lambda who: who.delete(SERVICE_ACCOUNT, own, "deployer"),
        "its quota": lambda who: who.delete(RESOURCE_QUOTA, own, "environment"),
        "default-deny": lambda who: who.delete(NETWORK_POLICY, own, "default-deny"),
        "the policy": _patch(POLICY, "", f"{own}-own"),
        "the policy's binding": lambda who: who.delete(BINDING, "", f"{own}-own"),
        "history of the environment": _create(SECRET, own, "sh.helm.release.v1.environment.v7"),
        "an object of the environment": _create(NETWORK_POLICY, own, "open", metadata=mine, spec={"podSelector": {}}),
        "a token that never ends": _create(SECRET, own, "token", metadata=token, type=TOKEN),
        "the other's Secrets": lambda who: who.list_(SECRET, other),
        "the other's ConfigMap": _create(CONFIG_MAP, other, "mine"),
        "all Secrets": lambda who: who.list_(SECRET),
        "a command in a pod": lambda who: who.create(Resource("v1", "PodExecOptions", "pods/some/exec"), own, {}),
    }  # fmt: skip


def test_what_is_refused_is_refused_when_it_is_tried(place: Place) -> None:
    tries = _tries(place.own, place.other)
    # A policy counts a moment after it was written; without it this would go through, and do no harm.
    eventually("the policy", lambda: _refusal(place.deployer, _patch(ROLE, place.own, "deployer")))
    for who in (place.deployer, place.oncall):
        assert [what for what, attempt in tries.items() if not _refusal(who, attempt)] == []
    text = _refusal(place.deployer, tries["its Role, gone"])
    assert "objects of the release environment are changed by whoever manages the environment" in text


def _refusal(who: KubeSession, attempt: Callable[[KubeSession], Any]) -> str:
    try:
        attempt(who)
    except Forbidden as exc:
        return str(exc.failure.details.get("api_message") or exc)
    except TodoCloudError as exc:
        return f"{exc}" if exc.failure.code.value == "refused" else ""
    return ""


def test_what_a_deployment_needs_goes_through(place: Place) -> None:
    """Roles and Secrets of services are not those of the environment."""
    rules = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["app"], "verbs": ["get"]}]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "web"}
    subjects = [{"kind": "ServiceAccount", "name": "web", "namespace": place.own}]
    _create(ROLE, place.own, "web", rules=rules)(place.deployer)
    _create(ROLE_BINDING, place.own, "web", roleRef=reference, subjects=subjects)(place.deployer)
    _create(SECRET, place.own, "sh.helm.release.v1.web.v1", type="helm.sh/release.v1")(place.deployer)
    place.deployer.patch(ROLE, place.own, "web", [{"op": "remove", "path": "/rules"}], content_type=JSON_PATCH)
    assert place.deployer.delete(SECRET, place.own, "sh.helm.release.v1.web.v1")
    assert place.deployer.list_(CONFIG_MAP, place.other)[0], "what it promotes from"


def test_a_deployer_renews_itself(place: Place, tmp_path: Path) -> None:
    account = Account(place.own, "deployer", tmp_path / "kubeconfig", 600, "do-todo")
    issued = issue(place.deployer, place.deployer.kubeconfig()["clusters"][0]["cluster"], account)
    assert issued.changed
    assert account.path.stat().st_mode & 0o777 == 0o600
    with KubeSession.from_params({"kubeconfig": str(account.path), "context": "do-todo"}) as renewed:
        assert renewed.find(NAMESPACE, "", place.own)
    other = Account(place.other, "deployer", tmp_path / "other", 600, "do-todo")
    with pytest.raises(Forbidden):
        issue(place.deployer, {"server": "https://x"}, other)
    assert not other.path.exists()
