"""Who gives the ownership of a replica count up before Helm writes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.deploy.replicas import free_replicas
from ansible_collections.todo.cloud.plugins.module_utils.helm.storage import HelmReader
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Conflict
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import DEPLOYMENT

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store

NAMED = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"}, "spec": {"replicas": 5}}
UNNAMED = {**NAMED, "spec": {"paused": False}}
REF = {"kind": "Deployment", "name": "api"}
AUTOSCALER = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "api"},
              "spec": {"scaleTargetRef": REF}}  # fmt: skip
KEDA = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "api"},
        "spec": {"scaleTargetRef": {"name": "api"}}}  # fmt: skip
REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
BOTH: dict[str, Any] = {"f:spec": {"f:replicas": {}, "f:paused": {}}}
HELM = {"manager": "helm", "operation": "Apply", "fieldsV1": BOTH}
SCALER = {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale", "fieldsV1": REPLICAS}
STATUS = {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
          "fieldsV1": {"f:status": {"f:replicas": {}}}}  # fmt: skip
KUBECTL = {"manager": "kubectl", "operation": "Update", "subresource": "scale", "fieldsV1": REPLICAS}
OLD_HELM = {"manager": "helm", "operation": "Update", "fieldsV1": REPLICAS}


def run(kube: FakeKube) -> None:
    free_replicas(kube, HelmReader(kube, "ns"), HelmReader(kube, "ns").history("api"))


def cluster(*manifest: dict[str, Any], replicas: int = 5, writers: tuple[dict[str, Any], ...] = (HELM,)) -> FakeKube:
    kube = FakeKube()
    store(kube, manifest="\n---\n".join(map(json.dumps, manifest)))
    kube.put(DEPLOYMENT, "ns", {**NAMED, "metadata": {"name": "api", "managedFields": list(writers)},
                                "spec": {"replicas": replicas}})  # fmt: skip
    return kube


def owners(kube: FakeKube) -> list[str]:
    """Managers of the replica count."""
    fields = kube.get(DEPLOYMENT, "ns", "api")["metadata"]["managedFields"]
    return [e["manager"] for e in fields if "f:replicas" in e["fieldsV1"].get("f:spec", {})]


def test_helm_gives_the_count_up_and_nothing_else() -> None:
    kube = cluster(NAMED, writers=(HELM, STATUS))
    run(kube)
    live = kube.get(DEPLOYMENT, "ns", "api")
    assert live["metadata"]["managedFields"] == [{**HELM, "fieldsV1": {"f:spec": {"f:paused": {}}}}, STATUS]
    assert live["spec"] == {"replicas": 5}
    run(kube)
    assert len(kube.writes) == 1, "again there is nothing to do"


@pytest.mark.parametrize("scaler", [AUTOSCALER, KEDA])
def test_an_autoscaler_of_the_release_gives_the_count_up(scaler: dict[str, Any]) -> None:
    kube = cluster(UNNAMED, scaler, replicas=1, writers=(SCALER, STATUS))
    run(kube)
    assert kube.get(DEPLOYMENT, "ns", "api")["metadata"]["managedFields"] == [STATUS]


@pytest.mark.parametrize(
    ("manifest", "replicas", "writers"),
    [
        ([NAMED], 1, (HELM,)),  # the default is one: nothing is lost
        ([NAMED], 0, (HELM,)),  # none is wanted: an autoscaler would not begin
        ([NAMED], 5, (SCALER,)),  # somebody else's autoscaler: Helm has to say so
        ([NAMED], 5, (KUBECTL,)),
        ([NAMED], 5, (OLD_HELM,)),  # Helm 3 compares manifests
        ([UNNAMED], 5, (SCALER,)),
    ],
)
def test_others_keep_what_is_theirs(
    manifest: list[dict[str, Any]], replicas: int, writers: tuple[dict[str, Any], ...]
) -> None:
    kube = cluster(*manifest, replicas=replicas, writers=writers)
    before = owners(kube)
    run(kube)
    assert (owners(kube), kube.writes) == (before, [])


def test_the_deployed_revision_counts_not_the_failed_one_after_it() -> None:
    kube = cluster(UNNAMED, AUTOSCALER, writers=(SCALER, STATUS))
    store(kube, revision=2, status="failed", manifest=json.dumps(NAMED))
    run(kube)
    assert owners(kube) == []


def test_without_a_deployed_revision_the_newest_counts() -> None:
    kube = FakeKube()
    run(kube)
    store(kube, status="failed", manifest=json.dumps(NAMED))
    kube.put(DEPLOYMENT, "ns", {**NAMED, "metadata": {"name": "api", "managedFields": [HELM]}})
    run(kube)
    assert owners(kube) == []


def test_what_is_gone_or_cannot_be_read_is_passed_over() -> None:
    kube = FakeKube()
    store(kube, manifest=json.dumps(NAMED))
    run(kube)
    store(kube, revision=2, payload="broken")
    run(kube)
    assert kube.writes == []


def test_it_is_done_again_when_somebody_else_writes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    kube = cluster(NAMED)
    patch, refusals = kube.patch, [Conflict("Somebody else wrote first.", 409)] * 2

    def busy(*args: Any, **options: Any) -> dict[str, Any]:
        if refusals:
            raise refusals.pop()
        return patch(*args, **options)

    monkeypatch.setattr(kube, "patch", busy)
    run(kube)
    assert owners(kube) == []
    kube = cluster(NAMED)
    refusals += [Conflict("Somebody else wrote first.", 409)] * 9
    monkeypatch.setattr(kube, "patch", busy)
    with pytest.raises(Conflict):
        run(kube)
