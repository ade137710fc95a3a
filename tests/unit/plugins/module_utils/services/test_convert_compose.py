"""Compose files as entries."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.services.convert_compose import from_compose, is_compose
from ansible_collections.todo.cloud.plugins.module_utils.services.problems import entry_problems

from .conversions import is_credential

ROOT = {"user": "image", "values": {"security": {"readOnlyRoot": False}}}
BASE = {"image": "ghcr.io/a/b:1", "port": "none", "health": "none", **ROOT}


def entry(**said: Any) -> dict[str, Any]:
    found = from_compose({"services": {"web": {"image": "ghcr.io/a/b:1", **said}}}, is_credential).services["web"]
    assert entry_problems("web", found) == []
    return found


@pytest.mark.parametrize(("said", "more"), [
    ({}, {}),
    ({"image": "nginx:1"}, {"image": "docker.io/library/nginx:1"}),
    ({"ports": ["8080:3000"]}, {"port": 3000}),
    ({"ports": ["127.0.0.1:80:5000/tcp"]}, {"port": 5000}),
    ({"ports": [{"target": 80, "published": 1}]}, {"port": 80}),
    ({"expose": [9000]}, {"port": 9000}),
    ({"environment": {"A": 1, "B": True, "C": ""}}, {"env": {"A": "1", "B": "true", "C": ""}}),
    ({"environment": ["A=x=y"]}, {"env": {"A": "x=y"}}),
    ({"environment": {"API_TOKEN": "x"}}, {"secrets": {"API_TOKEN": "web/API_TOKEN"}}),
    ({"environment": {"API_TOKEN": "${TOKEN}"}}, {"secrets": {"API_TOKEN": "web/API_TOKEN"}}),
    ({"command": "a 'b c'"}, {"args": ["a", "b c"]}),
    ({"entrypoint": ["x"], "command": [1]}, {"command": ["x"], "args": ["1"]}),
    ({"user": "1000:1000", "read_only": True}, {"user": 1000, "values": None}),
    ({"tmpfs": "/run", "volumes": ["/cache"]}, {"writable": ["/run", "/cache"]}),
    ({"volumes": ["data:/data:ro"]}, {"volumes": {"data": {"path": "/data", "claim": "data", "read_only": True}}}),
    ({"deploy": {"replicas": 3}}, {"scale": 3}),
    ({"deploy": {"resources": {"limits": {"cpus": "0.5", "memory": "512M"}, "reservations": {"memory": "64mb"}}}},
     {"resources": {"cpu": "50m-0.5", "memory": "64Mi-512Mi"}}),
    ({"stop_grace_period": "1m30s"}, {"stop_seconds": 90}),
    ({"expose": [80], "healthcheck": {"test": ["CMD", "curl", "-f", "http://localhost/up"]}},
     {"port": 80, "health": "/up"}),
    ({"healthcheck": {"test": "pg_isready -U x"}}, {"health": {"command": ["sh", "-c", "pg_isready -U x"]}}),
    ({"healthcheck": {"test": ["CMD", "check"]}}, {"health": {"command": ["check"]}}),
])  # fmt: skip
def test_an_entry(said: dict[str, Any], more: dict[str, Any]) -> None:
    expected = {key: value for key, value in {**BASE, **more}.items() if value is not None}
    if isinstance(expected["port"], int) and expected["port"] < 1024:
        said["user"] = "0"
        expected["user"] = 0
    assert entry(**said) == expected


def test_databases_and_brokers_are_the_environments() -> None:
    services = {
        "api": {"image": "a/b:1", "depends_on": {"db": {"condition": "service_healthy"}, "queue": {}, "my_auth": {}}},
        "my_auth": {"image": "a/c:1"}, "db": {"image": "docker.io/library/postgres:16"},
        "queue": {"image": "redpandadata/redpanda:v1"},
    }  # fmt: skip
    found = from_compose({"services": services}, is_credential)
    assert list(found.services) == ["api", "my-auth"]
    assert found.services["api"]["calls"] == ["my-auth"]
    assert found.services["api"]["needs"] == ["broker", "database"]
    assert [line.partition(":")[0] for line in found.unsaid][:1] == ["my_auth"]


def test_what_cannot_be_said_is_said() -> None:
    said = {
        "build": ".", "env_file": ".env", "environment": ["FROM_SHELL"], "volumes": ["./src:/app"],
        "privileged": True, "user": "node", "ports": ["1:1", "2:2"],
    }  # fmt: skip
    found = from_compose({"services": {"web": said}, "secrets": {"s": {}}}, is_credential)
    text = " ".join(found.unsaid)
    for words in (
        "built from a folder",
        "env_file",
        "FROM_SHELL",
        "/app is a folder",
        "privileged",
        "(node)",
        "secrets.s",
    ):
        assert words in text, words


def test_what_is_a_compose_file() -> None:
    assert is_compose({"services": {}})
    assert not is_compose({"services": {}, "kind": "X"})
    assert not is_compose([])
