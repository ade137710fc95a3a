"""Sidecars against the control plane, and the restart of pods that lack theirs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.check import SidecarCheck
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    NAMESPACE,
    POD,
    REPLICA_SET,
    Resource,
)

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.readiness.test_daprd import pod, workload

WEBHOOK = Resource("v1", "MutatingWebhookConfiguration", "x", namespaced=False)

CONFIGURATION = Resource("dapr.io/v1alpha1", "Configuration", "configurations")
SLICE = Resource("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")


def plane(kube: FakeKube, *, ready: int = 1, endpoints: bool = True, bundle: str = "x") -> None:
    """A control plane 1.14 whose injector is as given."""
    container = {"image": "ghcr.io/dapr/injector:1.14.0"}
    kube.put(DEPLOYMENT, "dapr-system", {
        "metadata": {"name": "dapr-sidecar-injector"}, "spec": {"template": {"spec": {"containers": [container]}}},
        "status": {"readyReplicas": ready},
    })  # fmt: skip
    kube.put(SLICE, "dapr-system", {
        "metadata": {"name": "s", "labels": {"kubernetes.io/service-name": "dapr-sidecar-injector"}},
        "endpoints": [{"conditions": {"ready": endpoints}}],
    })  # fmt: skip
    kube.put(
        WEBHOOK,
        "",
        {"metadata": {"name": "dapr-sidecar-injector"}, "webhooks": [{"clientConfig": {"caBundle": bundle}}]},
    )


def owned(by: str = "rs", kind: str = "ReplicaSet") -> dict[str, Any]:
    """Metadata of a pod with a controller."""
    owner = {"apiVersion": "apps/v1", "kind": kind, "name": by, "uid": by, "controller": True}
    return {"ownerReferences": [owner]}


def api(kube: FakeKube, app: dict[str, Any] | None = None) -> None:
    """The Deployment api with its only ReplicaSet rs."""
    app = app or workload()
    kube.put(DEPLOYMENT, "ns", {**app, "metadata": {**app["metadata"], "uid": "api"}})
    meta = {"name": "rs", "uid": "rs", **owned("api", "Deployment")}
    kube.put(REPLICA_SET, "ns", {"metadata": meta, "spec": {"template": app["spec"]["template"]}})


def look(kube: FakeKube, app_ids: list[str] | None = None, releases: dict[tuple[str, str], str] | None = None) -> Any:
    return SidecarCheck(kube, "ns", "dapr-system").look(app_ids or [], releases=releases)


def made(**bad: Any) -> FakeKube:
    """The control plane, and api without any pod."""
    kube = FakeKube()
    plane(kube, **bad)
    api(kube)
    return kube


def test_a_pod_that_lacks_its_sidecar_is_a_failure() -> None:
    kube = made()
    kube.put(POD, "ns", pod("api-1", **owned()))
    kube.put(POD, "ns", pod("api-2", form="none", **owned()))
    looked = look(kube, ["api"])
    assert [f.code for f in looked.failures] == [Code.SIDECAR_MISSING]
    assert looked.lacking == ["api-2"]
    assert looked.control_plane.version == "1.14.0"
    assert looked.summary() == "1 of 2 pods have their Dapr sidecar ready"


@pytest.mark.parametrize(
    "meta", [owned("long", "Job"), {}, {"ownerReferences": [{"kind": "Job", "uid": "rs", "controller": False}]}]
)
def test_pods_with_the_same_labels_that_it_does_not_own_do_not_count(meta: dict[str, Any]) -> None:
    """A Job's pod, a copy that somebody made to debug, and one that is owned but not controlled."""
    kube = made()
    kube.put(POD, "ns", pod("api-1", **owned()))
    kube.put(POD, "ns", pod("other", form="none", annotations={}, **meta))
    looked = look(kube)
    assert (looked.lacking, looked.failures, looked.apps[0].pods) == ([], (), 1)


def test_mutual_tls_that_is_off_is_said_where_sidecars_are_verified() -> None:
    kube = made()
    kube.put(POD, "ns", pod("api-1", **owned()))
    kube.put(CONFIGURATION, "dapr", {"metadata": {"name": "daprsystem"}, "spec": {"mtls": {"enabled": False}}})
    said = SidecarCheck(kube, "ns", "dapr").look(["api"], thorough=True).summary()
    assert said.startswith("1 of 1 pod has its Dapr sidecar ready")
    assert "Dapr's mutual TLS is off (Configuration daprsystem in namespace dapr)" in said


def test_what_only_dapr_does_not_take_for_true_is_named_and_nothing_lacks() -> None:
    kube = FakeKube()
    plane(kube)
    said = {"dapr.io/enabled": "yes", "dapr.io/app-id": "api"}
    api(kube, workload(said))
    kube.put(POD, "ns", pod("api-1", form="none", annotations=said, **owned()))
    looked = look(kube, ["api"])
    assert looked.lacking == []
    assert [(f.code, 'enabled: "yes"' in f.message) for f in looked.failures] == [(Code.SIDECAR_MISSING, True)]
    assert look(kube).failures == ()
    assert 'enabled: "yes"' in look(kube).notes[0]
    assert look(kube).summary() == "no pod asks for a Dapr sidecar"


def test_pods_of_custom_kinds_are_found_by_their_owners() -> None:
    """Rollout of another team -> ReplicaSet -> pods; and a kind whose controller makes the pods itself."""
    kube = FakeKube()
    plane(kube)
    kube.put(REPLICA_SET, "ns", {
        "metadata": {"name": "rs", "uid": "rs", **owned("canary", "Rollout")}, "spec": {"template": {}},
    })  # fmt: skip
    kube.put(POD, "ns", pod("canary-1", form="none", **owned()))
    kube.put(POD, "ns", pod("clone-1", **owned("clone", "CloneSet")))
    looked = look(kube, [], {("Rollout", "canary"): "team-a", ("CloneSet", "clone"): "team-b"})
    assert [(app.workload, app.lacking) for app in looked.apps] == [
        ("CloneSet/clone", ()), ("Rollout/canary", ("canary-1",)),
    ]  # fmt: skip
    assert [f.details["release"] for f in looked.failures] == ["team-a"]
    assert "pods of a Rollout are not restarted here" in looked.failures[0].message


def test_only_what_releases_render_is_looked_at() -> None:
    kube = made()
    kube.put(POD, "ns", pod("api-1", form="none", **owned()))
    assert look(kube, [], {("Deployment", "web"): "web"}).apps == ()
    assert look(kube, [], {("Deployment", "api"): "r"}).failures[0].details["release"] == "r"


@pytest.mark.parametrize(
    ("selector", "labels", "words"),
    [
        ({"namespaceSelector": {"matchLabels": {"dapr": "on"}}}, {}, "does not select namespace ns"),
        ({"namespaceSelector": {"matchLabels": {"dapr": "on"}}}, {"dapr": "on"}, ""),
        ({"objectSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}}, {}, "these pods"),
    ],
)
def test_what_the_webhook_does_not_select_will_never_have_one(
    selector: dict[str, Any], labels: dict[str, str], words: str
) -> None:
    kube = made()
    kube.put(NAMESPACE, "", {"metadata": {"name": "ns", "labels": labels}})
    kube.put(WEBHOOK, "", {"metadata": {"name": "dapr-sidecar-injector"}, "webhooks": [selector]})
    kube.put(POD, "ns", pod("api-1", form="none", **owned()))
    (failure,) = look(kube).failures
    assert words in failure.message
    assert ("webhook" in failure.message) is bool(words)


def test_an_app_that_is_not_there_is_reported() -> None:
    looked = look(made(ready=0), ["api", "web"])
    assert [f.details["app_id"] for f in looked.failures] == ["web"]
    assert looked.control_plane.injector_ready is False


def test_pods_of_the_revision_before_do_not_count() -> None:
    kube = FakeKube()
    plane(kube)
    deployment = kube.put(DEPLOYMENT, "ns", workload())
    owner = {"controller": True, "uid": deployment["metadata"]["uid"]}
    template = deployment["spec"]["template"]
    for name, shown in (("new", template), ("old", {"metadata": {"annotations": {}}})):
        kube.put(REPLICA_SET, "ns", {
            "metadata": {"name": name, "uid": name, "ownerReferences": [owner]}, "spec": {"template": shown},
        })  # fmt: skip
    kube.put(POD, "ns", pod("api-new", ownerReferences=[{"controller": True, "uid": "new"}]))
    kube.put(POD, "ns", pod("api-old", form="none", ownerReferences=[{"controller": True, "uid": "old"}]))
    looked = look(kube, ["api"])
    assert (looked.apps[0].pods, looked.failures) == (1, ())
