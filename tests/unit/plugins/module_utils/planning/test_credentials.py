"""Credentials by name or form, and what only looks like one."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.planning.credentials import is_credential


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_TOKEN", "abc"),
        ("DB_PASSWORD", "x"),
        ("clientSecret", "s3"),
        ("awsSecretAccessKey", "s3"),
        ("SMTP_PASSWD", "12345"),
        ("sentryDsn", "https://abc@o1.example.com/2"),
        ("DATABASE_URL", "postgres://app:hunter2@db:5432/app"),
        ("BROKER", "amqp://:hunter2@mq"),
        ("TLS", "-----BEGIN RSA PRIVATE KEY-----\nabc"),
        ("X", "ghp_" + "a" * 36),
        ("X", "AKIA" + "B" * 16),
        ("X", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w"),
    ],
)
def test_credentials(name: str, value: str) -> None:
    assert is_credential(("env", name), {"env": {name: value}})
    entry = {"env": [{"name": name, "value": value}]}
    assert is_credential(("env", 0, "value"), entry)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("existingSecret", "postgres"),
        ("secret", "kafka-credentials"),
        ("appTokenSecret", "dapr-token"),
        ("imagePullSecret", "regcred"),
        ("tlsSecret", "tls"),
        ("secretName", "app"),
        ("PASSWORD_FILE", "/run/secrets/db"),
        ("ADMIN_PASSWORD", "/run/secrets/db"),
        ("TOKEN_TTL", "3600"),
        ("MAX_TOKENS", "4096"),
        ("CACHE_TOKEN", "true"),
        ("API_TOKEN", "$(TOKEN)"),
        ("API_TOKEN", "{{ .Values.token }}"),
        ("API_TOKEN", ""),
        ("API_TOKEN", 1),
        ("DATABASE_URL", "postgres://app@db:5432/app"),
        ("DATABASE_URL", "postgres://app:$(PASSWORD)@db/app"),
        ("HOMEPAGE", "https://example.com:8443/@team"),
        ("CERT", "-----BEGIN CERTIFICATE-----\nabc"),
        ("KEYBOARD", "de"),
        ("image", "ghcr.io/acme/app@sha256:0123"),
    ],
)
def test_no_credentials(name: str, value: Any) -> None:
    assert not is_credential(("env", name), {"env": {name: value}})


@pytest.mark.parametrize(
    "text",
    [
        "0a1b" * 250_000, "eyJaaaaaaaaa-" * 80_000, "a://" * 250_000, "a:" * 500_000, "-----BEGIN A" * 80_000,
        "gh" * 500_000,
    ],
)  # fmt: skip
def test_a_big_value_takes_no_longer_than_its_length(text: str) -> None:
    assert not is_credential(("text",), {"text": text})
