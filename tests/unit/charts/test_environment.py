"""The chart environment: nothing in or out but what is named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.charts.rendering import Helm, RenderError, pick


def policies(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {o["metadata"]["name"]: o["spec"] for o in objects if o["kind"] == "NetworkPolicy"}


def namespaces(*names: str) -> dict[str, Any]:
    match = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(names)}
    return {"namespaceSelector": {"matchExpressions": [match]}}


def test_everything_is_denied_first(helm: Helm) -> None:
    assert policies(helm.environment())["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_no_rule_is_open_to_everybody(helm: Helm) -> None:
    """A rule without from or to, or an empty one, would mean the whole world."""
    for name, spec in policies(helm.environment()).items():
        for rule in [*spec.get("ingress", []), *spec.get("egress", [])]:
            peers = rule.get("from") or rule.get("to")
            assert peers, name
            assert all(peers), name
            assert rule["ports"], name


def test_a_peer_that_is_nobody_opens_nothing(helm: Helm) -> None:
    found = policies(helm.environment(networkPolicies={"broker": {"namespaces": []}, "monitoring": {"namespaces": []}}))
    assert (
        not {"allow-broker", "allow-monitoring", "allow-database", "allow-public-door", "allow-acme-solver"}
        & found.keys()
    )


def test_dns_for_all(helm: Helm) -> None:
    spec = policies(helm.environment())["allow-dns"]
    assert spec["podSelector"] == {}
    [rule] = spec["egress"]
    assert rule == {"to": [namespaces("kube-system")], "ports": [{"protocol": p, "port": 53} for p in ("UDP", "TCP")]}


def test_sidecars_reach_each_other_and_their_control_plane(helm: Helm) -> None:
    found = policies(helm.environment())
    sidecar = {"matchLabels": {"dapr.io/sidecar-injected": "true"}}
    internal = {"protocol": "TCP", "port": 50002}
    assert found["allow-sidecars"]["ingress"] == [{"from": [{"podSelector": sidecar}], "ports": [internal]}]
    assert found["allow-sidecars"]["egress"] == [{"to": [{"podSelector": sidecar}], "ports": [internal]}]
    control = found["allow-dapr-control-plane"]
    assert control["podSelector"] == sidecar
    assert control["egress"][0]["to"] == [namespaces("dapr-system")]
    assert [p["port"] for p in control["egress"][0]["ports"]] == [6500, 50001, 50005, 50006]


@pytest.mark.parametrize(
    ("value", "policy", "label", "direction"),
    [
        ("broker", "allow-broker", "todo.cloud/access-broker", "egress"),
        ("database", "allow-database", "todo.cloud/access-database", "egress"),
        ("publicDoor", "allow-public-door", "todo.cloud/access-public", "ingress"),
    ],
)
def test_access_by_label(helm: Helm, value: str, policy: str, label: str, direction: str) -> None:
    peer = {"namespaces": ["there"], "cidrs": ["10.1.0.0/16", "2001:db8::/32"], "ports": [1234]}
    spec = policies(helm.environment(networkPolicies={value: peer}))[policy]
    assert spec["podSelector"] == {"matchLabels": {label: "true"}}
    assert spec["policyTypes"] == [direction.title()]
    [rule] = spec[direction]
    peers = [namespaces("there"), {"ipBlock": {"cidr": "10.1.0.0/16"}}, {"ipBlock": {"cidr": "2001:db8::/32"}}]
    assert rule == {"from" if direction == "ingress" else "to": peers, "ports": [{"protocol": "TCP", "port": 1234}]}


def test_certificates_can_be_issued_behind_the_public_endpoint(helm: Helm) -> None:
    """cert-manager's HTTP-01 solver is a pod of this namespace on port 8089."""
    ingress = {"namespaces": ["traefik"], "ports": [8080]}
    spec = policies(helm.environment(networkPolicies={"publicDoor": ingress}))["allow-acme-solver"]
    assert spec["podSelector"] == {"matchLabels": {"acme.cert-manager.io/http01-solver": "true"}}
    assert spec["ingress"] == [{"from": [namespaces("traefik")], "ports": [{"protocol": "TCP", "port": 8089}]}]


def test_the_job_that_verifies_a_deployment_reaches_the_ports_of_all_services(helm: Helm) -> None:
    job = {"matchLabels": {"todo.cloud/access-services": "true"}}
    assert not [name for name in policies(helm.environment()) if "verify" in name], "unless it is not wanted"
    found = policies(helm.environment(networkPolicies={"verifyJob": True, "publicDoor": {"ports": ["http"]}}))
    into, out = found["allow-verify-job"], found["allow-verify-job-out"]
    assert (into["podSelector"], out["podSelector"]) == ({}, job)
    assert into["ingress"] == [{"from": [{"podSelector": job}], "ports": [{"protocol": "TCP", "port": "http"}]}]
    assert out["egress"] == [{"to": [{"podSelector": {}}]}]


def test_quota_and_limits(helm: Helm) -> None:
    objects = helm.environment(quota={"requests.cpu": "2", "pods": "10"})
    hard = pick(objects, "ResourceQuota")["spec"]["hard"]
    assert (hard["requests.cpu"], hard["pods"], hard["limits.memory"]) == ("2", "10", "12Gi")
    [limit] = pick(objects, "LimitRange")["spec"]["limits"]
    assert limit["type"] == "Container"
    assert limit["default"] == {"cpu": "500m", "memory": "256Mi"}


def test_parts_can_be_left_out(helm: Helm) -> None:
    off = {"enabled": False}
    assert helm.environment(quota=None, limitRange=off, networkPolicies=off) == []


def test_pods_are_warned_of_or_refused_in_this_namespace_alone(helm: Helm) -> None:
    """What they refuse: tests/integration/test_tightening.py."""
    assert not [o for o in helm.environment() if o["kind"].startswith("Validating")]
    for mode in ("warn", "deny"):
        objects = helm.environment(admission={"mode": mode})
        policy, binding = (pick(objects, f"ValidatingAdmissionPolicy{more}") for more in ("", "Binding"))
        assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": [mode.title()]}
        selector = policy["spec"]["matchConstraints"]["namespaceSelector"]["matchLabels"]
        assert policy["metadata"]["name"] == f"{selector['kubernetes.io/metadata.name']}-pods"
        assert "elsewhere" not in str(policy["spec"]), "any registry, where none is named"


def test_accounts_have_no_more_than_they_are_given(helm: Helm) -> None:
    """What the API server makes of it: tests/integration/test_access.py."""
    assert not [o for o in helm.environment() if o["kind"] in ("ServiceAccount", "ClusterRole", "Role")]
    objects = helm.environment(deployer={"enabled": True}, oncall={"enabled": True, "groups": ["sre"]})
    rules = {(o["kind"], o["metadata"]["name"]): o["rules"] for o in objects if o["kind"].endswith("Role")}
    for rule in (rule for each in rules.values() for rule in each):
        assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"]
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(rule["verbs"])
        assert not {"pods/exec", "pods/attach", "pods/portforward"} & set(rule["resources"])
    reading = [rules["Role", "oncall"], *(each for (kind, _name), each in rules.items() if kind == "ClusterRole")]
    for rule in (rule for each in reading for rule in each):
        assert set(rule["verbs"]) <= {"get", "list", "watch"}
        assert "secrets" not in rule["resources"]
    bound = {(o["kind"], o["metadata"]["name"]): o for o in objects if o["kind"].endswith("RoleBinding")}
    assert [s["name"] for s in bound["RoleBinding", "deployer"]["subjects"]] == ["deployer"]
    assert [s["name"] for s in bound["RoleBinding", "oncall"]["subjects"]] == ["oncall", "sre"]
    for (kind, name), each in bound.items():
        assert each["roleRef"]["kind"] == kind.removesuffix("Binding")
        assert each["roleRef"]["name"] == name


def test_rights_for_charts_of_ones_own(helm: Helm) -> None:
    more = {"apiGroups": ["acme.io"], "resources": ["widgets"], "verbs": ["get", "create"]}
    objects = helm.environment(deployer={"enabled": True, "rules": [more], "promotesTo": ["todo-production"]})
    roles = {o["metadata"]["name"]: o["rules"] for o in objects if o["kind"] == "Role"}
    assert roles["deployer"][-1] == more
    assert [(rule["resources"], rule["verbs"]) for rule in roles["promotion"]] == [(["configmaps"], ["get", "list"])]
    [subject] = next(o for o in objects if o["kind"] == "RoleBinding" and o["metadata"]["name"] == "promotion")[
        "subjects"
    ]
    assert subject == {"kind": "ServiceAccount", "name": "deployer", "namespace": "todo-production"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"environment": None}, "environment"),
        ({"quota": {"pods": 10}}, "/quota/pods"),
        ({"quota": {"requests.memory": "much"}}, "/quota/requests.memory"),
        ({"networkPolicies": {"database": {"cidrs": ["db.example.com"]}}}, "/networkPolicies/database/cidrs/0"),
        ({"networkPolicies": {"database": {"ports": []}}}, "/networkPolicies/database/ports"),
        ({"networkPolicies": {"database": {"ports": ["http"]}}}, "/networkPolicies/database/ports/0"),
        ({"networkPolicies": {"publicDoor": {"ports": ["https"]}}}, "/networkPolicies/publicDoor/ports/0"),
        ({"networkPolicies": {"databases": {}}}, "databases"),
        ({"networkPolicies": {"broker": {"hosts": ["x"]}}}, "hosts"),
        ({"limitRange": {"max": {"cpu": 2}}}, "/limitRange/max/cpu"),
        ({"admission": {"registries": ["ghcr.io/acme"]}}, "/admission/registries/0"),
        ({"admission": {"registries": ["ghcr.io/acme//"]}}, "/admission/registries/0"),
        ({"admission": {"mode": "on"}}, "/admission/mode"),
        ({"deployer": {"enabled": True, "rules": [{"verbs": ["get"]}]}}, "/deployer/rules/0"),
    ],
)
def test_refused(helm: Helm, values: dict[str, Any], message: str) -> None:
    with pytest.raises(RenderError) as error:
        helm.environment(**values)
    assert message in str(error.value)
