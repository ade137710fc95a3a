"""Kubeconfigs, as dictionaries and as files: who is asked, as whom, and by which proxy."""

from __future__ import annotations

import base64
import json
import tempfile
from typing import Any

import yaml
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.credentials import Credentials

from tests.fuzz.frame import Target

CANARY = "canaryKUBE4t8w2"


def config(user: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "http://192.0.2.1:6443", **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "x"}}],
    }  # fmt: skip


SEEDS: list[Any] = [
    config({"token": CANARY}),
    config({"token": CANARY, "as": "jane", "as-groups": ["a"], "as-uid": "7", "as-user-extra": {"k": ["v"]}}),
    config({"username": "me", "password": CANARY}, **{"proxy-url": f"http://me:{CANARY}@192.0.2.2:3128"}),
    config(
        {"token": CANARY},
        **{"server": "https://192.0.2.1:6443", "insecure-skip-tls-verify": True, "tls-server-name": "kubernetes"},
    ),
    config({}, **{"certificate-authority-data": ""}),
    config({"token": CANARY}, **{"server": "https://192.0.2.1:6443", "certificate-authority-data": "LS0tLS1CRUdJTg=="}),
    config({"client-certificate-data": "YQ==", "client-key-data": base64.b64encode(CANARY.encode()).decode()}),
]
SEEDS += [yaml.safe_dump(each) for each in SEEDS[:3]]
# What could run a program, ask a cloud, or read a file of this machine by chance.
NOT_HERE = ("exec", "auth-provider")


def attempt(given: Any) -> None:
    if any(name in repr(given) for name in NOT_HERE):
        return
    if isinstance(given, (str, bytes)):
        with tempfile.NamedTemporaryFile() as file:
            file.write(given if isinstance(given, bytes) else given.encode(errors="surrogatepass"))
            file.flush()
            read(file.name)
    elif isinstance(given, dict) and (found := read(given)):
        check(given, found)


def read(kubeconfig: Any) -> Credentials | None:
    try:
        return Credentials({"kubeconfig": kubeconfig})
    except TodoCloudError as exc:
        if CANARY in f"{exc.failure.message} {exc.failure.details}":
            raise AssertionError("a secret is shown") from exc
        return None


def check(given: Any, found: Credentials) -> None:
    headers = dict(found.headers())
    user = found.kubeconfig()["users"][0]["user"]
    assert headers.get("Impersonate-User", "") == user.get("as", "")
    assert all(isinstance(value, str) for value in headers.values())
    if "token" in user:
        assert headers["Authorization"] == f"Bearer {user['token']}"
    elif "username" in user:
        pair = base64.b64decode(headers["Authorization"].split()[1]).decode("latin-1")
        assert pair == f"{user['username']}:{user['password']}"
    current = given.get("current-context")
    contexts = [each["context"] for each in given.get("contexts") or () if each.get("name") == current]
    user_name = contexts[0].get("user") if contexts else None
    named = [each["user"] or {} for each in given.get("users") or () if each.get("name") == user_name]
    asked = named[0] if named else {}  # a context without a user asks as nobody
    assert not asked.get("as") or "as" in user, "never more rights than asked"
    json.dumps(found.kubeconfig())


TARGET = Target("kubeconfig", SEEDS, attempt, expected=())
