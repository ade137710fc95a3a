"""What pods need and what a run brings along, read from rendered objects of whatever shape."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.preflight.needs import (
    Need,
    images_of,
    is_custom,
    needs_of,
    needs_of_component,
    provided,
)
from ansible_collections.todo.cloud.plugins.module_utils.readiness.templates import Template, built_in

Object = dict[str, Any]


def workload(kind: str = "Deployment", version: str = "apps/v1", **pod: Any) -> Object:
    spec: Object = {"template": {"spec": {"containers": [{"name": "app", "image": "r/app:v1"}], **pod}}}
    if kind == "CronJob":
        spec = {"jobTemplate": {"spec": spec}}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "api"}, "spec": spec}


def template(item: Object) -> Template:
    found = built_in(item, "ns")
    assert found is not None
    return found


def needed(annotations: Object | None = None, **pod: Any) -> set[tuple[str, str, str]]:
    item = workload(**pod)
    if annotations:
        item["spec"]["template"]["metadata"] = {"annotations": annotations}
    return {(need.kind, need.name, need.key) for need in needs_of(template(item))}


def container(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "app", **fields}]}


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (container(env=[{"valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}]), {("Secret", "db", "url")}),
        (container(env=[{"valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]), {("ConfigMap", "c", "k")}),
        (container(env=[{"valueFrom": {"secretKeyRef": {"name": "db", "key": "u", "optional": True}}}]), set()),
        (container(env=[{"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]), set()),
        (container(envFrom=[{"secretRef": {"name": "a"}}, {"configMapRef": {"name": "b", "optional": True}}]),
         {("Secret", "a", "")}),
        ({"initContainers": [{"envFrom": [{"configMapRef": {"name": "i"}}]}]}, {("ConfigMap", "i", "")}),
        ({"volumes": [{"secret": {"secretName": "v"}}, {"configMap": {"name": "w", "items": [{"key": "k"}]}}]},
         {("Secret", "v", ""), ("ConfigMap", "w", "k")}),
        ({"volumes": [{"projected": {"sources": [{"secret": {"name": "p"}}, {"downwardAPI": {}}]}}]},
         {("Secret", "p", "")}),
        ({"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]}, {("PersistentVolumeClaim", "data", "")}),
        ({"serviceAccountName": "robot"}, {("ServiceAccount", "robot", "")}),
        ({"serviceAccountName": "default"}, set()),
        ({"priorityClassName": "high", "runtimeClassName": "gvisor"},
         {("PriorityClass", "high", ""), ("RuntimeClass", "gvisor", "")}),
        ({"imagePullSecrets": [{"name": "pull"}, {}, "odd"]}, {("Secret", "pull", "")}),
        ({"volumes": None, "containers": "none"}, set()),
    ],
)  # fmt: skip
def test_references_of_pods(pod: dict[str, Any], expected: set[tuple[str, str, str]]) -> None:
    assert needed(**pod) == expected


def test_pods_may_start_without_a_pull_secret() -> None:
    (need,) = needs_of(template(workload(imagePullSecrets=[{"name": "pull"}])))
    assert not need.certain


def component(**more: Any) -> Object:
    ref = {"name": "password", "secretKeyRef": {"name": "broker", "key": "password"}}
    metadata = [ref, {"name": "brokers", "value": "kafka:9092"}, {"name": "odd", "secretKeyRef": "odd"}]
    spec = {"type": "pubsub.kafka", "metadata": metadata, **more.pop("spec", {})}
    return {"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": "pubsub"}, "spec": spec, **more}


def test_a_component_needs_its_secrets() -> None:
    needed = Need("Secret", "broker", "password", "Component pubsub")
    assert needs_of_component(component()) == [needed]
    assert needs_of_component(component(auth={"secretStore": "kubernetes"})) == [needed]
    assert not needs_of_component(component(spec={"ignoreErrors": True}))[0].certain
    for other in (component(auth={"secretStore": "vault"}), component(apiVersion="x/v1"), workload()):
        assert needs_of_component(other) == []


def test_a_sidecar_needs_its_configuration() -> None:
    notes = {"dapr.io/enabled": "true", "dapr.io/config": "tracing"}
    assert needed(notes) == {("Configuration", "tracing", "")}
    assert needed({**notes, "dapr.io/enabled": "yes"}) == set()


def test_pods_of_a_stateful_set_have_its_claims() -> None:
    item = workload("StatefulSet", volumes=[{"name": "tmp"}, {"name": "data", "secret": {"secretName": "x"}}])
    item["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}}, "no claim"]
    assert template(item).spec["volumes"] == [{"name": "tmp"}, {"name": "data", "emptyDir": {}}]
    assert needs_of(template(item)) == []
    assert "volumes" not in template(workload("StatefulSet")).spec


def test_a_pod_is_its_own_template() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "other"},
           "spec": {"containers": [{"image": "a"}], "initContainers": [{"image": "b"}]}}  # fmt: skip
    found = template(pod)
    assert (found.owner, found.namespace, images_of(found)) == ("Pod p", "other", {"a", "b"})


def test_what_a_run_brings_along() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"url": "x"}}
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "x"},
           "spec": {"group": "example.org", "names": {"kind": "Thing"}}}  # fmt: skip
    brought = provided([secret, crd], "ns", hooks=False)
    assert brought.has(Need("Secret", "db", "url", "x"), "ns")
    assert brought.has(Need("Secret", "db", "", "x"), "ns")
    assert not brought.has(Need("Secret", "db", "other", "x"), "ns")
    assert not brought.has(Need("Secret", "db", "", "x"), "elsewhere")
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}}
    assert provided([priority], "ns", hooks=False).has(Need("PriorityClass", "high", "", "x"), "elsewhere")
    assert brought.kinds == {("example.org", "Thing")}
    assert not brought.by_others


@pytest.mark.parametrize(
    ("version", "custom"),
    [("v1", False), ("apps/v1", False), ("networking.k8s.io/v1", False), ("dapr.io/v1alpha1", False),
     ("external-secrets.io/v1", True), ("postgresql.cnpg.io/v1", True), ("gateway.networking.k8s.io/v1", True)],
)  # fmt: skip
def test_custom_kinds_and_hooks_may_make_secrets(version: str, custom: bool) -> None:
    item = {"apiVersion": version, "kind": "Any", "metadata": {"name": "x"}}
    assert is_custom(item) is custom
    assert provided([item], "ns", hooks=False).by_others is custom
    assert provided([item], "ns", hooks=True).by_others
