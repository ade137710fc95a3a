"""Quota, limits and policies of a namespace of the platform."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.filter.namespace_guards import namespace_guards


def test_a_quota_comes_with_limits_and_policies_with_one_that_denies() -> None:
    found = namespace_guards("traefik", {"pods": 10}, {"out": {"policyTypes": ["Egress"], "egress": [{}]}})
    assert [(each["kind"], each["metadata"]["name"]) for each in found] == [
        ("ResourceQuota", "platform"), ("LimitRange", "platform"),
        ("NetworkPolicy", "default-deny"), ("NetworkPolicy", "out"),
    ]  # fmt: skip
    assert {each["metadata"]["namespace"] for each in found} == {"traefik"}
    assert found[0]["spec"] == {"hard": {"pods": "10"}}
    assert found[2]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_what_is_empty_is_left_out() -> None:
    assert namespace_guards("traefik", {}, {}) == []
    assert [each["kind"] for each in namespace_guards("traefik", {}, {"x": {}})] == ["NetworkPolicy"] * 2
