"""Connections that the deployed releases let through and the live policies do not, and which policy is to blame."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.links import (
    NETWORK_POLICY,
    Cut,
    cuts,
    read_cuts,
    sentences,
)

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store
from tests.unit.plugins.module_utils.environments.test_table import instance, policy, workload

Object = dict[str, Any]
DENY = policy("all", selector={})
BROKER = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kafka"}}}
DATABASE = {"ipBlock": {"cidr": "10.0.0.5/32"}}
INTERNET = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}
WEB = policy("web", [{"from": [INTERNET], "ports": [{"port": "http"}]}], [{"to": [instance("api")]}])
API = policy("api", [{"from": [instance("web")], "ports": [{"port": "http"}]}], [
    {"to": [BROKER], "ports": [{"port": 9092}]}, {"to": [DATABASE], "ports": [{"port": 5432}]},
])  # fmt: skip
PODS = [workload("web"), workload("api", 9000)]
SHOP = [*PODS, DENY, WEB, API]


def cut(*live: Object, deployed: list[Object] | None = None) -> list[str]:
    return [f"{each.link} ({each.why})" for each in cuts(deployed or SHOP, live, "shop")]


def without(there: Object, direction: str, number: int) -> Object:
    """A policy without one of its rules."""
    rules = [rule for at, rule in enumerate(there["spec"][direction]) if at != number]
    return {**there, "spec": {**there["spec"], direction: rules}}


def test_as_deployed_nothing_is_cut() -> None:
    assert cut(DENY, WEB, API) == []


def test_defaults_that_the_api_server_writes_are_no_difference() -> None:
    live = json.loads(json.dumps(API).replace('{"port"', '{"protocol": "TCP", "port"'))
    assert cut(DENY, WEB, {**live, "status": {}}) == []


def test_more_than_was_deployed_is_nothing_cut() -> None:
    anywhere = policy("more", [{}], [{}], {})
    assert cut(anywhere) == []
    assert cut() == [], "without any policy everything gets through"
    wider = policy("api", API["spec"]["ingress"], [
        {"to": [{"namespaceSelector": {}}], "ports": [{"port": 9000, "endPort": 9999}]},
        {"to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}]},
    ])  # fmt: skip
    assert cut(DENY, WEB, wider) == []


def test_a_policy_that_is_gone_is_named() -> None:
    gone = "(NetworkPolicy policy-api does not exist any more)"
    assert cut(DENY, WEB) == [
        f"api -> 10.0.0.5/32 : 5432 {gone}",
        f"api -> namespace kafka : 9092 {gone}",
        f"web -> api : 9000 {gone}",
    ]


@pytest.mark.parametrize(
    ("direction", "number", "link"),
    [("egress", 0, "api -> namespace kafka : 9092"), ("egress", 1, "api -> 10.0.0.5/32 : 5432"),
     ("ingress", 0, "web -> api : 9000")],
)  # fmt: skip
def test_a_policy_that_was_changed_is_named(direction: str, number: int, link: str) -> None:
    assert cut(DENY, WEB, without(API, direction, number)) == [f"{link} (NetworkPolicy policy-api was changed)"]


def test_a_policy_that_means_other_pods_now_was_changed() -> None:
    other = {**API, "spec": {**API["spec"], "podSelector": {"matchLabels": {"app": "x"}}}}
    assert "web -> api : 9000 (NetworkPolicy policy-api was changed)" in cut(DENY, WEB, other)


def test_both_ends_are_asked() -> None:
    (found,) = (each for each in cut(DENY) if each.startswith("web -> api"))
    assert found == (
        "web -> api : 9000 (NetworkPolicy policy-web does not exist any more; "
        "NetworkPolicy policy-api does not exist any more)"
    )


def test_where_everything_was_open_the_policy_that_came_is_named() -> None:
    foreign = policy("foreign", [], [{"to": [instance("api")], "ports": [{"port": 9000}]}], {"matchLabels": {}})
    found = cut({**foreign, "spec": {**foreign["spec"], "policyTypes": ["Egress"]}}, deployed=PODS)
    assert "web -> anywhere : any port (NetworkPolicy policy-foreign lets nothing else)" in found
    assert [each for each in found if "-> api" in each and each.startswith("web")] == [
        "web -> api : 1-8999, any port/SCTP, any port/UDP, 9001-65535 (NetworkPolicy policy-foreign lets nothing else)"
    ]


def test_what_nobody_runs_is_not_missed() -> None:
    out = policy("web", egress=[{"to": [instance("gone")]}])
    assert cut(DENY, deployed=[workload("web"), DENY, out]) == []


def test_objects_of_other_namespaces_do_not_count() -> None:
    away = [{**each, "metadata": {**each["metadata"], "namespace": "kafka"}} for each in SHOP]
    assert cut(DENY, deployed=away) == []


def test_sentences_put_together_what_has_one_reason() -> None:
    found = [Cut(one, other, "50002", "w") for one in ("a", "b") for other in ("a", "b")]
    assert sentences([*found, Cut("a", "x", "1", "w")]) == [
        "cut by policy: a, b -> a, b : 50002 (w)",
        "cut by policy: a -> x : 1 (w)",
    ]


def test_a_namespace_is_read_by_two_requests() -> None:
    kube = FakeKube()
    manifest = "\n---\n".join(json.dumps(each) for each in SHOP)
    store(kube, "shop", revision=1, status="superseded", manifest="kind: Deployment")
    store(kube, "shop", revision=2, manifest=manifest)
    store(kube, "left", status="uninstalled", manifest=json.dumps(policy("left", [{}], [{}], {})))
    store(kube, "broken", payload="none")
    store(kube, "odd", manifest="{")
    for each in (DENY, WEB):
        kube.put(NETWORK_POLICY, "ns", each)
    assert [each.link for each in read_cuts(kube, "ns")] == [
        "api -> 10.0.0.5/32 : 5432", "api -> namespace kafka : 9092", "web -> api : 9000",
    ]  # fmt: skip
    assert [kind for kind, _name in kube.reads] == ["NetworkPolicy", "Secret"]


def test_a_forged_manifest_says_nothing() -> None:
    """Who writes Helm's Secrets may write anything."""
    kube = FakeKube()
    odd: Object = {"podSelector": 3, "egress": [{"to": 5, "ports": [{"port": {}}]}]}
    policies = [{"kind": "NetworkPolicy", "metadata": {"name": "x"}, "spec": odd}, {"kind": "NetworkPolicy"}]
    for number, body in enumerate([*policies, {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": 5}]):
        store(kube, f"r{number}", manifest=f"{json.dumps(PODS[0])}\n---\n{json.dumps(body)}")
        assert read_cuts(kube, "ns") == []
