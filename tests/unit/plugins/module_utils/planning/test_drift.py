"""What is called drift, and what is not. tests/integration/releases/test_drift.py asks a real API server."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.helm.stored import ReleaseStatus, StoredRelease
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, NotFound, Refused
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import Resource
from ansible_collections.todo.cloud.plugins.module_utils.planning.drift import Drift, drift_of

from tests.support.fake_kube import FakeKube

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, labels: {team: a}}
spec: {replicas: 1, template: {spec: {containers: [{name: app, image: "r:1"}]}}}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
data: {word: Y2FuYXJ5}
"""
FIELDS: dict[str, Any] = {"f:metadata": {"f:labels": {"f:team": {}}}, "f:spec": {"f:replicas": {}, "f:template": {}}}
HELM = {"manager": "helm", "time": "2026-11-22T09:00:00Z", "fieldsV1": FIELDS}


def writer(manager: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"manager": manager, "time": "2026-11-22T10:00:00Z", "fieldsV1": fields}


class Server(FakeKube):
    """Answers a dry run by laying the applied object over the live one, as server-side apply does for these."""

    def __init__(self, *, scaled: bool = False) -> None:
        super().__init__()
        self.live: dict[str, Any] = {
            "Deployment": {
                "metadata": {"name": "api", "labels": {"team": "a"}, "managedFields": [HELM], "uid": "u"},
                "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "app", "image": "r:1"}]}}},
                "status": {"replicas": 1},
            },
            "Secret": {"metadata": {"name": "s"}, "data": {"word": "Y2FuYXJ5"}},
        }
        self.scaled = scaled
        self.fails: dict[str, Exception] = {}

    def change(
        self, manager: str, fields: dict[str, Any], write: Callable[[dict[str, Any]], Any], **more: str
    ) -> Server:
        live = self.live["Deployment"]
        write(live)
        live["metadata"]["managedFields"] = [HELM, writer(manager, fields)]
        return self

    def list_(self, resource: Resource, namespace: str = "", **_: Any) -> tuple[list[dict[str, Any]], str]:
        ref = {"kind": "Deployment", "name": "api"}
        return ([{"spec": {"scaleTargetRef": ref}}] if self.scaled else []), ""

    def find(self, resource: Resource, namespace: str, name: str, **_: Any) -> dict[str, Any] | None:
        return copy.deepcopy(self.live.get(resource.kind))

    def patch(self, resource: Resource, namespace: str, name: str, body: Any, **options: Any) -> dict[str, Any]:
        assert options["dry_run"] is True
        assert options["field_manager"] == "todo.cloud-drift"
        if resource.kind in self.fails:
            raise self.fails[resource.kind]
        return dict(_over(copy.deepcopy(self.live[resource.kind]), body))

    def drift(self, manifest: str = MANIFEST) -> list[Drift]:
        stored = StoredRelease("api", "ns", 1, ReleaseStatus.DEPLOYED, "", "c", "1", "", {}, manifest)
        return drift_of(self, "ns", [stored])


def _over(live: Any, wanted: Any) -> Any:
    if isinstance(wanted, dict) and isinstance(live, dict):
        return {k: _over(live.get(k), wanted[k]) if k in wanted else live[k] for k in {**live, **wanted}}
    if isinstance(wanted, list) and isinstance(live, list):
        by_name = [{each["name"]: each for each in side} for side in (live, wanted)]
        return list(_over(*by_name).values())
    return wanted


def test_nothing_differs() -> None:
    assert Server().drift() == []


def test_a_changed_field_is_reported_with_both_values_and_by_whom() -> None:
    server = Server().change(
        "kubectl-edit", {"f:spec": {"f:replicas": {}}}, lambda live: live["spec"].update(replicas=3)
    )
    server.live["Deployment"]["metadata"]["managedFields"][0] = {
        **HELM, "fieldsV1": {"f:metadata": {"f:labels": {"f:team": {}}}, "f:spec": {"f:template": {}}},
    }  # fmt: skip
    (found,) = server.drift()
    assert found.message == (
        "Deployment/api: spec.replicas is 3, the release says 1 (kubectl-edit, 2026-11-22T10:00:00Z)"
    )
    assert (found.release, found.path, found.change, found.wanted, found.found) == (
        "api", "spec.replicas", "changed", "1", "3",
    )  # fmt: skip


def test_what_an_autoscaler_or_a_controller_wrote_is_no_drift() -> None:
    fields: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
    server = Server(scaled=True).change("kubectl", fields, lambda live: live["spec"].update(replicas=3))
    assert server.drift() == []
    fields = {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}}
    note = {"deployment.kubernetes.io/revision": "1"}
    server = Server().change("kube-controller-manager", fields, lambda live: live["metadata"].update(annotations=note))
    assert server.drift() == []


def test_an_added_field_is_reported() -> None:
    fields: dict[str, Any] = {"f:metadata": {"f:annotations": {"f:note": {}}}}
    server = Server().change("kubectl", fields, lambda live: live["metadata"].update(annotations={"note": "x"}))
    (found,) = server.drift()
    assert (found.path, found.change, found.by) == ("metadata.annotations.note", "added", "kubectl")
    assert 'is "x", the release does not set it' in found.message


def test_a_field_added_to_a_map_whose_other_fields_helm_lost_is_reported() -> None:
    fields: dict[str, Any] = {"f:metadata": {"f:labels": {"f:more": {}, "f:team": {}}}}
    server = Server().change("kubectl", fields, lambda live: live["metadata"].update(labels={"team": "b", "more": "x"}))
    helm = {**HELM, "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {}}, "f:spec": FIELDS["f:spec"]}}
    server.live["Deployment"]["metadata"]["managedFields"][0] = helm
    assert [(each.path, each.change) for each in server.drift()] == [
        ("metadata.labels.team", "changed"),
        ("metadata.labels.more", "added"),
    ]


def test_what_was_handed_over_to_helm_and_not_removed_yet_is_reported() -> None:
    note: dict[str, Any] = {"f:annotations": {"f:note": {}, "f:meta.helm.sh/release-name": {}}}
    notes = {"note": "x", "meta.helm.sh/release-name": "api"}
    server = Server().change("kubelet", {}, lambda live: live["metadata"].update(annotations=notes))
    owned: dict[str, Any] = {**FIELDS, "f:metadata": {**FIELDS["f:metadata"], **note}}
    server.live["Deployment"]["metadata"]["managedFields"] = [{**HELM, "operation": "Apply", "fieldsV1": owned}]
    assert [(each.path, each.change, each.by) for each in server.drift()] == [
        ("metadata.annotations.note", "added", ""),
    ]


def test_restarts_are_no_drift() -> None:
    fields: dict[str, Any] = {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {
        "f:kubectl.kubernetes.io/restartedAt": {}}}}}}  # fmt: skip
    notes = {"kubectl.kubernetes.io/restartedAt": "now"}
    server = Server().change(
        "kubectl-rollout", fields, lambda live: live["spec"]["template"].update(metadata={"annotations": notes})
    )
    assert server.drift() == []


def test_an_added_entry_is_reported_by_its_content() -> None:
    key = 'k:{"name":"app"}'
    entry: dict[str, Any] = {"f:env": {'k:{"name":"LEVEL"}': {".": {}, "f:name": {}, "f:value": {}}}}
    fields: dict[str, Any] = {"f:spec": {"f:template": {"f:spec": {"f:containers": {key: entry}}}}}

    def write(live: dict[str, Any]) -> None:
        live["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "LEVEL", "value": "debug"}]

    server = Server().change("kubectl-set", fields, write)
    image: dict[str, Any] = {key: {".": {}, "f:image": {}, "f:name": {}}}
    owned = {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": image}}}}
    server.live["Deployment"]["metadata"]["managedFields"][0] = {**HELM, "fieldsV1": owned}
    assert [each.path for each in server.drift()] == ["spec.template.spec.containers[app].env[LEVEL].value"]


def test_what_was_removed_is_reported_once() -> None:
    server = Server()
    del server.live["Deployment"]["spec"]["template"]
    (found,) = server.drift()
    assert (found.path, found.change) == ("spec.template", "removed")
    assert "not recorded" in found.message


def test_a_job_that_is_removed_after_its_end_and_a_webhooks_certificate_are_no_drift() -> None:
    server = Server()
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"ttlSecondsAfterFinished": 5}}
    assert server.drift(json.dumps(job)) == []
    fields: dict[str, Any] = {"f:spec": {"f:caBundle": {}}}
    server.change("pilot-discovery", fields, lambda live: live["spec"].update(caBundle="x"))
    assert server.drift() == []


def test_a_missing_object_and_one_that_cannot_be_compared() -> None:
    server = Server()
    del server.live["Deployment"]
    server.fails["Secret"] = Forbidden("The credentials may not patch secrets.", 403)
    assert [(d.change, d.message) for d in server.drift()] == [
        ("missing", "Deployment/api does not exist"),
        ("unknown", "Secret/s could not be compared: The credentials may not patch secrets."),
    ]
    server.fails["Secret"] = Refused("field is immutable", 422)
    assert "could not be restored" in server.drift()[1].message
    server.fails["Secret"] = Refused('admission webhook "x" does not support dry run', 400)
    assert server.drift()[1].change == "unknown"
    server.fails["Secret"] = NotFound("gone meanwhile", 404)
    assert server.drift()[1].change == "unknown"


def test_a_secrets_values_stay_hidden() -> None:
    server = Server()
    server.live["Secret"]["data"]["word"] = "b3RoZXI="
    (found,) = server.drift()
    assert found.message.startswith("Secret/s: data.word is (hidden), the release says (hidden)")
    assert "b3RoZXI" not in str(found)
    assert "Y2FuYXJ5" not in str(found)


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ({"name": "DB_PASSWORD", "value": "canary-1"}, "is (hidden)"),
        ({"name": "URL", "value": "postgres://u:canary-1@db/x"}, "is (hidden)"),
        ({"name": "OPTIONS", "value": "-Ddb.password=canary-1 -v"}, 'is "-Ddb.password=*** -v"'),
        ({"name": "LEVEL", "value": "debug"}, 'is "debug"'),
    ],
)
def test_credentials_in_plain_fields_stay_hidden(entry: dict[str, str], shown: str) -> None:
    def write(live: dict[str, Any]) -> None:
        live["spec"]["template"]["spec"]["containers"][0]["env"] = [entry]

    env: dict[str, Any] = {f'k:{{"name":"{entry["name"]}"}}': {".": {}, "f:name": {}, "f:value": {}}}
    container = {'k:{"name":"app"}': {"f:env": {".": {}, **env}}}
    fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": container}}}}
    found = Server().change("kubectl-set", fields, write).drift()
    assert shown in found[0].message
    assert "canary" not in str(found)
