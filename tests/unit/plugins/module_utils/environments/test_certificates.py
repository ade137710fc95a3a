"""Days left of cert-manager's certificates."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.certificates import certificates
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
        {"name": "edge", "days_left": 30, "ready": True},
        {"name": "gone", "days_left": -1, "ready": False},
        {"name": "new", "days_left": None, "ready": False},
    ]


@pytest.mark.parametrize("fault", [NotFound("no such kind", 404), Forbidden("may not list", 403)])
def test_without_cert_manager_or_the_right_to_read(fault: Exception) -> None:
    assert certificates(Kube(fault=fault), "ns") == []
