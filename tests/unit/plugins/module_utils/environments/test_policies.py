"""NetworkPolicies as a network plugin reads them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.policies import (
    EGRESS,
    INGRESS,
    Peer,
    Port,
    allows,
    outlets,
)

API: dict[str, Any] = {"metadata": {"labels": {"app": "api"}}}
WEB: dict[str, Any] = {"metadata": {"labels": {"app": "web"}}}
HTTP = Port(8080, "http")


def policy(rules: list[Any] | None = None, way: str = "ingress", pods: Any = None, types: Any = None) -> dict[str, Any]:
    types = [way.title()] if types is None else types
    return {"metadata": {"name": "p"}, "spec": {"podSelector": pods or {}, "policyTypes": types, way: rules or []}}


DENY = {"metadata": {"name": "deny"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
FROM_WEB = [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": "http"}]}]
NAMESPACE = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["ingress"]}]}


@pytest.mark.parametrize(
    ("policies", "peer", "port", "allowed"),
    [
        ([], Peer(pod=WEB), HTTP, True),
        ([DENY], Peer(pod=WEB), HTTP, False),
        ([policy(pods={"matchLabels": {"app": "web"}})], Peer(pod=WEB), HTTP, True),
        ([DENY, policy([{}])], Peer(outside=True), HTTP, True),
        ([DENY, policy(FROM_WEB)], Peer(pod=WEB), HTTP, True),
        ([DENY, policy(FROM_WEB)], Peer(pod=WEB), Port(9090), False),
        ([DENY, policy(FROM_WEB)], Peer(pod=API), HTTP, False),
        ([policy([{"from": [{"namespaceSelector": NAMESPACE}]}])], Peer(namespace="ingress"), HTTP, True),
        ([policy([{"from": [{"namespaceSelector": NAMESPACE}]}])], Peer(namespace="other"), HTTP, False),
        ([policy([{"from": [{"namespaceSelector": NAMESPACE}]}])], Peer(), HTTP, True),
        ([policy([{"from": [{"namespaceSelector": NAMESPACE}]}])], Peer(outside=True), HTTP, False),
        ([policy([{"from": [{"namespaceSelector": NAMESPACE}]}])], Peer(pod=WEB), HTTP, False),
        ([policy([{"from": [{"namespaceSelector": {}, "podSelector": {}}]}])], Peer(pod=WEB), HTTP, True),
        ([policy([{"from": [{"podSelector": {}}]}])], Peer(), HTTP, False),
        ([policy([{"ports": [{"port": 8000, "endPort": 9000}]}])], Peer(), HTTP, True),
        ([policy([{"ports": [{"port": 8000, "endPort": 8079}]}])], Peer(), HTTP, False),
        ([policy([{"ports": [{"protocol": "UDP", "port": 8080}]}])], Peer(), HTTP, False),
        ([policy([{"ports": [{"protocol": "TCP"}]}])], Peer(), HTTP, True),
        ([{"spec": {"podSelector": {}, "ingress": []}}], Peer(), HTTP, False),
    ],
)
def test_what_comes_in(policies: list[Any], peer: Peer, port: Port, allowed: bool) -> None:
    assert allows(policies, API, INGRESS, peer, port, "ns") is allowed


BLOCK = [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}]


@pytest.mark.parametrize(
    ("address", "allowed"), [("10.2.3.4", True), ("10.1.3.4", False), ("192.0.2.1", False), ("", True), ("x", False)]
)
def test_what_goes_out_by_address(address: str, allowed: bool) -> None:
    peer = Peer(outside=True, address=address)
    assert allows([policy(BLOCK, "egress")], API, EGRESS, peer, HTTP, "ns") is allowed


def test_a_pod_that_may_ask_dns_only() -> None:
    dns = policy(
        [{"to": [{"namespaceSelector": {}}], "ports": [{"protocol": "UDP", "port": 53}, {"port": 53}]}], "egress"
    )
    assert outlets([], API)
    assert not outlets([DENY, dns], API)
    assert outlets([DENY, dns, policy(BLOCK, "egress")], API)
    assert not outlets([{"spec": {"podSelector": {}, "policyTypes": ["Egress"]}}], API)
