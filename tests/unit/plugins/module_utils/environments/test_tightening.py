"""What a namespace is about to get, compared with what runs in it; nothing is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.pod_security import ENFORCE
from ansible_collections.todo.cloud.plugins.module_utils.environments.tightening import Wanted, compare
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, KubeError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    NAMESPACE,
    POD,
    RESOURCE_QUOTA,
    SERVICE,
    Resource,
)

from tests.support.fake_helm import FakeHelm
from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store
from tests.unit.plugins.module_utils.environments.test_connections import pod, service
from tests.unit.plugins.module_utils.environments.test_policies import DENY

POLICY = Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
QUOTA = {"kind": "ResourceQuota", "metadata": {"name": "environment"}, "spec": {"hard": {"pods": "0"}}}
DENIES = {**DENY, "kind": "NetworkPolicy"}
LEVEL = {ENFORCE: "restricted", "todo.cloud/environment": "staging"}


class Chart(FakeHelm):
    """Renders what its values hold."""

    def template(self, request: ApplyRequest, *, kubernetes: str = "") -> str:
        self.templates.append(request.name)
        return "\n---\n".join(json.dumps(each) for each in request.values["objects"])


@pytest.fixture
def kube() -> FakeKube:
    made = FakeKube()
    made.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
    made.put(POD, "ns", pod("web"))
    made.put(SERVICE, "ns", service("web"))
    return made


def wanted(*objects: Any, **more: Any) -> Wanted:
    return Wanted("ns", release="environment", chart="/c", values={"objects": list(objects)}, **more)


def look(kube: FakeKube, what: Wanted) -> Any:
    found = compare(kube, Chart(kube), what)
    assert kube.writes == []
    return found


def test_everything_that_would_be_hit_is_one_list(kube: FakeKube) -> None:
    kube.warns = ["web-1: runAsNonRoot != true"]
    found = look(kube, wanted(QUOTA, DENIES, pod_security=LEVEL))
    assert [each.variable for each in found.refused] == [
        "environment_pod_security", "environment_quota", "environment_policies",
    ]  # fmt: skip
    failure = found.failure().failure
    assert failure.code is Code.TIGHTENING_REFUSED
    for words in ("web-1: violates restricted", "environment_quota: higher limits, or off", "Nothing was written"):
        assert words in failure.message


def test_a_namespace_without_running_pods_is_not_compared(kube: FakeKube) -> None:
    kube.objects["Pod", "ns", "web-1"]["status"] = {"phase": "Succeeded"}
    kube.warns = ["web-1: runAsNonRoot != true"]
    assert look(kube, wanted(QUOTA, DENIES, pod_security=LEVEL)).refused == []
    assert kube.tried == []
    assert len(kube.reads) == 2
    assert look(FakeKube(), wanted(QUOTA)).refused == []


def test_what_is_not_tightened_is_not_compared(kube: FakeKube) -> None:
    kube.objects["Namespace", "", "ns"]["metadata"]["labels"] = {ENFORCE: "restricted"}
    ours = {"annotations": {"meta.helm.sh/release-name": "environment"}}
    kube.put(POLICY, "ns", {**DENIES, "metadata": {"name": "deny", **ours}})
    kube.put(RESOURCE_QUOTA, "ns", QUOTA)
    kube.warns = ["web-1: runAsNonRoot != true"]
    found = look(kube, wanted(QUOTA, DENIES, pod_security=LEVEL))
    assert (found.refused, found.failure(), kube.tried) == ([], None, [])
    assert ("Service", "*") not in kube.reads


def test_policies_under_audit_are_shown_and_refuse_nothing(kube: FakeKube) -> None:
    found = look(kube, wanted(DENIES, audit=True))
    assert (found.refused, found.failure()) == ([], None)
    assert [each.pods for each in found.audited] == ["web-1"]
    assert (
        found.lines[0]
        == "environment_policies audit: web-1: isolated for ingress and egress; ports of its Services: 8080"
    )
    assert "not applied: web-1: no client" in found.lines[1]


def policy(called: str, **more: Any) -> dict[str, Any]:
    allow = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}
    return {
        "apiVersion": POLICY.api_version,
        "kind": "NetworkPolicy",
        "metadata": {"name": called, **more},
        "spec": allow,
    }


def test_policies_of_releases_that_somebody_deleted_count_and_come_back(kube: FakeKube) -> None:
    store(kube, "web", manifest=json.dumps(policy("web", labels={"app": "web"})))
    store(kube, "environment", manifest=json.dumps(policy("own")))
    store(kube, "odd", manifest="{")
    store(kube, "far", manifest=json.dumps(policy("far", namespace="kube-system")))
    found = look(kube, wanted(DENIES))
    assert found.refused == []
    (lost,) = found.as_result()["lost"]
    assert lost["metadata"] == {
        "name": "web", "namespace": "ns", "labels": {"app": "web", "app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "ns"},
    }  # fmt: skip
    assert found.lines == ["environment_policies: deleted by somebody, and put back: web"]
    kube.put(POLICY, "ns", policy("web"))
    assert look(kube, wanted(DENIES)).lost == []


def test_what_the_server_would_not_take_does_not_come_back(kube: FakeKube) -> None:
    class Strict(FakeKube):
        def create(self, *_: Any, **__: Any) -> Any:
            raise KubeError("spec.podSelector: Invalid value", 422)

    strict = Strict()
    strict.objects = kube.objects
    store(strict, "web", manifest=json.dumps(policy("web")))
    found = look(strict, wanted(DENIES))
    assert (found.lost, len(found.refused)) == ([], 1)


def test_pod_security_alone_names_the_roles_own_variable(kube: FakeKube) -> None:
    kube.warns = ["web-1: runAsNonRoot != true"]
    (found,) = look(kube, Wanted("ns", LEVEL)).refused
    assert found.variable == "namespace_pod_security"


API = "admissionregistration.k8s.io/v1"
NOTES = {"todo.cloud/rules": '{"registries": ["ghcr.io/acme/"], "probes": false}'}
RULES = {"apiVersion": API, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "ns-pods", "annotations": NOTES}}
OF_ACCOUNTS = {"apiVersion": API, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "ns-own"}}


def binding(action: str) -> dict[str, Any]:
    spec = {"policyName": "ns-pods", "validationActions": [action]}
    return {"apiVersion": API, "kind": f"{RULES['kind']}Binding", "metadata": {"name": "ns-pods"}, "spec": spec}


def test_pods_that_an_admission_policy_would_refuse_are_told_or_refused(kube: FakeKube) -> None:
    warned = look(kube, wanted(RULES, OF_ACCOUNTS, binding("Warn")))
    assert warned.refused == []
    assert "environment_admission warn, not refused: web-1: without requests" in warned.lines[0]
    denied = look(kube, wanted(RULES, OF_ACCOUNTS, binding("Deny")))
    assert {each.variable for each in denied.refused} == {"environment_admission"}
    assert "environment_admission: warn or off" in denied.failure().failure.message


def test_an_admission_policy_that_holds_is_not_compared_again(kube: FakeKube) -> None:
    kinds = (str(RULES["kind"]), f"{RULES['kind']}Binding")
    policies, bindings = (Resource(API, each, each.lower(), namespaced=False) for each in kinds)
    kube.put(policies, "", RULES)
    kube.put(bindings, "", binding("Warn"))
    assert look(kube, wanted(RULES, binding("Deny"))).refused, "it only warned"
    kube.put(bindings, "", binding("Deny"))
    assert look(kube, wanted(RULES, binding("Deny"))).refused == []

    class Denied(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            if resource.group == "admissionregistration.k8s.io":
                raise Forbidden("may not get it", 403)

    blind = Denied()
    blind.objects = kube.objects
    assert look(blind, wanted(RULES, binding("Deny"))).refused, "what may not be read counts as absent"
