"""Signed in as the registry wants, patient with faults, and no credential to anybody else."""

from __future__ import annotations

import json

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access, Credentials
from ansible_collections.todo.cloud.plugins.module_utils.registry.client import RegistryClient

from tests.support.fake_registry import FakeRegistry
from tests.unit.plugins.module_utils.registry.conftest import NAME, PASSWORD, client, failure, ref


def test_basic_authentication(registry: FakeRegistry) -> None:
    registry.auth, registry.users = "basic", {"todo": PASSWORD}
    digest = registry.push(NAME, "v1")
    assert client(registry, username="todo", password=PASSWORD).digest(ref("v1")) == digest
    refused = failure(client(registry, username="todo", password="wrong").digest, ref("v1"))
    assert refused.code is Code.REGISTRY_DENIED
    assert "'todo'" in refused.message
    assert "wrong" not in str(refused)
    assert "anonymous" in failure(client(registry).digest, ref("v1")).message


def test_a_token_is_asked_for_once_for_each_repository(registry: FakeRegistry) -> None:
    registry.auth, registry.users = "token", {"todo": PASSWORD}
    registry.push(NAME, "v1")
    registry.push("todo-app/api", "v1")
    asking = client(registry, username="todo", password=PASSWORD)
    for name in (NAME, NAME, "todo-app/api"):
        asking.digest(ref("v1", name))
    paths = [path.partition("?")[0] for _, path, _ in registry.requests]
    web, api = f"/v2/{NAME}/manifests/v1", "/v2/todo-app/api/manifests/v1"
    assert paths == [web, "/token", web, web, "/token", api], "the second repository's challenge is known by then"
    assert all(
        not header.startswith("Basic ") for _, path, header in registry.requests if not path.startswith("/token")
    )


def test_an_expired_token_is_replaced(registry: FakeRegistry) -> None:
    registry.auth, registry.anonymous_pull = "token", True
    registry.push(NAME, "v1")
    asking = client(registry)
    asking.digest(ref("v1"))
    registry.tokens.clear()
    asking.digest(ref("v1"))


def test_a_refresh_token_of_a_pull_secret(registry: FakeRegistry) -> None:
    registry.auth, registry.refresh_token = "token", "long-lived"
    digest = registry.push(NAME, "v1")
    secret = json.dumps({"auths": {"registry.example.com": {"identitytoken": "long-lived"}}})
    access = Access.to("r", {"endpoint": registry.url}).with_pull_secrets("registry.example.com", [secret])
    assert RegistryClient("registry.example.com", access).digest(ref("v1")) == digest


@pytest.mark.parametrize("user", ["reader", ""])
def test_denied_where_tokens_are_wanted(registry: FakeRegistry, user: str) -> None:
    registry.auth, registry.users = "token", {"reader": PASSWORD}
    registry.push(NAME, "v1")
    refused = failure(client(registry, username=user, password="wrong" if user else "").digest, ref("v1"))
    assert refused.code is Code.REGISTRY_DENIED
    assert NAME in refused.message


def test_nothing_is_sent_to_a_token_service_without_tls(registry: FakeRegistry) -> None:
    access = Access("https://127.0.0.1:1", Credentials("todo", PASSWORD))
    asking = RegistryClient("r", access)._http
    asking._challenge = ("bearer", {"realm": f"{registry.url}/token"})
    refused = failure(asking.request, "GET", "/v2/x/manifests/y", "repository:x:pull")
    assert refused.code is Code.REGISTRY_DENIED
    assert registry.requests == []


def test_credentials_do_not_follow_a_redirect_to_where_blobs_are(registry: FakeRegistry) -> None:
    registry.auth, registry.users = "basic", {"todo": PASSWORD}
    registry.push(NAME, "v1")
    registry.blobs_at = registry.address.replace("127.0.0.1", "localhost")
    client(registry, username="todo", password=PASSWORD).image(ref("v1"))
    blobs = [header for _, path, header in registry.requests if "/blobs/" in path]
    assert blobs[-1] == ""
    assert len(blobs) == 2


def test_faults_are_waited_out_as_the_registry_asks(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    registry.faults = [(429, {"Retry-After": "3"}), (503, {}), (502, {})]
    pauses: list[float] = []
    assert client(registry, pauses).digest(ref("v1")) == digest
    assert pauses[0] == 3.0
    assert len(pauses) == 3


@pytest.mark.parametrize("faults", [[(503, {})] * 5, [(429, {"Retry-After": "3600"})]])
def test_faults_that_do_not_end_are_reported(registry: FakeRegistry, faults: list[tuple[int, dict[str, str]]]) -> None:
    registry.push(NAME, "v1")
    registry.faults = list(faults)
    refused = failure(client(registry).digest, ref("v1"))
    assert refused.code is Code.REGISTRY_UNREACHABLE
    assert str(faults[0][0]) in refused.message
    assert registry.faults == []


def test_nobody_there(registry: FakeRegistry) -> None:
    access = Access.to("registry.example.com", {"endpoint": "http://127.0.0.1:1"})
    refused = failure(RegistryClient("registry.example.com", access, 5, lambda _: None).digest, ref("v1"))
    assert refused.code is Code.REGISTRY_UNREACHABLE
    assert "refused" in refused.message.lower()
