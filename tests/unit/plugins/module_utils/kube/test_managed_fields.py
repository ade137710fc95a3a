"""Who wrote which field."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.kube.managed_fields import Writer, leaves, owners, writers_of

APP = 'k:{"name":"app"}'
PORT = 'k:{"containerPort":80,"protocol":"TCP"}'
HELM = {
    "f:metadata": {"f:labels": {"f:app.kubernetes.io/name": {}}},
    "f:spec": {
        "f:replicas": {},
        "f:template": {"f:spec": {"f:containers": {APP: {".": {}, "f:image": {}, "f:ports": {PORT: {".": {}}}}}}},
    },
}


def entry(manager: str, fields: dict[str, Any], time: str = "2026-11-22T10:00:00Z", **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": "Apply", "time": time, "fieldsV1": fields, **more}


def test_paths_are_those_of_the_object() -> None:
    (writer,) = writers_of({"metadata": {"managedFields": [entry("helm", HELM)]}})
    containers = "spec.template.spec.containers[app]"
    assert writer.paths == {
        "metadata.labels[app.kubernetes.io/name]", "spec.replicas", f"{containers}.image", f"{containers}.ports[80]",
    }  # fmt: skip
    live = {
        "metadata": {"labels": {"app.kubernetes.io/name": "x"}},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [
            {"name": "app", "image": "r:1", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}}},
    }  # fmt: skip
    assert set(leaves(live)) == {
        "metadata.labels[app.kubernetes.io/name]", "spec.replicas", f"{containers}.name", f"{containers}.image",
        f"{containers}.ports[80].containerPort", f"{containers}.ports[80].protocol",
    }  # fmt: skip
    assert writer.owns(f"{containers}.ports[80].protocol")
    assert not writer.owns(f"{containers}.imagePullPolicy")


def test_lists_that_cannot_be_distinguished_are_one_field() -> None:
    assert leaves({"a": [1, 2], "b": [], "c": {}, "d": [{"x": 1}, {"x": 1}]}) == {
        "a": [1, 2], "b": [], "c": {}, "d": [{"x": 1}, {"x": 1}],
    }  # fmt: skip
    fields: dict[str, Any] = {"f:finalizers": {".": {}, 'v:"x"': {}}}
    (writer,) = writers_of({"metadata": {"managedFields": [entry("m", {"f:metadata": fields})]}})
    assert writer.paths == {"metadata.finalizers"}


def test_who_wrote_last_comes_first() -> None:
    later = entry("kubectl-edit", {"f:spec": {"f:replicas": {}}}, "2026-11-22T11:00:00Z")
    writers = writers_of({"metadata": {"managedFields": [entry("helm", HELM), later]}})
    assert [w.manager for w in owners(writers, "spec.replicas")] == ["kubectl-edit", "helm"]
    assert writers[0].described == "kubectl-edit, 2026-11-22T11:00:00Z"
    assert writers_of({"metadata": {}}) == []


@pytest.mark.parametrize(
    ("manager", "controller"),
    [
        ("kube-controller-manager", True), ("cert-manager-certificates-issuing", True), ("cainjector", True),
        ("digitalocean-cloud-controller-manager", True), ("kubectl-edit", False), ("helm", False), ("Mozilla", False),
        ("manager", True), ("rollouts-controller", True), ("ada", False), ("kubectl-set", False),
    ],
)  # fmt: skip
def test_known_controllers(manager: str, controller: bool) -> None:
    assert Writer(manager, "", frozenset()).is_controller is controller
