"""Days left of cert-manager's certificates."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.certificates import certificates
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden, NotFound

NOW = 1795341600.0  # 2026-11-22T10:00:00Z


class Kube:
    def __init__(self, found: list[dict[str, Any]] | Exception) -> None:
        self.found = found

    def list_(self, resource: Any, namespace: str) -> tuple[list[dict[str, Any]], str]:
        assert (resource.plural, namespace) == ("certificates", "ns")
        if isinstance(self.found, Exception):
            raise self.found
        return self.found, ""

    def server_now(self) -> float:
        return NOW


def certificate(name: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": status}


def test_days_left_and_readiness() -> None:
    ready = [{"type": "Ready", "status": "True"}]
    found = [
        certificate("new"),
        certificate("door", notAfter="2026-12-22T11:00:00Z", conditions=ready),
        certificate("gone", notAfter="2026-11-22T09:00:00Z", conditions=[{"type": "Ready", "status": "False"}]),
    ]
    assert certificates(Kube(found), "ns") == [  # type: ignore[arg-type]  # a fake session
        {"name": "door", "days_left": 30, "ready": True},
        {"name": "gone", "days_left": -1, "ready": False},
        {"name": "new", "days_left": None, "ready": False},
    ]


@pytest.mark.parametrize("fault", [NotFound("no such kind", 404), Forbidden("may not list", 403)])
def test_without_cert_manager_or_the_right_to_read(fault: Exception) -> None:
    assert certificates(Kube(fault), "ns") == []  # type: ignore[arg-type]  # a fake session
