"""Secret values in other places than Secrets: hidden in differences and messages, encoded and hashed too."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, Failure
from ansible_collections.todo.cloud.plugins.module_utils.planning.diff import manifest_diffs
from ansible_collections.todo.cloud.plugins.module_utils.planning.hiding import (
    credentials_of,
    telling,
    without_secrets,
)

from tests.support.fake_environment import spec

OLD, NEW = "hunter2/one", "hunter3/two"


def manifest(password: str, level: str = "info") -> str:
    encoded = base64.b64encode(password.encode()).decode()
    items: list[dict[str, Any]] = [
        {"kind": "Secret", "metadata": {"name": "s"}, "data": {"password": encoded, "user": "cG9zdGdyZXM="}},
        {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {
            "url": f"postgres://postgres:{password}@db", "encoded": encoded, "level": level,
            "hash": hashlib.sha256(password.encode()).hexdigest()}},
        {"kind": "Deployment", "metadata": {"name": "d", "annotations": {"same": "0" * 64}}, "spec": {"template": {
            "metadata": {"annotations": {"checksum/secret": hashlib.md5(f"{password}x".encode()).hexdigest(),
                                         "todo.cloud/components": "a" * 40}}}}},
    ]  # fmt: skip
    return "\n---\n".join(json.dumps(item) for item in items)


def test_a_difference_shows_where_a_secret_changed_and_not_what_it_is() -> None:
    shown = json.dumps(manifest_diffs("api", manifest(OLD), 1, manifest(NEW, "debug"), "revision 2"))
    for password in (OLD, NEW):
        forms = (password, base64.b64encode(password.encode()).decode(), password.replace("/", "%2F"))
        digests = (hashlib.sha256(password.encode()).hexdigest(), hashlib.md5(f"{password}x".encode()).hexdigest())
        assert not [form for form in (*forms, *digests) if form in shown]
    assert "postgres://postgres:(hidden, before)@db" in shown
    assert "checksum/secret: (hidden, after)" in shown
    assert "level: info" in shown
    assert "level: debug" in shown
    assert "same: (hidden)" in shown
    assert "todo.cloud/components: " + "a" * 40 in shown


def test_manifests_without_a_secret_are_shown_as_they_are() -> None:
    one = json.dumps({"kind": "Deployment", "metadata": {"name": "d", "annotations": {"checksum/config": "0" * 64}}})
    (entry,) = manifest_diffs("api", "", 0, one, "now")
    assert "0" * 64 in entry["after"]
    assert "0" * 64 not in json.dumps(manifest_diffs("api", "", 0, one, "now", secrets={"0" * 64}))


@pytest.mark.parametrize("word", ["", "app", "postgres", "db.example", "5432", "true", "admin"])
def test_words_that_say_nothing_are_shown(word: str) -> None:
    assert telling([word]) == set()


@pytest.mark.parametrize("text", ["hunter2", "s3cr3t", "correct horse battery staple", "abcdefghijklmnop", "p@ss!"])
def test_texts_that_say_something_are_not(text: str) -> None:
    assert {text, base64.b64encode(text.encode()).decode()} <= telling([text])


def test_a_failure_of_helm_does_not_quote_secret_values() -> None:
    release = spec("api", {"auth": {"password": OLD}, "size": "5Gi-large-disk"})
    said = Failure(Code.CHART_INVALID, f"api: '{OLD}' is too short, '5Gi-large-disk' too", {"output": [OLD]})
    examined = without_secrets(said, replace(release, secret_values=(("auth", "password"),)))
    assert examined.message == "api: '(hidden)' is too short, '5Gi-large-disk' too"
    assert examined.details == {"output": ["(hidden)"]}
    assert "5Gi-large-disk" not in without_secrets(said, release).message


def test_a_word_is_hidden_where_its_name_says_that_it_is_a_credential() -> None:
    def both(password: str) -> str:
        secret = {"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"password": password, "user": "postgres"}}
        plain = {"kind": "ConfigMap", "metadata": {"name": "postgres"}, "data": {"url": f"postgres:{password}@db"}}
        return "\n---\n".join(json.dumps(item) for item in (secret, plain))

    shown = json.dumps(manifest_diffs("api", both("letmein"), 1, both("changeme"), "revision 2"))
    assert "letmein" not in shown
    assert "changeme" not in shown
    assert "url: postgres:(hidden, before)@db" in shown
    plain = json.dumps({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"password": "letmein"}})
    (entry,) = manifest_diffs("api", "", 0, plain, "now", credentials_of({"auth": {"password": "letmein"}}))
    assert "password: (hidden, after)" in entry["after"]
