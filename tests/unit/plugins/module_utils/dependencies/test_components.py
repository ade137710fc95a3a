"""What a sidecar's components connect to."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dependencies.components import (
    Backend,
    backends,
    uninitialized,
)
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, KubeError, Unreachable
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import SECRET, WELL_KNOWN, Resource

from tests.support.fake_kube import FakeKube

COMPONENT = WELL_KNOWN["dapr.io/v1alpha1", "Component"]

BROKERS = base64.b64encode(b"a.example.org:9092,b.example.org:9092").decode()
KAFKA = {"name": "brokers", "secretKeyRef": {"name": "kafka", "key": "brokers"}}
LOADING = 'msg="Loading components…"\nmsg="Component loaded: {} (pubsub.kafka/v1)"\n'


def component(*entries: dict[str, Any], scopes: list[str] | None = None) -> dict[str, Any]:
    spec = {"type": "pubsub.kafka", "metadata": list(entries)}
    return {"metadata": {"name": "pubsub"}, "spec": spec, **({"scopes": scopes} if scopes else {})}


def found(*items: dict[str, Any]) -> list[Backend]:
    kube = FakeKube()
    kube.put(SECRET, "ns", {"metadata": {"name": "kafka"}, "data": {"brokers": BROKERS}})
    for item in items:
        kube.put(COMPONENT, "ns", item)
    return backends(kube, "ns", "api")


@pytest.mark.parametrize(("scopes", "count"), [(None, 1), (["api"], 1), (["other"], 0)])
def test_a_component_names_its_brokers(scopes: list[str] | None, count: int) -> None:
    entry = {"name": "brokers", "value": "kafka.data:9092"}
    all_found = found(component(entry, {"name": "version", "value": "1:2"}, scopes=scopes))
    assert [(str(each), each.shared) for each in all_found] == [
        ("kafka.data:9092 of component pubsub (pubsub.kafka)", False)
    ][:count]


def test_brokers_of_a_secret() -> None:
    (one,) = found(component(KAFKA))
    assert one.shared
    assert str(one) == "a.example.org:9092, b.example.org:9092 of component pubsub (pubsub.kafka)"
    assert found(component({**KAFKA, "secretKeyRef": {"name": "none", "key": "brokers"}})) == []


def test_one_without_an_address_connects_to_nothing_that_is_known() -> None:
    assert found(component({"name": "host", "value": "db"}), {"metadata": {"name": "bare"}}) == []


def test_what_may_not_be_read_is_unknown() -> None:
    class Closed(FakeKube):
        error: KubeError = Forbidden("no", 403)

        def before(self, verb: str, resource: Resource, name: str) -> None:
            raise self.error

    kube = Closed()
    assert backends(kube, "ns", "api") == []
    kube.error = Unreachable("nothing")
    with pytest.raises(Unreachable):
        backends(kube, "ns", "api")


def test_a_sidecar_waits_for_what_its_log_does_not_name_as_loaded() -> None:
    known = found(component(KAFKA))
    assert uninitialized(LOADING.format("other"), known) == known
    assert uninitialized(LOADING.format("pubsub"), known) == []
    assert uninitialized(LOADING.format("other") + 'msg="All outstanding components processed"', known) == []
    assert uninitialized("nothing of it", known) == []
