"""Addresses that a container could not reach, in the words of many languages."""

from __future__ import annotations

import time

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.dependencies.hosts import addresses, unreached


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dial tcp 10.96.3.4:5432: connect: connection refused", ["10.96.3.4:5432"]),
        ("dial tcp: lookup kafka.kafka.svc on 10.96.0.10:53: no such host", ["kafka.kafka.svc"]),
        ("read tcp 10.0.0.5:41234->10.0.0.9:6379: i/o timeout", ["10.0.0.9:6379"]),
        ('could not connect to server: Connection refused Is the server running on host "db" (10.1.2.3) and accepting',
         ["db"]),
        ('connection to server at "postgres.data" (10.1.2.3), port 5432 failed: Connection refused', ["postgres.data"]),
        ("redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused.", ["redis:6379"]),
        ("psycopg2.OperationalError: could not translate host name \"database\" to address: Name or service not known",
         ["database"]),
        ("Error: connect ECONNREFUSED 10.96.7.8:5672", ["10.96.7.8:5672"]),
        ("Error: getaddrinfo ENOTFOUND mongo.data.svc.cluster.local", ["mongo.data.svc.cluster.local"]),
        ("WARN Connection to node -1 (kafka/10.1.1.1:9092) could not be established.", ["kafka"]),
        ("postgresql://user:secret@db.example.org:5432/app: connection timed out", ["db.example.org:5432"]),
        ("kafka: client has run out of available brokers to talk to: dial tcp: lookup kafka-0.kafka: no such host",
         ["kafka-0.kafka"]),
        ("connect to db:5432: connection refused", ["db:5432"]),
        ("OSError: [Errno 111] Connect call failed ('10.96.0.5', 5432)", ["10.96.0.5:5432"]),
        ("Error: P1001: Can't reach database server at `db:5432`", ["db:5432"]),
        ("Can't connect to MySQL server on 'db' (111)", ["db"]),
        ("db:5432 - no response", ["db:5432"]),
        ('nginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:3', ["api"]),
        ("php_network_getaddresses: getaddrinfo for db failed: Name or service not known", ["db"]),
        ("connect to localhost:3500: connection refused", []),
        ("GET http://api:8080/health 200", []),
        ("ValueError: invalid literal at app.py:12", []),
        ("", []),
    ],
)  # fmt: skip
def test_lines(line: str, expected: list[str]) -> None:
    found = [str(address) for address in unreached([line])]
    assert set(expected) <= set(found)
    assert bool(found) is bool(expected)


def test_a_module_that_is_not_found_is_no_host() -> None:
    assert unreached(["ModuleNotFoundError: No module named 'x'"]) == []


def test_the_last_line_counts_first_and_no_secret_is_among_it() -> None:
    lines = ["lookup a.b: no such host", "mysql://root:hunter2@c.d:3306: refused"]
    found = [str(address) for address in unreached(lines)]
    assert found[0] == "c.d:3306"
    assert "hunter2" not in str(found)


def test_lists_of_brokers_and_connection_strings() -> None:
    assert [str(a) for a in addresses("kafka-0.kafka:9092,kafka-1.kafka:9092")] == [
        "kafka-0.kafka:9092", "kafka-1.kafka:9092",
    ]  # fmt: skip
    assert [str(a) for a in addresses("redis://:pw@cache.data:6379/0")] == ["cache.data:6379"]
    assert addresses("debug") == []


@pytest.mark.parametrize("unit", ["a.", "a-", "host ", "lookup ", "x://", "1:", "refused "])
def test_hostile_lines_take_no_time(unit: str) -> None:
    began = time.process_time()
    unreached([(unit * 100_000) + " refused"] * 50)
    assert time.process_time() - began < 5
