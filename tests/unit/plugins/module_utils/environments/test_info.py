"""What a module tells of an environment."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.info import host_of


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://Todo.example.com:8443/x", "todo.example.com"), ("todo.example.com", "todo.example.com"),
        ("http://10.240.0.2:30080", ""), ("http://[::1]/", ""), ("localhost", ""), ("", ""),
    ],
)  # fmt: skip
def test_names_can_be_claimed_and_addresses_cannot(text: str, host: str) -> None:
    assert host_of(text) == host
