# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two environments of a cluster never have the same credential."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.environments.credentials import (
    CREDENTIALS,
    KEY_NAME,
    KEY_NAMESPACE,
    Compared,
    Wanted,
    compare,
    covers,
)
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.errors import Forbidden
from ansible_collections.todo.cloud.plugins.module_utils.kube.resources import NAMESPACE, Resource

from tests.support.fake_kube import FakeKube

Texts = Mapping[str, Mapping[str, str | bytes]]


class Kube(FakeKube):
    """With two environments; ``forbidden`` are a verb and a name, or a verb alone."""

    def __init__(self) -> None:
        super().__init__()
        self.forbidden: set[tuple[str, str]] = set()
        for name in ("staging", "production"):
            labels = {"todo.cloud/environment": name}
            self.put(NAMESPACE, "", {"metadata": {"name": f"todo-{name}", "labels": labels}})

    def before(self, verb: str, resource: Resource, name: str) -> None:
        if self.forbidden & {(verb, name), (verb, resource.kind)}:
            raise Forbidden(f"may not {verb} {name}", 403)

    def noted(self, environment: str) -> str:
        metadata = self.objects["Namespace", "", f"todo-{environment}"]["metadata"]
        return str((metadata.get("annotations") or {}).get(CREDENTIALS, ""))


def data(secrets: Texts) -> dict[str, dict[str, str]]:
    def coded(value: str | bytes) -> str:
        return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()

    return {name: {key: coded(value) for key, value in keys.items()} for name, keys in secrets.items()}


def written(kube: Kube, environment: str, secrets: Texts, *shared: str, check: bool = False) -> Compared:
    wanted = Wanted(environment, f"todo-{environment}", data(secrets), frozenset(shared))
    return compare(kube, wanted, check=check)


def refused(kube: Kube, secrets: Texts, *shared: str) -> str:
    before = kube.noted("staging")
    with pytest.raises(TodoCloudError) as caught:
        written(kube, "staging", secrets, *shared)
    assert caught.value.failure.code is Code.INVALID_INPUT
    assert kube.noted("staging") == before, "nothing is written"
    return caught.value.failure.message


def login(password: str) -> str:
    return json.dumps({"auths": {"ghcr.io": {"username": "u", "password": password}}})


SAME: list[tuple[str | bytes, str | bytes]] = [
    ("canary-1", "canary-1"),
    ("canary-1", "canary-1\n"),
    (b"\x00\xff\x01", b"\x00\xff\x01"),
    ("postgresql://todo:canary-1@a.example/todo", "postgresql://todo:canary-1@b.example/todo?sslmode=require"),
    ("postgresql://todo:canary%2D1@a.example/todo", "canary-1"),
    (login("canary-1"), login("canary-1").replace("ghcr.io", "quay.io")),
    ("-----BEGIN PRIVATE KEY-----\nx", "-----BEGIN PRIVATE KEY-----\nx"),
    ("-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nx",) * 2,
]


@pytest.mark.parametrize(("theirs", "mine"), SAME)
def test_what_another_environment_has_is_refused_and_not_shown(theirs: str | bytes, mine: str | bytes) -> None:
    kube = Kube()
    written(kube, "production", {"app": {"key": theirs, "other": "p"}})
    said = refused(kube, {"db": {"password": mine, "more": "s"}})
    assert said == (
        "Environment 'staging' shares credentials with another one: password of Secret db here and key of Secret app "
        "of environment 'production' (namespace 'todo-production') are the same. Give each environment its own, or "
        "name the Secret in environment_shared_credentials if both may know it. Nothing was written."
    )
    assert "canary" not in said + kube.noted("production")


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ("one", "two"),
        ("", ""),
        ("postgresql://todo@host/db", "postgresql://todo@host/other"),
        ("-----BEGIN CERTIFICATE-----\nx", "-----BEGIN CERTIFICATE-----\nx"),
        (login(""), login("").replace("u", "v")),
        ("{", "{ "[:1] + "x"),
    ],
)
def test_what_is_no_credential_or_differs_is_written(theirs: str, mine: str) -> None:
    kube = Kube()
    written(kube, "production", {"app": {"key": theirs}})
    assert written(kube, "staging", {"app": {"key": mine}}).changed


def test_keys_that_say_where_and_how_do_not_count() -> None:
    kube = Kube()
    same = {
        "brokers": "b:9092",
        "mechanism": "SCRAM-SHA-256",
        "disable_tls": "false",
        "username": "todo",
        "ca.crt": "x",
    }
    written(kube, "production", {"kafka": {**same, "password": "p"}})
    written(kube, "staging", {"kafka": {**same, "password": "s"}})
    assert "username of" not in refused(kube, {"kafka": {**same, "password": "p"}})


@pytest.mark.parametrize("shared", ["registry", "registry/.dockerconfigjson"])
def test_what_the_inventory_calls_shared_may_be_the_same(shared: str) -> None:
    kube = Kube()
    pull = {"registry": {".dockerconfigjson": login("canary")}}
    written(kube, "production", pull)
    assert "environment_shared_credentials" in refused(kube, pull)
    assert written(kube, "staging", pull, shared).changed
    assert "key of Secret app" in refused(kube, {**pull, "app": {"key": "canary"}}, shared)


def test_a_second_run_writes_nothing_and_secrets_of_other_calls_stay() -> None:
    kube = Kube()
    assert written(kube, "staging", {"app": {"key": "a"}}).changed
    assert written(kube, "staging", {"kafka": {"password": "k"}}).changed
    writes = list(kube.writes)
    assert not written(kube, "staging", {"app": {"key": "a"}}).changed
    assert kube.writes == writes
    metadata = kube.objects["Namespace", "", "todo-staging"]["metadata"]
    assert covers(metadata, {"app": {"key"}, "kafka": {"password"}})
    assert not covers(metadata, {"app": {"key", "more"}})
    assert not covers(metadata, {"other": {"key"}})
    with pytest.raises(TodoCloudError):
        written(kube, "production", {"app": {"key": "k"}})
    assert written(kube, "staging", {"app": {"key": "new"}}).changed
    assert written(kube, "production", {"app": {"key": "a"}}).changed, "what it had before is free"


def test_check_mode_compares_and_writes_nothing() -> None:
    kube = Kube()
    assert not written(kube, "staging", {"app": {"key": "a"}}, check=True).changed, "there is no key yet"
    assert kube.writes == []
    written(kube, "production", {"app": {"key": "p"}})
    writes = list(kube.writes)
    assert written(kube, "staging", {"app": {"key": "a"}}, check=True).changed
    assert kube.writes == writes
    with pytest.raises(TodoCloudError):
        written(kube, "staging", {"app": {"key": "p"}}, check=True)


def test_whoever_reads_namespaces_cannot_try_what_a_value_may_be() -> None:
    """Digests of a weak password without the key are not what is noted, and another cluster has another key."""
    kube, other = Kube(), Kube()
    for each in (kube, other):
        written(each, "staging", {"app": {"password": "letmein"}})
    assert kube.noted("staging") != other.noted("staging")
    assert hashlib.sha256(b"letmein").hexdigest()[:12] not in kube.noted("staging")
    key = kube.objects["Secret", KEY_NAMESPACE, KEY_NAME]["data"]["key"]
    assert key not in kube.noted("staging")


def test_a_namespace_that_is_not_there_yet_is_compared_too() -> None:
    kube = Kube()
    written(kube, "production", {"app": {"key": "p"}})
    del kube.objects["Namespace", "", "todo-staging"]
    assert written(kube, "staging", {"app": {"key": "s"}}, check=True).changed
    with pytest.raises(TodoCloudError):
        written(kube, "staging", {"app": {"key": "p"}}, check=True)


@pytest.mark.parametrize(
    ("forbidden", "warning"),
    [
        (
            ("get", KEY_NAME),
            "takes the right to read and make Secret todo-cloud-credentials-key in namespace kube-system",
        ),
        (("list", "Namespace"), "these may not be listed"),
        (("patch", "Namespace"), "takes the right to patch namespace todo-staging"),
    ],
)
def test_what_may_not_be_done_is_a_warning(forbidden: tuple[str, str], warning: str) -> None:
    kube = Kube()
    written(kube, "production", {"app": {"key": "p"}})
    kube.forbidden.add(forbidden)
    done = written(kube, "staging", {"app": {"key": "p2"}})
    assert [text for text in done.warnings if warning in text]
    named = covers(kube.objects["Namespace", "", "todo-staging"]["metadata"], {"app": {"key"}})
    assert named is (forbidden[0] != "patch"), "else every run would begin anew"


def test_digests_of_a_lost_key_are_told_and_made_anew() -> None:
    kube = Kube()
    written(kube, "production", {"app": {"key": "p"}})
    del kube.objects["Secret", KEY_NAMESPACE, KEY_NAME]
    (told,) = written(kube, "staging", {"app": {"key": "p"}}).warnings
    assert "not compared with environment 'production'" in told
    with pytest.raises(TodoCloudError):
        written(kube, "production", {"app": {"key": "p"}})


@pytest.mark.parametrize(
    "odd", ["{", "[]", "5", '{"secrets": 5}', '{"secrets": {"a": 5}}', '{"secrets": {"a": {"b": 5}}}']
)
def test_an_annotation_of_somebody_else_says_nothing(odd: str) -> None:
    kube = Kube()
    found: dict[str, Any] = kube.objects["Namespace", "", "todo-production"]["metadata"]
    found["annotations"] = {CREDENTIALS: odd}
    assert written(kube, "staging", {"app": {"key": "a"}}).changed
    assert not covers(found, {"app": {"key"}})
