"""What counts as a change of an environment, and how it is described."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.todo.cloud.plugins.module_utils.environments.fingerprint import kind_name, section
from ansible_collections.todo.cloud.plugins.module_utils.environments.info import fingerprint_info
from ansible_collections.todo.cloud.plugins.module_utils.environments.inspect import inspect
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    SECRET,
    WELL_KNOWN,
    Resource,
)

from tests.support.fake_kube import FakeKube

AUTOSCALER = WELL_KNOWN["autoscaling/v2", "HorizontalPodAutoscaler"]
ROLE = WELL_KNOWN["rbac.authorization.k8s.io/v1", "ClusterRole"]
REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
LATER = "2026-11-22T10:00:00Z"


def wrote(manager: str, fields: dict[str, Any], time: str = LATER) -> dict[str, Any]:
    return {"manager": manager, "time": time, "fieldsV1": fields}


class Kube(FakeKube):
    """A cluster that serves a few kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.forbidden: set[str] = set()
        self.now = 1795341600.0 - 60  # a minute before LATER
        self.put(NAMESPACE, "", {"metadata": {"name": "ns"}})
        self.put(DEPLOYMENT, "ns", {
            "metadata": {"name": "api", "managedFields": [wrote("helm", REPLICAS, "2026-11-01T00:00:00Z")]},
            "spec": {"replicas": 1, "paused": False}, "status": {"replicas": 1},
        })  # fmt: skip
        notes = {"cert-manager.io/certificate-name": "edge"}
        self.put(SECRET, "ns", {"metadata": {"name": "tls", "annotations": notes}, "data": {"tls.key": "Y2FuYXJ5"}})
        self.put(CONFIG_MAP, "ns", {"metadata": {"name": "settings"}, "data": {"a": "1"}})

    def served(self, **_: Any) -> list[Resource]:
        event = Resource("v1", "Event", "events")
        return [CONFIG_MAP, SECRET, POD, DEPLOYMENT, AUTOSCALER, event, ROLE, NAMESPACE]

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if verb == "list":
            if resource.kind in self.forbidden:
                raise Forbidden(f"may not list {resource.plural}", 403)
            assert resource.kind not in ("Event", "Namespace")

    def change(self, kind: str, name: str, write: Any, by: str = "", fields: Any = None) -> Kube:
        item = self.objects[kind, "" if kind in ("Namespace", "ClusterRole") else "ns", name]
        write(item)
        item["metadata"]["resourceVersion"] += "x"
        if by:
            item["metadata"].setdefault("managedFields", []).append(wrote(by, fields or {}))
        return self

    def look(self, **params: Any) -> dict[str, Any]:
        options: dict[str, Any] = {
            "namespace": "ns",
            "environment": "production",
            "compare_to": None,
            "platform_namespaces": [],
        }
        return fingerprint_info(self, options | params)

    def since(self, before: dict[str, Any], **params: Any) -> list[str]:
        return list(self.look(compare_to=before["fingerprint"], **params)["table"])


UNTOUCHED = ["production: untouched, 4 objects compared"]


def test_looking_twice_finds_nothing_and_reads_no_secret() -> None:
    kube = Kube()
    before = kube.look()
    assert kube.since(before) == UNTOUCHED
    assert not kube.writes
    assert "canary" not in json.dumps(before)
    assert "Y2Fu" not in json.dumps(before)
    assert set(before["fingerprint"]["objects"]) == {
        "ConfigMap/settings",
        "Deployment/api",
        "Namespace/ns",
        "Secret/tls",
    }


def test_life_that_goes_on_is_no_change() -> None:
    kube = Kube()
    before = kube.look()
    kube.change("Deployment", "api", lambda item: item.update(status={"replicas": 3}))
    kube.put(POD, "ns", {"metadata": {"name": "api-1", "ownerReferences": [{"controller": True, "uid": "x"}]}})
    note: dict[str, Any] = {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}}
    kube.change(
        "Deployment", "api",
        lambda item: item["metadata"].update(annotations={"deployment.kubernetes.io/revision": "2"}),
        "kube-controller-manager", note,
    )  # fmt: skip
    leader = {"control-plane.alpha.kubernetes.io/leader": "{}"}
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "election", "annotations": leader}})
    assert kube.since(before) == UNTOUCHED


def test_replicas_of_an_autoscaler_are_its_own() -> None:
    kube = Kube()
    kube.put(AUTOSCALER, "ns", {"metadata": {"name": "api"},
                                "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "api"}}})  # fmt: skip
    before = kube.look()
    kube.change(
        "Deployment", "api", lambda item: item["spec"].update(replicas=3), "kubectl", {"f:spec": {"f:replicas": {}}}
    )
    assert kube.since(before) == ["production: untouched, 5 objects compared"]


def test_each_object_that_changed_is_named_with_what_and_by_whom() -> None:
    kube = Kube()
    before = kube.look()
    fields: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
    kube.change("Deployment", "api", lambda item: item["spec"].update(replicas=3), "kubectl-scale", fields)
    del kube.objects["ConfigMap", "ns", "settings"]
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "new", "managedFields": [wrote("helm", {})]}})
    changes = kube.look(compare_to=before["fingerprint"])
    assert changes["table"] == [
        "production: 3 of 4 objects changed",
        "production: ConfigMap/new is new (helm, 2026-11-22T10:00:00Z)",
        "production: ConfigMap/settings was deleted (by whom is not recorded)",
        "production: Deployment/api was changed: spec.replicas (kubectl-scale, 2026-11-22T10:00:00Z)",
    ]
    assert [change["change"] for change in changes["changes"]] == ["created", "deleted", "changed"]


def test_deleted_and_made_again_is_noticed() -> None:
    kube = Kube()
    before = kube.look()
    kube.put(CONFIG_MAP, "ns", {"metadata": {"name": "settings"}, "data": {"a": "1"}})
    assert "ConfigMap/settings was deleted and created again" in kube.since(before)[1]


def test_a_renewed_certificate_is_named_as_such_and_a_changed_secret_is_not() -> None:
    kube = Kube()
    before = kube.look()
    kube.change("Secret", "tls", lambda item: None, "cert-manager-certificates-issuing", {"f:data": {"f:tls.key": {}}})
    assert kube.since(before) == [
        "production: untouched, 4 objects compared",
        "production: expected: Secret/tls: certificate 'edge' was renewed "
        "(cert-manager-certificates-issuing, 2026-11-22T10:00:00Z)",
    ]
    kube.change("Secret", "tls", lambda item: None, "kubectl-edit")
    assert "Secret/tls was changed (kubectl-edit" in kube.since(before)[1]


def test_names_and_sections() -> None:
    assert kind_name(Resource("dapr.io/v1alpha1", "Component", "components")) == "Component.dapr.io"
    assert kind_name(ROLE) == "ClusterRole"
    path = "spec.template.spec.containers[app].image"
    assert section(path) == path
    assert section("spec.template.spec.containers[app].env[A].value") == "spec.template.spec.containers[app].env"
    assert inspect(Kube(), "ns", "x").fingerprint["format"] == 1
