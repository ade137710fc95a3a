"""Options of a module that talks to one registry."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.registry.params import client_of, reference_of

from tests.support.fake_registry import FakeRegistry
from tests.unit.plugins.module_utils.registry.conftest import NAME, PASSWORD, failure


@pytest.mark.parametrize("image", ["ghcr.io/a/b", "ghcr.io/A/b:v1"])
def test_an_image_is_named_by_tag_or_digest(image: str) -> None:
    refused = failure(reference_of, {"image": image})
    assert (refused.code, refused.details["option"]) == (Code.INVALID_INPUT, "image")


@pytest.mark.parametrize("by_secret", [False, True])
def test_credentials_come_from_the_options_or_a_pull_secret(registry: FakeRegistry, by_secret: bool) -> None:
    registry.auth, registry.users = "basic", {"todo": PASSWORD}
    digest = registry.push(NAME, "v1")
    auth = base64.b64encode(f"todo:{PASSWORD}".encode()).decode()
    secret = json.dumps({"auths": {"registry.example.com": {"auth": auth}}})
    params: dict[str, Any] = {"image": f"registry.example.com/{NAME}:v1", "endpoint": registry.url, "timeout": 20}
    params |= {"pull_secret": secret} if by_secret else {"username": "todo", "password": PASSWORD}
    reference = reference_of(params)
    assert client_of(reference, params).digest(reference) == digest
