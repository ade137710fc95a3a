"""Days left of cert-manager's certificates, and why one is not issued."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.certificates import certificates, unissued
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, NotFound
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import Resource

from tests.support.fake_kube import FakeKube

NOW = 1795341600.0  # 2026-11-22T10:00:00Z


class Kube(FakeKube):
    """A namespace with certificates, or one where they can't be listed."""

    def __init__(self, *found: dict[str, Any], fault: Exception | None = None) -> None:
        super().__init__()
        self.now = NOW
        self.fault = fault
        for each in found:
            self.put(Resource("cert-manager.io/v1", "Certificate", "certificates"), "ns", each)

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if self.fault:
            raise self.fault


def owned(kind: str, name: str, owner: str, **content: Any) -> tuple[Resource, dict[str, Any]]:
    """What cert-manager makes for a certificate, one below the other."""
    group = "cert-manager.io" if kind == "CertificateRequest" else "acme.cert-manager.io"
    created = {"creationTimestamp": f"2026-11-22T0{content.pop('hour', 9)}:00:00Z"}
    metadata = {"name": name, "uid": name, "ownerReferences": [{"uid": owner}], **created}
    return Resource(f"{group}/v1", kind, f"{kind.lower()}s"), {"metadata": metadata, **content}


WAITING = "Waiting for HTTP-01 challenge propagation: failed to perform self check GET request: no such host"
LIMIT = (
    "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many certificates (5) already issued "
    "for this exact set of identifiers in the last 168h0m0s, retry after 2026-11-24 08:30:00 UTC: see the docs."
)
REQUEST = owned("CertificateRequest", "edge-2", "edge")
NO_ISSUER = "Referenced issuer does not have a Ready status condition"
UNISSUED = "Issuing certificate as Secret does not exist"
NOT_READY = {"conditions": [{"type": "Ready", "status": "False", "message": UNISSUED}]}
EXPLAINED: dict[str, tuple[list[tuple[Resource, dict[str, Any]]], dict[str, Any], str]] = {
    "challenge": (
        [
            REQUEST,
            owned("Order", "edge-2-1", "edge-2", status={"state": "pending"}),
            owned(
                "Challenge", "c", "edge-2-1",
                spec={"type": "HTTP-01", "dnsName": "todo.example.com"}, status={"state": "pending", "reason": WAITING},
            ),
        ],
        NOT_READY,
        f"HTTP-01 challenge for todo.example.com is pending: {WAITING}",
    ),
    "order": (
        [REQUEST, owned("Order", "edge-2-1", "edge-2", status={"state": "errored", "reason": LIMIT})],
        {**NOT_READY, "failedIssuanceAttempts": 2, "lastFailureTime": "2026-11-22T09:30:00Z"},
        f"order edge-2-1 is errored: {LIMIT.rstrip('.')}. The ACME server's limit ends at 2026-11-24 08:30:00 UTC; "
        "more runs do not help before. cert-manager tries again at 2026-11-22T11:30:00Z",
    ),
    "request": (
        [owned("CertificateRequest", "edge-2", "edge", status={"conditions": [
            {"type": "Ready", "status": "False", "message": NO_ISSUER}]})],
        NOT_READY,
        NO_ISSUER,
    ),
    "only the newest request": (
        [
            REQUEST,
            owned("CertificateRequest", "edge-1", "edge", hour=8),
            owned("Order", "edge-1-1", "edge-1", status={"state": "invalid", "reason": "an old story"}),
        ],
        NOT_READY,
        UNISSUED,
    ),
    "somebody else's challenge": (
        [owned("Challenge", "c", "other", spec={}, status={"state": "invalid", "reason": "not ours"})],
        NOT_READY,
        UNISSUED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", EXPLAINED)
def test_one_that_is_not_issued_is_explained(case: str) -> None:
    below, status, why = EXPLAINED[case]
    kube = Kube({"metadata": {"name": "edge", "uid": "edge"}, "status": status})
    for kind, item in below:
        kube.put(kind, "ns", item)
    assert [each["why"] for each in certificates(kube, "ns")] == [why]


def test_a_refused_renewal_is_told_while_the_old_certificate_serves() -> None:
    ready = {"notAfter": "2026-12-22T11:00:00Z", "conditions": [{"type": "Ready", "status": "True"}]}
    failed = {**ready, "failedIssuanceAttempts": 1, "lastFailureTime": "2026-11-22T09:30:00Z"}
    kube = Kube({"metadata": {"name": "edge", "uid": "edge"}, "status": failed})
    order = owned("Order", "edge-2-1", "edge-2", status={"state": "errored", "reason": LIMIT})
    for kind, item in (REQUEST, order):
        kube.put(kind, "ns", item)
    (found,) = certificates(kube, "ns")
    assert (found["days_left"], found["ready"]) == (30, True)
    assert found["why"] == (
        f"renewal failed: order edge-2-1 is errored: {LIMIT.rstrip('.')}. The ACME server's limit ends at "
        "2026-11-24 08:30:00 UTC; more runs do not help before. cert-manager tries again at 2026-11-22T10:30:00Z"
    )
    assert unissued(kube, "ns") == [], "no run waits for it"


def certificate(name: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": status}


def test_days_left_and_readiness() -> None:
    ready = [{"type": "Ready", "status": "True"}]
    found = [
        certificate("new"),
        certificate("edge", notAfter="2026-12-22T11:00:00Z", conditions=ready),
        certificate("gone", notAfter="2026-11-22T09:00:00Z", conditions=[{"type": "Ready", "status": "False"}]),
    ]
    assert certificates(Kube(*found), "ns") == [
        {"name": "edge", "days_left": 30, "ready": True, "why": ""},
        {"name": "gone", "days_left": -1, "ready": False, "why": "cert-manager has not looked at it yet"},
        {"name": "new", "days_left": None, "ready": False, "why": "cert-manager has not looked at it yet"},
    ]


@pytest.mark.parametrize("fault", [NotFound("no such kind", 404), Forbidden("may not list", 403)])
def test_without_cert_manager_or_the_right_to_read(fault: Exception) -> None:
    assert certificates(Kube(fault=fault), "ns") == []
