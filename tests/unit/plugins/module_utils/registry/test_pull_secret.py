"""Which entry of a pull Secret counts for an image: as the kubelet chooses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code
from ansible_collections.todo.cloud.plugins.module_utils.registry.pull_secret import Credentials, credentials_of

from tests.unit.plugins.module_utils.registry.conftest import failure


def base(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(*keys: str) -> str:
    """Each key's user has its name."""
    return json.dumps({"auths": {key: {"auth": base(f"{key.replace(':', ' ')}:secret")} for key in keys}})


@pytest.mark.parametrize(
    ("keys", "image", "user"),
    [
        (["ghcr.io/org-a", "ghcr.io/org-b"], "ghcr.io/org-b/app", "ghcr.io/org-b"),
        (["ghcr.io", "ghcr.io/org", "ghcr.io/org/app"], "ghcr.io/org/app", "ghcr.io/org/app"),
        (["ghcr.io", "ghcr.io/org"], "ghcr.io/other/app", "ghcr.io"),
        (["ghcr.io/org-a"], "ghcr.io/org-b/app", ""),
        (["*.azurecr.io"], "acme.azurecr.io/x", "*.azurecr.io"),
        (["*.azurecr.io"], "a.b.azurecr.io/x", ""),
        (["*.azurecr.io"], "azurecr.io/x", ""),
        (["*.azurecr.io", "acme.azurecr.io"], "acme.azurecr.io/x", "acme.azurecr.io"),
        (["*.dkr.ecr.*.amazonaws.com"], "1.dkr.ecr.eu-1.amazonaws.com/x", "*.dkr.ecr.*.amazonaws.com"),
        (["registry-?.example.com"], "registry-1.example.com/x", "registry-?.example.com"),
        (["r.example.com:5000"], "r.example.com:5000/x", "r.example.com 5000"),
        (["r.example.com"], "r.example.com:5000/x", ""),
        (["r.example.com:5000"], "r.example.com/x", ""),
        (["https://ghcr.io/v2/"], "ghcr.io/x", "https //ghcr.io/v2/"),
        (["https://ghcr.io/v1/org"], "ghcr.io/org/x", "https //ghcr.io/v1/org"),
        (["http://ghcr.io"], "ghcr.io/x", "http //ghcr.io"),
        (["evilghcr.io", "ghcr.io.evil"], "ghcr.io/x", ""),
        (["ghcr.io"], "evilghcr.io/x", ""),
        (["https://index.docker.io/v1/"], "docker.io/library/x", "https //index.docker.io/v1/"),
        (["docker.io/acme", "https://index.docker.io/v1/"], "docker.io/acme/x", "docker.io/acme"),
        (["[::1]:5000"], "[::1]:5000/x", "[  1] 5000"),
        (["*" * 60 + "a"], "a" * 60 + "b.example/x", ""),
    ],
)  # fmt: skip
def test_the_most_specific_key_that_fits(keys: list[str], image: str, user: str) -> None:
    assert credentials_of(secret(*keys), *image.split("/", 1)).username == user


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"auth": base("todo:a:b")}, Credentials("todo", "a:b")),
        ({"auth": base("ab:c").rstrip("=")}, Credentials("ab", "c")),
        ({"username": "u", "password": "p"}, Credentials("u", "p")),
        ({"auth": base("a:b"), "username": "u", "password": "p"}, Credentials("a", "b")),
        ({"identitytoken": "long"}, Credentials("", "", "long")),
        ({}, Credentials()),
    ],
)
def test_what_an_entry_says(entry: dict[str, str], found: Credentials) -> None:
    text = json.dumps({"auths": {"ghcr.io": entry}})
    assert credentials_of(text, "ghcr.io", "x") == found
    assert credentials_of(base(text), "ghcr.io", "x") == found
    assert not credentials_of(text, "quay.io", "x")


def test_an_entry_without_credentials_does_not_stand_before_one_with_some() -> None:
    text = json.dumps({"auths": {"ghcr.io/org": {}, "ghcr.io": {"username": "u", "password": "p"}}})
    assert credentials_of(text, "ghcr.io", "org/app").username == "u"


@pytest.mark.parametrize(
    "bad",
    [
        "[]", "no json", "{}", '{"auths": []}', '{"auths": {"ghcr.io": "x"}}', '{"auths": {"ghcr.io": {"auth": "%%"}}}',
        '{"auths": {"ghcr.io": {"password": "\\ud800"}}}', '{"auths": ' + "[" * 100_000, "\u20ac", "\ud800",
        '{"auths": {"ghcr.io": {"auth": "/w=="}}}',
    ],
)  # fmt: skip
def test_what_is_no_pull_secret_is_refused_and_not_shown(bad: Any) -> None:
    refused = failure(credentials_of, bad, "ghcr.io", "x")
    assert refused.code is Code.INVALID_INPUT
    assert bad not in refused.message
