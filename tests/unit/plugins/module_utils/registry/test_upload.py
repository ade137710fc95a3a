"""Content of any size arrives at a registry, part by part, whatever is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.registry import upload

from tests.support.fake_registry import FakeRegistry, digest_of
from tests.unit.plugins.module_utils.registry.conftest import NAME, PASSWORD, client, failure, ref

CONTENT = bytes(range(256)) * 10
DIGEST = digest_of(CONTENT)
PART = upload._PART


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "_PART", 1000)


def read(start: int, length: int) -> bytes:
    return CONTENT[start : start + length]


def push(registry: FakeRegistry, **options: Any) -> None:
    client(registry, **options).upload(ref("v1"), DIGEST, len(CONTENT), read)


def methods(registry: FakeRegistry) -> list[str]:
    return [method for method, *_rest in registry.requests]


def test_part_by_part(registry: FakeRegistry) -> None:
    push(registry)
    assert registry.repositories[NAME].blobs == {DIGEST: CONTENT}
    assert methods(registry) == ["POST", "PATCH", "PATCH", "PATCH", "PUT"]
    assert client(registry).has_blob(ref("v1"), DIGEST)
    assert not client(registry).has_blob(ref("v1"), digest_of(b"other"))


def test_what_is_small_goes_in_one_piece(registry: FakeRegistry) -> None:
    content = CONTENT[:1000]
    client(registry).upload(ref("v1"), digest_of(content), 1000, read)
    assert registry.repositories[NAME].blobs == {digest_of(content): content}
    assert methods(registry) == ["POST", "PUT"]


def test_parts_are_no_larger_than_the_registry_of_github_takes(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "_PART", PART)
    registry.most = 4 << 20
    content = bytes(9 << 20)
    client(registry).upload(ref("v1"), digest_of(content), len(content), lambda start, length: content[:length])
    assert methods(registry) == ["POST", "PATCH", "PATCH", "PATCH", "PUT"]


def test_a_registry_that_takes_no_parts_gets_it_in_one_piece(registry: FakeRegistry) -> None:
    """As those of Amazon and Google."""
    registry.parts = False
    push(registry)
    assert registry.repositories[NAME].blobs == {DIGEST: CONTENT}
    assert methods(registry)[-2:] == ["POST", "PUT"]


def test_a_piece_that_fails_is_not_the_end(registry: FakeRegistry) -> None:
    registry.faults = [(202, {"Location": f"/v2/{NAME}/blobs/uploads/9"}), (404, {}), (404, {}),
                       (202, {"Location": f"/v2/{NAME}/blobs/uploads/9"}), (503, {})]  # fmt: skip
    push(registry)
    assert registry.repositories[NAME].blobs == {DIGEST: CONTENT}
    assert methods(registry) == ["POST", "PATCH", "GET", "POST", "PUT", "POST", "PATCH", "PATCH", "PATCH", "PUT"]


def test_nothing_has_no_parts(registry: FakeRegistry) -> None:
    client(registry).upload(ref("v1"), digest_of(b""), 0, read)
    assert methods(registry) == ["POST", "PUT"]


def test_a_part_whose_answer_was_lost_is_not_sent_twice(registry: FakeRegistry) -> None:
    registry.lost = 2
    push(registry)
    assert registry.repositories[NAME].blobs == {DIGEST: CONTENT}
    assert bytes(registry.uploads["0"]) == CONTENT
    assert len(registry.uploads) == 1


def test_what_did_not_arrive_whole_is_sent_once_more_from_the_beginning(registry: FakeRegistry) -> None:
    registry.faults = [(202, {"Location": f"/v2/{NAME}/blobs/uploads/0"}), (202, {}), (202, {}), (202, {})]
    push(registry)  # its first upload was never begun
    assert registry.repositories[NAME].blobs == {DIGEST: CONTENT}


def test_content_that_is_another_is_never_stored(registry: FakeRegistry) -> None:
    refused = failure(client(registry).upload, ref("v1"), digest_of(b"x"), len(CONTENT), read)
    assert refused.code is Code.REGISTRY_ERROR
    assert "digest invalid" in refused.message
    assert registry.repositories == {}


def test_a_registry_may_want_larger_parts(registry: FakeRegistry) -> None:
    registry.least = "2000"
    push(registry)
    assert methods(registry) == ["POST", "PATCH", "PATCH", "PUT"]


def test_credentials_and_content_stay_at_the_endpoint(registry: FakeRegistry) -> None:
    with FakeRegistry().serving() as other:
        registry.uploads_at = other.url
        refused = failure(push, registry)
        assert (refused.code, other.requests) == (Code.REGISTRY_ERROR, [])


def test_who_may_only_read(registry: FakeRegistry) -> None:
    registry.auth, registry.users, registry.pushers = "token", {"ci": PASSWORD, "reader": PASSWORD}, {"ci"}
    with pytest.raises(Exception, match="does not let the user 'reader' push"):
        push(registry, username="reader", password=PASSWORD)
    push(registry, username="ci", password=PASSWORD)
    assert DIGEST in registry.repositories[NAME].blobs


def test_a_proxy_that_takes_no_part_of_this_size_is_told_at_once(registry: FakeRegistry) -> None:
    place = {"Location": f"/v2/{NAME}/blobs/uploads/0"}
    registry.faults = [(202, place), (413, {}), (202, place), (413, {}), (202, place), (413, {})]
    refused = failure(push, registry)
    assert "it answers 413" in refused.message
    assert methods(registry) == ["POST", "PATCH", "POST", "PUT", "POST", "PATCH"]
