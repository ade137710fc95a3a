"""Days that a certificate has left, read by the standard library alone."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.check import SidecarCheck
from ansible_collections.todo.cloud.plugins.module_utils.dapr.trust import days_left, read_trust
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    POD,
    REPLICA_SET,
    SECRET,
    Resource,
)

from tests.support.fake_kube import FakeKube
from tests.unit.plugins.module_utils.readiness.test_daprd import pod, workload

DAY = 86400
CONFIGURATION = Resource("dapr.io/v1alpha1", "Configuration", "configurations")
WEBHOOK = Resource("v1", "MutatingWebhookConfiguration", "x", namespaced=False)
SLICE = Resource("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")


@pytest.fixture(scope="module", params=["ec", "ed25519"])
def certificate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A CA certificate as sentry makes them, valid for 30 days from now."""
    folder: Path = tmp_path_factory.mktemp("ca")
    key = (
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        if request.param == "ec"
        else ["-newkey", "ed25519"]
    )
    subprocess.run(
        ["openssl", "req", "-x509", *key, "-nodes", "-days", "30", "-subj", "/CN=cluster.local",
         "-keyout", str(folder / "k"), "-out", str(folder / "c")],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return (folder / "c").read_text()


def now(certificate: str) -> float:
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-startdate", "-dateopt", "iso_8601"],
        input=certificate, text=True, check=True, capture_output=True, timeout=60,
    ).stdout  # fmt: skip
    from datetime import datetime

    return datetime.fromisoformat(text.strip().removeprefix("notBefore=").replace(" ", "T", 1)).timestamp()


def test_days_left(certificate: str) -> None:
    begun = now(certificate)
    assert days_left(certificate, begun + 60) == 29
    assert days_left(certificate, begun + 29.5 * DAY) == 0
    assert days_left(certificate, begun + 40 * DAY) == -10


@pytest.mark.parametrize("text", ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_has_no_days(text: str) -> None:
    assert days_left(text, 0) is None


def trust_world(certificate: str) -> FakeKube:
    kube = FakeKube()
    kube.now = now(certificate) + 60
    data = {key: base64.b64encode(certificate.encode()).decode() for key in ("ca.crt", "issuer.crt")}
    kube.put(SECRET, "dapr-system", {"metadata": {"name": "dapr-trust-bundle"}, "data": data})
    kube.put(CONFIGURATION, "dapr-system", {"metadata": {"name": "daprsystem"}, "spec": {"mtls": {"enabled": True}}})
    return kube


def test_trust_is_read(certificate: str) -> None:
    trust = read_trust(trust_world(certificate), "dapr-system")
    assert (trust.mtls, trust.root_days_left, trust.issuer_days_left, trust.why) == (True, 29, 29, "")


def test_what_may_not_be_read_is_said_not_guessed(certificate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kube = trust_world(certificate)

    def denied(*args: object, **kwargs: object) -> None:
        raise Forbidden("may not get secrets", 403)

    monkeypatch.setattr(kube, "find", denied)
    trust = read_trust(kube, "dapr-system")
    assert (trust.mtls, trust.root_days_left) == (None, None)
    assert "may not get secrets" in trust.why


def test_nothing_installed(certificate: str) -> None:
    trust = read_trust(FakeKube(), "dapr-system")
    assert trust.mtls is None
    assert "no Secret dapr-trust-bundle" in trust.why


def plane(kube: FakeKube, *, ready: int = 1, endpoints: bool = True, bundle: str = "x") -> None:
    """A control plane 1.14 whose injector is as told."""
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
def test_nothing_is_restarted_before_the_injector_is_proved(broken: dict[str, object], words: str) -> None:
    kube = FakeKube()
    plane(kube, **broken)  # type: ignore[arg-type]  # one of the switches
    kube.put(POD, "ns", pod("api-2", form="none"))
    looked = check(kube).look()
    with pytest.raises(TodoCloudError, match=words) as caught:
        check(kube).restart_lacking(looked)
    assert caught.value.failure.code is Code.INJECTOR_DOWN
    assert kube.writes == []


def test_an_app_that_is_not_there_is_told() -> None:
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
