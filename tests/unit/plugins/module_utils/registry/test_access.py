"""Where a registry is reached, and with which credentials."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access

from tests.unit.plugins.module_utils.registry.conftest import failure


@pytest.mark.parametrize(
    ("registry_name", "endpoint"),
    [
        ("ghcr.io", "https://ghcr.io"),
        ("docker.io", "https://registry-1.docker.io"),
        ("localhost:5000", "http://localhost:5000"),
        ("127.0.0.1", "http://127.0.0.1"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("10.0.0.5:5000", "https://10.0.0.5:5000"),
    ],
)
def test_where_a_registry_is_reached(registry_name: str, endpoint: str) -> None:
    assert Access.to(registry_name).endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "ftp://x",
        "http://user:secret@host",
        "host:5000",
        "http://host/v2",
        "https://[::1",
        "https://h:x",
        "http://h?a",
        "http://h#a",
    ],
)
def test_endpoints_that_can_not_be(endpoint: str) -> None:
    refused = failure(Access.to, "ghcr.io", {"endpoint": endpoint})
    assert refused.code is Code.INVALID_INPUT
    assert "secret" not in refused.message


def test_a_ca_bundle_that_is_not_there() -> None:
    refused = failure(Access.to("ghcr.io", {"ca_path": "/no/such/file"}).tls_context)
    assert refused.code is Code.INVALID_INPUT
    assert "/no/such/file" in refused.message
    assert Access.to("localhost:5000").tls_context() is None
