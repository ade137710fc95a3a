"""Where a registry is reached, and with which credentials."""

from __future__ import annotations

import base64
import json

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access, Credentials, credentials_of

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


@pytest.mark.parametrize("endpoint", ["ftp://x", "http://user:secret@host", "host:5000", "http://host/v2"])
def test_endpoints_that_can_not_be(endpoint: str) -> None:
    refused = failure(Access.to, "ghcr.io", {"endpoint": endpoint})
    assert refused.code is Code.INVALID_INPUT
    assert "secret" not in refused.message


def test_credentials_of_a_pull_secret() -> None:
    auth = base64.b64encode(b"todo:a:b").decode()
    text = json.dumps(
        {"auths": {"https://index.docker.io/v1/": {"auth": auth}, "ghcr.io": {"username": "u", "password": "p"}}}
    )
    assert credentials_of(text, "docker.io") == Credentials("todo", "a:b")
    assert credentials_of(base64.b64encode(text.encode()).decode(), "ghcr.io") == Credentials("u", "p")
    assert not credentials_of(text, "quay.io")
    for bad in ("[]", "no json", '{"auths": {"ghcr.io": {"auth": "%%"}}}'):
        refused = failure(credentials_of, bad, "ghcr.io")
        assert refused.code is Code.INVALID_INPUT
        assert bad not in refused.message
