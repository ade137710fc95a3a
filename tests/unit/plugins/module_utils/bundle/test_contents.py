"""The list of contents is what is signed; nothing of it is taken that is not of its form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.bundle import contents as of
from ansible_collections.todo.cloud.plugins.module_utils.bundle.contents import (
    ARTIFACT,
    Attached,
    Chart,
    Image,
    contents_of,
    manifest,
    read_manifest,
)
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError

DIGEST = "sha256:" + "a" * 64
RECORD = of.part("release-set.json", of.RECORD, b"{}")
LISTED = of.contents(
    environment="staging", namespace="ns", set=3, commit="1f3c5a7", time="2026-11-22T12:00:00Z", record=RECORD,
    charts=(Chart("c" * 40, of.part("charts/c.tgz", of.CHART, b"chart")),),
    images=(Image(f"ghcr.io/todo/api@{DIGEST}", (DIGEST,), ("api",), (Attached(DIGEST, ".sig"),)),),
)  # fmt: skip


def test_it_is_read_as_it_was_written() -> None:
    assert contents_of(LISTED.packed()) == LISTED
    assert [part.title for part in LISTED.parts] == ["release-set.json", "charts/c.tgz"]
    assert LISTED.statement() == of.statement(LISTED.packed())


def test_its_manifest_is_one_that_registries_take() -> None:
    content = json.loads(manifest(LISTED, b"signature"))
    assert (content["schemaVersion"], content["artifactType"]) == (2, ARTIFACT)
    assert [each["annotations"]["org.opencontainers.image.title"] for each in content["layers"]] == [
        "release-set.json",
        "charts/c.tgz",
        "bundle.signature",
    ]
    listed, signature = read_manifest(content)
    assert listed.digest == of.digest_of(LISTED.packed())
    assert signature
    assert signature.digest == of.digest_of(b"signature")
    assert read_manifest(json.loads(manifest(LISTED, b"")))[1] is None


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        at: Any = content
        for part in path[:-1]:
            at = at[part]
        at[path[-1]] = to

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("format", to=None),
        _set("format", to=True),
        _set("more", to=1),
        _set("set", to="3"),
        _set("environment", to="staging\n::warning::x"),
        _set("commit", to="1" * 300),
        _set("images", 0, "releases", to=[]),
        _set("record", "digest", to="../../etc/passwd"),
        _set("record", "digest", to="sha512:" + "a" * 128),
        _set("record", "size", to=-1),
        _set("record", "size", to=1 << 40),
        _set("charts", 0, "part", "digest", to=""),
        _set("images", 0, "image", to="ghcr.io/todo/api:v1"),
        _set("images", 0, "image", to="not an image"),
        _set("images", 0, "accepted", to=["latest"]),
        _set("images", 0, "tags", to=["a b"]),
        _set("images", 0, "attached", 0, "suffix", to="/../../x"),
        _set("images", 0, "attached", 0, "digest", to="x"),
    ],
)
def test_what_is_not_of_its_form_is_damaged(change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(LISTED.packed())
    change(content)
    with pytest.raises(TodoCloudError) as caught:
        contents_of(json.dumps(content).encode())
    assert caught.value.failure.code is Code.BUNDLE_DAMAGED


def test_a_newer_one_is_not_called_damaged() -> None:
    content = {**json.loads(LISTED.packed()), "format": 2, "what": "nobody knows yet"}
    with pytest.raises(TodoCloudError, match="format 2") as caught:
        contents_of(json.dumps(content).encode())
    assert caught.value.failure.code is Code.BUNDLE_REFUSED
    assert caught.value.failure.message.endswith(".")


@pytest.mark.parametrize("raw", [b"", b"[]", b"no json", b'{"format": 1, "format": 1}', b"[" * 1000])
def test_no_list_of_contents(raw: bytes) -> None:
    with pytest.raises(TodoCloudError):
        contents_of(raw)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({}, Code.BUNDLE_REFUSED),
        ({"artifactType": "application/vnd.todo.cloud.bundle.v2+json"}, Code.BUNDLE_REFUSED),
        ({"artifactType": "application/vnd.todo.cloud.bundle.v0+json"}, Code.BUNDLE_REFUSED),
        ({"artifactType": ARTIFACT}, Code.BUNDLE_DAMAGED),
        ({"artifactType": ARTIFACT, "config": {"digest": DIGEST, "size": "1"}}, Code.BUNDLE_DAMAGED),
        ({"artifactType": ARTIFACT, "config": {"digest": DIGEST, "size": 1 << 40}}, Code.BUNDLE_DAMAGED),
    ],
)
def test_no_manifest_of_a_bundle(content: dict[str, Any], code: Code) -> None:
    with pytest.raises(TodoCloudError) as caught:
        read_manifest(content)
    assert caught.value.failure.code is code
