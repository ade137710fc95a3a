# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What roles would have to do, found by comparing their descriptions with a cluster."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.private_certificate import private_certificate
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CRD,
    NAMESPACE,
    POD,
    SECRET,
    STATEFUL_SET,
    Resource,
)
from ansible_collections.todo.cloud.plugins.module_utils.planning.spec import ReleaseSpec
from ansible_collections.todo.cloud.plugins.module_utils.releases.platform_info import PlatformInfo, platform_info

from tests.support.fake_kube import FakeKube
from tests.support.stored_releases import store

LABELS = {"todo.cloud/platform-of": "staging"}
CRD_TEXT = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: c.dapr.io}
spec: {at: replaceme}
"""
HELM: Any = None  # nothing is asked of it
USERS = {"name": "users", "namespace": "ns"}
ISSUER = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "ClusterIssuer",
    "metadata": {"name": "own-ca"},
    "spec": {"ca": {"secretName": "own-ca"}},
}
ISSUERS = Resource("cert-manager.io/v1", "ClusterIssuer", "clusterissuers", namespaced=False)
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
CONTENT = "content of Secret users in namespace ns"


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def kube(tmp_path: Path) -> FakeKube:
    """A cluster with a namespace, a Secret, a release with a CRD, and a broker, all as ``PART`` describes them."""
    kube = FakeKube()
    kube.put(NAMESPACE, "", {"metadata": {"name": "kube-system", "uid": "the-cluster"}})
    kube.put(NAMESPACE, "", {"metadata": {"name": "ns", "labels": {**LABELS, "more": "x"}}})
    kube.put(
        SECRET,
        "ns",
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {"name": "users", "labels": {}},
            "data": {"name": coded("app"), "password": coded("made once")},
        },
    )
    file = {"name": "crds/c.yaml", "data": coded(CRD_TEXT)}
    chart = {"metadata": {"name": "chart", "version": "1"}, "files": [file, {"name": "README", "data": coded("x")}]}
    labels = ReleaseSpec.parse(release(tmp_path)).labels({}, "", 1)
    store(kube, manifest="", labels=labels, chart=chart)
    body = {"apiVersion": CRD.api_version, "kind": CRD.kind, "metadata": {"name": "c.dapr.io"}, "spec": {"at": "ns"}}
    kube.put(CRD, "", body)
    kube.kinds[ISSUERS.api_version, ISSUERS.kind] = ISSUERS
    kube.put(ISSUERS, "", {**ISSUER, "status": READY})
    broker = {"name": "kafka", "labels": {"app": "kafka", "app.kubernetes.io/version": "1.18.2"}}
    kube.put(STATEFUL_SET, "ns", {"metadata": broker, "status": {"readyReplicas": 1}})
    return kube


def release(folder: Path) -> dict[str, Any]:
    (folder / "Chart.yaml").write_text("name: chart\nversion: 1.0.0\n")
    return {"name": "api", "namespace": "ns", "chart": str(folder)}


def part(folder: Path) -> dict[str, Any]:
    """Everything that ``kube`` holds."""
    return {
        "name": "all",
        "cluster": {"minimum_version": "1.33", "cluster_id": "the-cluster"},
        "namespaces": [{"name": "ns", "labels": LABELS}],
        "secrets": [
            {**USERS, "values": {"name": "app"}, "generated": ["password"]},
            {
                "name": "users",
                "namespace": "ns",
                "copies": {"name": {"namespace": "ns", "name": "users", "key": "name"}},
            },
        ],
        "releases": [{**release(folder), "crds": {"replaceme": "ns"}}],
        "objects": [ISSUER],
        "workloads": [
            {
                "api_version": "apps/v1",
                "kind": "StatefulSet",
                "namespace": "ns",
                "label_selector": "app=kafka",
                "minimum_version": "1.18.0",
            }
        ],
    }


def missing(kube: Any, described: Mapping[str, Any]) -> list[str]:
    (found,) = platform_info(kube, HELM, "v1.36.3", [described])[0]["parts"]
    return list(found["missing"])


def test_nothing_is_missing_and_nothing_is_written(kube: FakeKube, tmp_path: Path) -> None:
    writes = list(kube.writes)
    assert missing(kube, part(tmp_path)) == []
    assert kube.writes == writes


def test_keys_of_others_and_a_certificate_that_lasts_are_as_described(kube: FakeKube) -> None:
    assert missing(kube, {"name": "one", "secrets": [{**USERS, "has": ["password"]}]}) == []
    data = {key: coded(text) for key, text in private_certificate({}, ["kafka.ns.svc"]).items()}
    kube.put(SECRET, "ns", {"metadata": {"name": "tls"}, "data": data})
    secret = {"name": "tls", "namespace": "ns", "certificate_of": ["kafka.ns.svc"]}
    assert missing(kube, {"name": "one", "secrets": [secret]}) == []


def test_an_object_that_is_not_ready_is_named_with_its_reason(kube: FakeKube) -> None:
    why = {"type": "Ready", "status": "False", "reason": "ErrInitIssuer", "message": "no Secret own-ca"}
    kube.put(ISSUERS, "", {**ISSUER, "status": {"conditions": [why]}})
    assert [text for text in missing(kube, {"name": "one", "objects": [ISSUER]}) if "no Secret own-ca" in text]


def test_an_object_with_a_name_alone_is_somebody_elses(kube: FakeKube) -> None:
    """It is only looked at: nothing is asked of it as a dry run, which a credential may not be allowed."""
    named = {**{key: ISSUER[key] for key in ("apiVersion", "kind")}, "metadata": {"name": "own-ca"}}
    asked = list(kube.writes)
    assert missing(kube, {"name": "one", "objects": [named]}) == []
    assert kube.writes == asked
    kube.put(ISSUERS, "", {**ISSUER, "status": {"conditions": [{"type": "Ready", "status": "False", "message": "no"}]}})
    assert missing(kube, {"name": "one", "objects": [named]}) != []
    gone = {**named, "metadata": {"name": "gone"}}
    assert missing(kube, {"name": "one", "objects": [gone]}) == ["ClusterIssuer gone"]


DIFFERENT: list[tuple[str, Any, str]] = [
    ("cluster", {"minimum_version": "1.37"}, "Kubernetes 1.37 or newer (it is v1.36.3)"),
    ("cluster", {"minimum_version": "1.33", "cluster_id": "other"}, "the cluster that cluster_id names"),
    ("namespaces", [{"name": "ns", "labels": {**LABELS, "a": "b"}}], "label a of namespace ns"),
    ("namespaces", [{"name": "ns", "annotations": {"a": "b"}}], "annotation a of namespace ns"),
    ("namespaces", [{"name": "other", "labels": {"a": "b"}}], "label a of namespace other"),
    (
        "namespaces",
        [{"name": "ns", "claims": {"environment": "other", "hosts": [], "platform": False}}],
        "Namespace 'ns' has no label todo.cloud/environment: environment 'other' may not deploy there. "
        "If it is meant for it: kubectl label namespace ns todo.cloud/environment=other",
    ),
    ("objects", [{**ISSUER, "metadata": {"name": "gone"}}], "ClusterIssuer gone"),
    ("objects", [{**ISSUER, "spec": {"ca": {"secretName": "other"}}}], "ClusterIssuer own-ca"),
    ("secrets", [{**USERS, "values": {"name": "x"}}], CONTENT),
    ("secrets", [{**USERS, "values": {"more": ""}}], CONTENT),
    ("secrets", [{**USERS, "generated": ["more"]}], CONTENT),
    ("secrets", [{"name": "more", "namespace": "ns", "values": {"a": "b"}}], "content of Secret more in namespace ns"),
    ("secrets", [{**USERS, "labels": {"a": "b"}}], CONTENT),
    ("secrets", [{**USERS, "values": {"name": "app"}}], CONTENT),  # a key that nobody wants
    ("secrets", [{**USERS, "values": {"name": True}, "generated": ["password"]}], CONTENT),
    ("secrets", [{**USERS, "has": ["password", "more"]}], "key more of Secret users in namespace ns"),
    ("secrets", [{**USERS, "certificate_of": ["x"]}], "Secret users in namespace ns: its content is no certificate"),
    ("secrets", [{**USERS, "name": "t", "certificate_of": ["x"]}], "Secret t in namespace ns: there is no certificate"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "described", "described_as"), DIFFERENT)
def test_what_differs_is_named(kube: FakeKube, key: str, described: Any, described_as: str) -> None:
    assert missing(kube, {"name": "one", key: described}) == [described_as]


def test_values_that_nobody_has_are_told_for_all_secrets_at_once(kube: FakeKube) -> None:
    """But for a copy: what it is a copy of may be made in this run."""
    copies = {"token": {"namespace": "ns", "name": "users", "key": "not-yet"}}
    parts = [
        {"name": "one", "secrets": [{**USERS, "values": {"name": "", "more": "", "also": None}, "hint": "Ask."}]},
        {"name": "two", "secrets": [{"name": "app", "namespace": "ns", "values": {"key": ""}}]},
        {"name": "three", "secrets": [{"name": "copy", "namespace": "ns", "values": {"token": ""}, "copies": copies}]},
    ]
    assert platform_info(kube, HELM, "v1.36.3", parts)[0]["empty_secrets"] == [
        "The Secret app of namespace ns has no value for key: neither the inventory nor the cluster has one.",
        "The Secret users of namespace ns has no value for more, also: neither the inventory nor the cluster has one. "
        "Ask.",
    ]


def test_credentials_are_recorded_for_every_secret_of_the_environment(kube: FakeKube) -> None:
    """Their names only: that takes no request of its own."""
    recorded: dict[str, Any] = {"key": "x", "secrets": {"users": {"name": [], "password": ["0a"]}}}
    labels = {"todo.cloud/environment": "one"}
    notes = {"todo.cloud/hosts": "", "todo.cloud/platform": "", "todo.cloud/cluster-id": "the-cluster"}
    notes["todo.cloud/topics"] = ""
    notes["todo.cloud/credentials"] = json.dumps(recorded)
    kube.put(NAMESPACE, "", {"metadata": {"name": "ns", "labels": labels, "annotations": notes}})
    claims = {"environment": "one", "hosts": [], "platform": False, "cluster_id": ""}
    described: dict[str, Any] = {
        "name": "one",
        "namespaces": [{"name": "ns", "claims": claims}],
        "secrets": [{**USERS, "values": {"name": "app"}, "generated": ["password"], "exclusive": True}],
    }
    assert missing(kube, described) == []
    reads = len(kube.reads)
    del recorded["secrets"]["users"]["password"]
    kube.put(
        NAMESPACE,
        "",
        {
            "metadata": {
                "name": "ns",
                "labels": labels,
                "annotations": {**notes, "todo.cloud/credentials": json.dumps(recorded)},
            }
        },
    )
    kube.reads.clear()
    assert missing(kube, described) == ["annotation todo.cloud/credentials of namespace ns"]
    assert len(kube.reads) == reads
    described["secrets"][0]["exclusive"] = False
    assert missing(kube, described) == []


def test_a_release_with_other_inputs_one_in_no_namespace_and_a_crd_that_somebody_changed(
    kube: FakeKube, tmp_path: Path
) -> None:
    described = release(tmp_path)
    assert missing(kube, {"name": "one", "releases": [{**described, "values": {"a": 1}}]}) == [
        "release api is outdated"
    ]
    assert missing(kube, {"name": "one", "releases": [{**described, "name": "new"}]}) == ["release new is absent"]
    assert missing(kube, {"name": "one", "releases": [{**described, "namespace": "none"}]}) == ["release api"]
    assert missing(kube, {"name": "one", "releases": [{**described, "crds": {"replaceme": "x"}}]}) == ["CRD c.dapr.io"]
    kube.delete(CRD, "", "c.dapr.io")
    assert missing(kube, part(tmp_path)) == ["CRD c.dapr.io"]


@pytest.mark.parametrize(
    ("change", "described_as"),
    [
        ({"label_selector": "app=none"}, "StatefulSet app=none in namespace ns"),
        ({"minimum_version": "1.19.0"}, "version 1.19.0 of kafka (it is 1.18.2)"),
    ],
)
def test_workloads_are_there_and_new_enough(
    kube: FakeKube, tmp_path: Path, change: dict[str, str], described_as: str
) -> None:
    (described,) = part(tmp_path)["workloads"]
    assert missing(kube, {"name": "one", "workloads": [{**described, **change}]}) == [described_as]


def test_a_workload_without_a_ready_pod(kube: FakeKube, tmp_path: Path) -> None:
    kube.objects["StatefulSet", "ns", "kafka"]["status"] = {}
    assert missing(kube, part(tmp_path)) == ["a ready pod of kafka"]


def test_kinds_are_there(kube: FakeKube) -> None:
    described = {"name": "cert_manager", "kinds": ["certificates.cert-manager.io", "issuers.cert-manager.io"]}
    kube.put(CRD, "", {"metadata": {"name": "issuers.cert-manager.io"}})
    assert missing(kube, described) == ["CRD certificates.cert-manager.io"]


def test_sidecars(kube: FakeKube) -> None:
    pod = {"metadata": {"name": "trial", "namespace": "ns"}, "spec": {"containers": [{"name": "app"}]}}
    sidecars = {"name": "dapr", "sidecars": {"dapr_namespace": "dapr-system", "pod": pod}}
    down, none = missing(kube, sidecars)
    assert "no ready endpoint" in down
    assert none == "the sidecar of a trial pod"
    slices = Resource("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
    hooks = Resource("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "x", namespaced=False)
    injector = "dapr-sidecar-injector"
    labels = {"kubernetes.io/service-name": injector}
    endpoints = [{"conditions": {"ready": True}}]
    kube.put(slices, "dapr-system", {"metadata": {"name": "x", "labels": labels}, "endpoints": endpoints})
    kube.put(hooks, "", {"metadata": {"name": injector}, "webhooks": [{"clientConfig": {"caBundle": "x"}}]})
    pod["spec"] = {"containers": [{"name": "app"}], "initContainers": [{"name": "daprd"}]}
    assert missing(kube, sidecars) == []
    assert not kube.find(POD, "ns", "trial")


@pytest.mark.parametrize(
    ("controller", "lacks"),
    [
        ({"initContainers": [{"name": "daprd"}]}, []),
        ({"containers": [{"name": "app"}]}, ["the sidecar of a trial pod"]),
        (Forbidden("The credentials may not impersonate serviceaccounts.", 403), []),
        (None, ["the sidecar of a trial pod"]),
    ],
)
def test_whoever_the_injector_does_not_serve_asks_as_a_controller(
    kube: FakeKube, monkeypatch: pytest.MonkeyPatch, controller: Any, lacks: list[str]
) -> None:
    class Served(FakeKube):
        def create(self, *_: Any, **__: Any) -> dict[str, Any]:
            if isinstance(controller, Exception):
                raise controller
            return {"spec": controller}

    monkeypatch.setattr(PlatformInfo, "_injector", lambda *_: iter(()))
    pod = {"metadata": {"name": "trial", "namespace": "ns"}, "spec": {"containers": [{"name": "app"}]}}
    sidecars = {"name": "dapr", "sidecars": {"dapr_namespace": "dapr-system", "pod": pod}}
    served = (lambda: nullcontext(Served())) if controller else None
    (found,) = platform_info(kube, HELM, "v1.36.3", [sidecars], served)[0]["parts"]
    assert found["missing"] == lacks


def test_what_may_not_be_read_is_missing(kube: FakeKube, tmp_path: Path) -> None:
    class Blind(FakeKube):
        def before(self, verb: str, resource: Resource, name: str) -> None:
            if resource.kind == "Secret":
                raise Forbidden("The credentials may not get secrets.", 403)

    blind = Blind()
    blind.objects, blind.kinds = kube.objects, kube.kinds
    found = missing(blind, part(tmp_path))
    assert found
    assert all(why.startswith("The credentials may not get secrets") for why in found)


def test_what_comes_after_a_part_that_lacks_something_is_not_current(kube: FakeKube) -> None:
    lacks = {"name": "second", "cluster": {"minimum_version": "2.0"}}
    found = platform_info(kube, HELM, "v1.36.3", [{"name": "first"}, lacks, {"name": "third"}])[0]
    assert found["current"] == ["first"]
    assert [part["name"] for part in found["parts"] if not part["missing"]] == ["first", "third"]


@pytest.mark.parametrize("raw", [{}, {"name": "one", "secret": []}, "one"])
def test_a_malformed_part_is_refused(kube: FakeKube, raw: Any) -> None:
    with pytest.raises(TodoCloudError, match="A part has a name and cluster"):
        platform_info(kube, HELM, "v1.36.3", [raw])


def test_a_malformed_part_shows_no_value(kube: FakeKube) -> None:
    raw = {"name": "one", "secret": [], "secrets": [{"values": {"password": "canary"}}]}
    with pytest.raises(TodoCloudError) as caught:
        platform_info(kube, HELM, "v1.36.3", [raw])
    assert "canary" not in str(caught.value.failure.as_result())
    assert "name, secret, secrets" in caught.value.failure.message
