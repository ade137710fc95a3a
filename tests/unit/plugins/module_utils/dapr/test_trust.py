"""Days that a certificate has left, read by the standard library alone."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dapr.trust import days_left, read_trust
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    SECRET,
    Resource,
)

from tests.support.fake_kube import FakeKube

DAY = 86400
CONFIGURATION = Resource("dapr.io/v1alpha1", "Configuration", "configurations")


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


def test_what_may_not_be_read_is_reported_not_guessed(certificate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kube = trust_world(certificate)

    def denied(*args: object, **kwargs: object) -> None:
        raise Forbidden("may not get secrets", 403)

    monkeypatch.setattr(kube, "find", denied)
    trust = read_trust(kube, "dapr-system")
    assert (trust.mtls, trust.root_days_left) == (None, None)
    assert "may not get secrets" in trust.why


def test_who_may_not_read_the_key_learns_about_the_root(certificate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kube = trust_world(certificate)
    kube.put(CONFIG_MAP, "dapr-system", {"metadata": {"name": "dapr-trust-bundle"}, "data": {"ca.crt": certificate}})
    find = kube.find

    def no_secrets(resource: Resource, *args: Any, **kwargs: Any) -> Any:
        if resource is SECRET:
            raise Forbidden("may not get secrets", 403)
        return find(resource, *args, **kwargs)

    monkeypatch.setattr(kube, "find", no_secrets)
    trust = read_trust(kube, "dapr-system")
    assert (trust.root_days_left, trust.issuer_days_left, trust.days_left, trust.why) == (29, None, 29, "")


def test_nothing_installed(certificate: str) -> None:
    trust = read_trust(FakeKube(), "dapr-system")
    assert trust.mtls is None
    assert "no Secret dapr-trust-bundle" in trust.why
