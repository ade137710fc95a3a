"""Sidecars against the control plane, and the restart of pods that lack theirs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.check import SidecarCheck
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    POD,
    REPLICA_SET,
    Resource,
)

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.readiness.test_daprd import pod, workload

WEBHOOK = Resource("v1", "MutatingWebhookConfiguration", "x", namespaced=False)

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


def check(kube: FakeKube) -> SidecarCheck:
    kube.put(DEPLOYMENT, "ns", workload())
    return SidecarCheck(kube, "ns", "dapr-system")


def test_only_the_pod_that_lacks_its_sidecar_is_restarted() -> None:
    kube = FakeKube()
    plane(kube)
    kube.put(POD, "ns", pod("api-1"))
    kube.put(POD, "ns", pod("api-2", form="none"))
    looked = check(kube).look(["api"])
    assert [f.code for f in looked.failures] == [Code.SIDECAR_MISSING]
    assert looked.control_plane.version == "1.14.0"
    assert check(kube).restart_lacking(looked) == ["api-2"]
    assert kube.writes == [("delete", "Pod", "api-2")]


@pytest.mark.parametrize(
    ("broken", "words"), [({"endpoints": False}, "no ready endpoint"), ({"bundle": ""}, "no CA bundle")]
)
def test_nothing_is_restarted_before_the_injector_is_verified(broken: dict[str, Any], words: str) -> None:
    kube = FakeKube()
    plane(kube, **broken)
    kube.put(POD, "ns", pod("api-2", form="none"))
    looked = check(kube).look()
    with pytest.raises(TodoCloudError, match=words) as caught:
        check(kube).restart_lacking(looked)
    assert caught.value.failure.code is Code.INJECTOR_DOWN
    assert kube.writes == []


def test_an_app_that_is_not_there_is_reported() -> None:
    kube = FakeKube()
    plane(kube, ready=0)
    looked = check(kube).look(["api", "web"])
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
    looked = SidecarCheck(kube, "ns", "dapr-system").look(["api"])
    assert (looked.apps[0].pods, looked.failures) == (1, ())
