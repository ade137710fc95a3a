"""What a sidecar's components connect to."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dependencies.components import backends

SECRETS = {"kafka": {"brokers": base64.b64encode(b"a.example.org:9092,b.example.org:9092").decode()}}


def component(*entries: dict[str, Any], scopes: list[str] | None = None) -> dict[str, Any]:
    spec = {"type": "pubsub.kafka", "metadata": list(entries)}
    return {"metadata": {"name": "pubsub"}, "spec": spec, **({"scopes": scopes} if scopes else {})}


def found(*items: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(str(each), each.shared) for each in backends(list(items), "api", lambda name: SECRETS.get(name, {}))]


@pytest.mark.parametrize(("scopes", "count"), [(None, 1), (["api"], 1), (["other"], 0)])
def test_a_component_names_its_brokers(scopes: list[str] | None, count: int) -> None:
    entry = {"name": "brokers", "value": "kafka.data:9092"}
    expected = [("kafka.data:9092 of component pubsub (pubsub.kafka)", False)]
    assert found(component(entry, {"name": "version", "value": "1:2"}, scopes=scopes)) == expected[:count]


def test_brokers_of_a_secret() -> None:
    entry = {"name": "brokers", "secretKeyRef": {"name": "kafka", "key": "brokers"}}
    named = "a.example.org:9092, b.example.org:9092 of component pubsub (pubsub.kafka)"
    assert found(component(entry)) == [(named, True)]
    assert found(component({**entry, "secretKeyRef": {"name": "none", "key": "brokers"}})) == []


def test_one_without_an_address_connects_to_nothing_that_is_known() -> None:
    assert found(component({"name": "host", "value": "db"}), {"metadata": {"name": "bare"}}) == []
