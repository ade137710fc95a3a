"""Registries are asked by the OCI distribution API: signed in as they want, patient with faults, clear at the end."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.registry.access import Access, Credentials, credentials_of
from ansible_collections.todo.cloud.plugins.module_utils.registry.client import RegistryClient
from ansible_collections.todo.cloud.plugins.module_utils.registry.reference import Reference

from tests.support.fake_registry import INDEX, FakeRegistry

NAME = "todo-app/web"
PASSWORD = "correct horse"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().serving() as served:
        yield served


def ref(what: str, name: str = NAME) -> Reference:
    joint = "@" if what.startswith("sha256:") else ":"
    return Reference.parse(f"registry.example.com/{name}{joint}{what}")


def client(registry: FakeRegistry, pauses: list[float] | None = None, **options: Any) -> RegistryClient:
    waits = [] if pauses is None else pauses
    access = Access.to("registry.example.com", {"endpoint": registry.url, **options})
    return RegistryClient("registry.example.com", access, 20, waits.append)


def failure(run: Any, *args: Any) -> Any:
    with pytest.raises(TodoCloudError) as caught:
        run(*args)
    return caught.value.failure


def test_a_tag_is_resolved_with_one_request(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    assert client(registry).digest(ref("v1")) == digest
    assert [(r[0], r[1]) for r in registry.requests] == [("HEAD", f"/v2/{NAME}/manifests/v1")]


def test_a_registry_that_does_not_say_the_digest_is_computed(registry: FakeRegistry) -> None:
    registry.says_digest = False
    assert client(registry).digest(ref("v1")) if registry.push(NAME, "v1") else False
    assert client(registry).digest(ref("v1")) == registry.repositories[NAME].tags["v1"]


def test_a_single_image(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1", labels={"a": "b"})
    assert client(registry).image(ref("v1")).as_result() == {
        "image": f"registry.example.com/{NAME}:v1@{digest}",
        "digest": digest,
        "media_type": "application/vnd.oci.image.manifest.v1+json",
        "platforms": [{"platform": "linux/amd64", "digest": digest}],
        "labels": {"a": "b"},
        "created": "2026-11-21T09:30:00Z",
    }


def test_an_index_names_its_platforms_and_leaves_attestations_out(registry: FakeRegistry) -> None:
    arm = registry.push(NAME, text="arm", labels={"for": "arm"})
    amd = registry.push(NAME, text="amd", labels={"for": "amd"})
    index = registry.push_index(
        NAME, "v1", {"linux/arm/v7": arm, "linux/amd64": amd, "unknown/unknown": registry.push(NAME, text="proof")}
    )
    image = client(registry).image(ref("v1"))
    assert (image.digest, image.media_type, image.labels) == (index, INDEX, {"for": "amd"})
    assert image.platforms == {"linux/arm/v7": arm, "linux/amd64": amd}
    assert client(registry).image(ref("v1"), "linux/arm/v7").labels == {"for": "arm"}
    refused = failure(client(registry).image, ref("v1"), "windows/amd64")
    assert refused.code is Code.IMAGE_NOT_FOUND
    assert "linux/arm/v7, linux/amd64" in refused.message


@pytest.mark.parametrize("what", ["v2", "sha256:" + "0" * 64])
def test_an_image_that_is_not_there(registry: FakeRegistry, what: str) -> None:
    registry.push(NAME, "v1")
    assert failure(client(registry).digest, ref(what)).code is Code.IMAGE_NOT_FOUND
    assert failure(client(registry).image, ref("v1", "no/such")).code is Code.IMAGE_NOT_FOUND


def test_content_that_is_not_what_its_digest_says_is_refused(registry: FakeRegistry) -> None:
    digest = registry.push(NAME, "v1")
    registry.spoils = True
    assert failure(client(registry).image, ref(digest)).code is Code.REGISTRY_ERROR


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
    assert all(not said.startswith("Basic ") for _, path, said in registry.requests if not path.startswith("/token"))


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
    blobs = [said for _, path, said in registry.requests if "/blobs/" in path]
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
def test_faults_that_do_not_end_are_told(registry: FakeRegistry, faults: list[tuple[int, dict[str, str]]]) -> None:
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


def test_one_more_tag_is_the_very_same_image(registry: FakeRegistry) -> None:
    registry.auth, registry.users, registry.pushers = "token", {"ci": PASSWORD, "reader": PASSWORD}, {"ci"}
    digest = registry.push(NAME, "sha-1")
    client(registry, username="ci", password=PASSWORD).add_tag(ref(digest), "v1.0.0")
    assert registry.repositories[NAME].tags == {"sha-1": digest, "v1.0.0": digest}
    refused = failure(client(registry, username="reader", password=PASSWORD).add_tag, ref(digest), "v2")
    assert refused.code is Code.REGISTRY_DENIED
    assert "push" in refused.message


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
