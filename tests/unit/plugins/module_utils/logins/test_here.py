"""A login tried from this machine, at a real PostgreSQL; a library that is missing is named."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.logins.here import tried_here
from ansible_collections.todo.cloud.plugins.module_utils.logins.kafka import Kafka
from ansible_collections.todo.cloud.plugins.module_utils.logins.login import Answer, Kind, Login
from ansible_collections.todo.cloud.plugins.module_utils.logins.postgres import Postgres

from tests.cluster.ports import free_port
from tests.unit.apps.postgres import Postgres as Server
from tests.unit.apps.postgres import server

LOGIN = Login("database", Kind.POSTGRESQL, "todo", "database")


def tried(url: str, lines: list[str], wait: int = 0) -> Answer:
    texts = {"url": url}
    return tried_here(LOGIN, Postgres().target(LOGIN, texts), texts, wait, lines.append)


def test_it_says_what_answered_and_names_what_is_wrong() -> None:
    with server() as postgres:
        found: Server = postgres
        lines: list[str] = []
        good = tried(found.url("postgres"), lines)
        assert good.failure is None
        assert good.about.startswith("PostgreSQL 1")
        missing = tried(found.url("nothing"), lines).failure
        assert missing is not None
        assert missing.code is Code.DATABASE_MISSING
        assert lines == []


def test_a_server_that_is_away_is_waited_for() -> None:
    lines: list[str] = []
    failure = tried(f"postgresql://u:p@127.0.0.1:{free_port()}/d", lines, wait=1).failure
    assert failure is not None
    assert failure.code is Code.DEPENDENCY_DOWN
    assert len(lines) == 1
    assert "does not answer yet; waiting for it, at most 1 s" in lines[0]


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(TodoCloudError, match="pip install psycopg") as caught:
        tried("postgresql://u:p@h/d", [])
    assert caught.value.failure.code is Code.MISSING_LIBRARY


def test_so_is_the_brokers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    login = Login("broker", Kind.KAFKA, "todo", "kafka-credentials")
    texts = {"brokers": "a:1", "username": "app", "password": "secret", "mechanism": "PLAIN"}
    with pytest.raises(TodoCloudError, match="redpanda_secrets_login: job") as caught:
        tried_here(login, Kafka().target(login, texts), texts, 0, print)
    assert caught.value.failure.code is Code.MISSING_LIBRARY
