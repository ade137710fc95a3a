"""References are read, changed and built by the grammar of the distribution project."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.todo.cloud.plugins.filter.image_ref import FilterModule, image_ref

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("reference", "registry", "repository", "tag", "digest"),
    [
        ("ghcr.io/todo-app/frontend:v1.0.0", "ghcr.io", "todo-app/frontend", "v1.0.0", ""),
        (f"ghcr.io/todo-app/frontend@{DIGEST}", "ghcr.io", "todo-app/frontend", "", DIGEST),
        (f"ghcr.io/todo-app/frontend:v1@{DIGEST}", "ghcr.io", "todo-app/frontend", "v1", DIGEST),
        ("localhost:5000/a/b/c:x", "localhost:5000", "a/b/c", "x", ""),
        ("localhost:5000/frontend", "localhost:5000", "frontend", "", ""),
        ("localhost/frontend:1", "localhost", "frontend", "1", ""),
        ("[::1]:5000/frontend:1", "[::1]:5000", "frontend", "1", ""),
        ("nginx", "docker.io", "library/nginx", "", ""),
        ("nginx:1.29", "docker.io", "library/nginx", "1.29", ""),
        ("apache/kafka:4.3.1", "docker.io", "apache/kafka", "4.3.1", ""),
        ("todo-app/x__y-z.w:A_b.c-1", "docker.io", "todo-app/x__y-z.w", "A_b.c-1", ""),
    ],
)
def test_parts(reference: str, registry: str, repository: str, tag: str, digest: str) -> None:
    parts = image_ref(reference)
    assert isinstance(parts, dict)
    assert {k: parts[k] for k in ("registry", "repository", "tag", "digest")} == {
        "registry": registry,
        "repository": repository,
        "tag": tag,
        "digest": digest,
    }
    assert image_ref(parts, "ref") == parts["ref"] == image_ref(parts["ref"], "ref"), "building undoes parsing"
    assert parts["name"] == f"{registry}/{repository}"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"registry": "mirror.example.com:5000"}, f"mirror.example.com:5000/todo-app/frontend:v1@{DIGEST}"),
        ({"tag": "v2"}, "ghcr.io/todo-app/frontend:v2"),
        ({"tag": "v2", "digest": DIGEST}, f"ghcr.io/todo-app/frontend:v2@{DIGEST}"),
        ({"digest": DIGEST.replace("0", "f")}, f"ghcr.io/todo-app/frontend:v1@{DIGEST.replace('0', 'f')}"),
        ({"digest": ""}, "ghcr.io/todo-app/frontend:v1"),
        ({"repository": "other/frontend"}, f"ghcr.io/other/frontend:v1@{DIGEST}"),
    ],
)
def test_changes(changes: dict[str, str], expected: str) -> None:
    assert image_ref(f"ghcr.io/todo-app/frontend:v1@{DIGEST}", "ref", **changes) == expected


def test_builds_from_parts() -> None:
    assert image_ref({"repository": "nginx", "tag": "1"}, "ref") == "docker.io/library/nginx:1"
    assert image_ref({"registry": "ghcr.io", "repository": "a/b"}, "ref") == "ghcr.io/a/b"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("", "repository ''"),
        ("ghcr.io/", "repository ''"),
        ("ghcr.io/Todo/frontend:v1", "lower-case"),
        ("ghcr.io/todo/frontend:", "ends without its tag"),
        ("ghcr.io/todo/frontend@", "ends without its digest"),
        ("ghcr.io/todo/frontend:v 1", "tag 'v 1'"),
        ("ghcr.io/todo/frontend:" + "x" * 129, "tag"),
        ("ghcr.io/todo/frontend@sha256:abc", "64 hexadecimal"),
        ("https://ghcr.io/todo/frontend", "registry 'https:'"),
        ({"tag": "v1"}, "repository"),
        (["ghcr.io/x/y"], "expected a string or a dictionary, got list"),
        (None, "got NoneType"),
    ],
)
def test_refuses(bad: Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        image_ref(bad)
    assert words in str(caught.value)


def test_refuses_an_unknown_part() -> None:
    with pytest.raises(AnsibleFilterError, match="no part 'host'"):
        image_ref("nginx", "host")


def test_filter_is_registered() -> None:
    assert FilterModule().filters() == {"image_ref": image_ref}
