"""Network policies of other charts: what keys say, and what is named instead."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.services.convert_policies import policies_of
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_source import Notes, groups_of

from tests.unit.plugins.module_utils.services.conversions import deployment, item


def pods(name: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"app": name}}}


def said(name: str, **rules: Any) -> tuple[dict[str, Any], list[str]]:
    """What follows from one policy of ``name``, beside which there are two other services."""
    workloads = []
    for one in ("web", "api", "mail"):
        made = deployment()
        made["metadata"]["name"] = one
        made["spec"]["template"]["metadata"]["labels"] = {"app": one, "version": "1"}
        workloads.append(made)
    notes = Notes()
    groups, _left = groups_of([*workloads, item("NetworkPolicy", "p", spec={**pods(name), **rules})])
    return policies_of(groups, notes), notes.unsaid


def test_both_directions_are_calls() -> None:
    assert said("api", ingress=[{"from": [pods("web"), pods("mail")]}]) == (
        {"web": {"egressTo": ["api"]}, "mail": {"egressTo": ["api"]}}, [],
    )  # fmt: skip
    assert said("web", egress=[{"to": [pods("api")], "ports": [{"port": 8080}]}]) == (
        {"web": {"egressTo": ["api"]}},
        [],
    )


def test_dns_follows_and_all_addresses_are_the_internet() -> None:
    dns = {"to": [{"namespaceSelector": {}}], "ports": [{"port": 53, "protocol": "UDP"}]}
    anywhere = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}
    assert said("web", egress=[dns, anywhere]) == ({"web": {"internet": True}}, [])


def test_what_no_key_says_is_named() -> None:
    further = "say it with needs or internet, or keep the policy in `manifests`."
    others = "other pods (namespaceSelector, podSelector)"
    https = {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 443}]}
    assert said("web", egress=[https, {}], ingress=[{}, {"from": [{"namespaceSelector": {}, **pods("api")}]}]) == ({}, [
        f"web: NetworkPolicy p lets everybody in, which follows from no key; {further}",
        f"web: NetworkPolicy p lets {others} in, which follows from no key; {further}",
        f"web: NetworkPolicy p lets it reach addresses 10.0.0.0/8 at port 443, which no key says yet; {further}",
        f"web: NetworkPolicy p lets it reach everybody, which no key says yet; {further}",
    ])  # fmt: skip
