"""The table of allowed connections: where both ends agree, and what lies outside."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.table import allowed, holds, without

Object = dict[str, Any]


def workload(name: str, port: int = 8080, annotations: Any = None) -> Object:
    ports = [{"name": "http", "containerPort": port}]
    labels = {"app.kubernetes.io/instance": name}
    template = {
        "metadata": {"labels": labels, "annotations": annotations or {}},
        "spec": {"containers": [{"ports": ports}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"template": template},
    }


def instance(name: str) -> Object:
    return {
        "podSelector": {"matchExpressions": [{"key": "app.kubernetes.io/instance", "operator": "In", "values": [name]}]}
    }


def policy(name: str, ingress: Any = None, egress: Any = None, selector: Any = None) -> Object:
    own = {"matchLabels": {"app.kubernetes.io/instance": name}} if selector is None else selector
    spec = {"podSelector": own, "policyTypes": ["Ingress", "Egress"], "ingress": ingress or [], "egress": egress or []}
    return {"kind": "NetworkPolicy", "metadata": {"name": f"policy-{name}"}, "spec": spec}


def table(*objects: Object) -> list[str]:
    return [str(each) for each in allowed(objects, "shop")]


def test_both_ends_have_to_agree() -> None:
    out = policy("web", egress=[{"to": [instance("api")]}])
    into = policy("api", ingress=[{"from": [instance("web")], "ports": [{"port": "http"}]}])
    web, api = workload("web"), workload("api", 9000)
    assert table(web, api, out, into) == ["web -> api : 9000"]
    assert table(web, api, out, policy("api")) == []
    assert table(web, api, policy("web"), into) == []


def test_without_policies_everything_is_open() -> None:
    assert table(workload("web")) == [
        "anywhere -> web : any port",
        "web -> anywhere : any port",
        "web -> web : any port",
    ]


def test_the_pods_of_a_workload_reach_each_other_where_a_policy_says_so() -> None:
    """As sidecars do: the injector adds the label that the policy selects."""
    sidecars = {"matchLabels": {"dapr.io/sidecar-injected": "true"}}
    peer = [{"podSelector": sidecars}]
    ports = [{"port": 50002}]
    both = policy("sidecars", [{"from": peer, "ports": ports}], [{"to": peer, "ports": ports}], sidecars)
    deny = policy("all", selector={})
    assert table(workload("a", annotations={"dapr.io/enabled": "true"}), workload("b"), both, deny) == [
        "a -> a : 50002"
    ]


def test_places_outside_are_named() -> None:
    egress = [
        {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
         "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}]},
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}], "ports": [{"port": 443}]},
        {"to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}], "ports": [{"port": 5432, "endPort": 5440}]},
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 25}]},
        {"ports": [{"port": 6443}]},
        {"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "db"}}}], "ports": [{"port": 1}]},
        {"to": [instance("gone")], "ports": [{"port": 80}]},
        {"to": [instance("gone")], "ports": [{"port": "http"}]},
    ]  # fmt: skip
    assert table(workload("web"), policy("web", egress=egress)) == [
        "web -> 10.0.0.5/32 : 5432-5440",
        "web -> all namespaces (pods with app=db) : 1",
        "web -> any address : 25",
        "web -> anywhere : 6443",
        "web -> gone (not here) : 80",
        "web -> internet : 443",
        "web -> namespace kube-system : 53, 53/UDP",
    ]


def test_ports_of_several_policies_come_together() -> None:
    first = policy("web", ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 80}]}])
    second = policy("web", ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"protocol": "TCP"}]}])
    assert table(workload("web"), first, second) == ["10.0.0.0/8 -> web : any port"]


def test_objects_of_other_namespaces_do_not_count() -> None:
    other = policy("web")
    other["metadata"]["namespace"] = "elsewhere"
    assert "web -> anywhere : any port" in table(workload("web"), other)


@pytest.mark.parametrize(
    ("place", "other", "is_in"),
    [
        ("anywhere", "namespace kafka", True),
        ("internet", "internet", True),
        ("all namespaces", "namespace kafka", True),
        ("namespace kafka", "namespace kafka (pods with app=a)", True),
        ("namespace kafka", "namespace kafka-2", False),
        ("namespace kafka (pods with app=a)", "namespace kafka", False),
        ("any address", "internet", True),
        ("any address", "10.0.0.5/32", True),
        ("any address", "namespace kafka", False),
        ("10.0.0.0/24 without 10.0.0.9/32", "10.0.0.5/32", True),
        ("10.0.0.0/24", "10.0.1.5/32", False),
        ("10.0.0.0/24", "fd00::/64", False),
        ("10.0.0.0/24", "internet", False),
    ],
)
def test_a_place_may_lie_in_another(place: str, other: str, is_in: bool) -> None:
    assert holds(place, other) is is_in


def test_ports_without_others() -> None:
    every = frozenset({("TCP", 1, 65535)})
    assert without(every, every) == frozenset()
    assert without(every, frozenset({("TCP", 80, 80), ("TCP", 90, 99), ("UDP", 1, 9)})) == {
        ("TCP", 1, 79), ("TCP", 81, 89), ("TCP", 100, 65535),
    }  # fmt: skip
