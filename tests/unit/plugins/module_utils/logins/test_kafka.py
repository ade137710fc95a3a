"""The Secret of a broker as properties of Kafka's client, and what its tools answer, each named by what is wrong.

The answers are those of Kafka 4.3's tools and of librdkafka 2.16.
"""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.logins.kafka import Kafka, judged
from ansible_collections.todo.cloud.plugins.module_utils.logins.login import Kind, Login, Target

LOGIN = Login(
    "broker", Kind.KAFKA, "todo", "kafka-credentials", topics=("tasks", "mail"), groups=("g",), hint="Correct it."
)
TEXTS = {
    "brokers": "a.example.com:9092,b.example.com:9092", "username": "app", "password": "s3cret-one",
    "mechanism": "SCRAM-SHA-256", "disable_tls": "false", "ca.crt": "PEM",
}  # fmt: skip
TARGET = Target("a.example.com:9092", "app")


def test_the_secret_becomes_properties_and_the_script_has_nothing_of_it() -> None:
    files = Kafka().files(LOGIN, TEXTS)
    lines = dict(line.split("=", 1) for line in files["client.properties"].splitlines())
    assert lines["security.protocol"] == "SASL_SSL"
    assert lines["ssl.truststore.location"] == "/login/ca.crt"
    assert files["ca.crt"] == "PEM"
    assert lines["sasl.jaas.config"] == (
        'org.apache.kafka.common.security.scram.ScramLoginModule required username="app" password="s3cret-one";'
    )
    assert "s3cret-one" not in Kafka().script(LOGIN, 5)
    plain = Kafka().files(LOGIN, {**TEXTS, "disable_tls": "true", "mechanism": "PLAIN"})
    assert "security.protocol=SASL_PLAINTEXT\n" in plain["client.properties"]
    assert "plain.PlainLoginModule" in plain["client.properties"]
    assert "truststore" not in plain["client.properties"]


def test_odd_passwords_arrive_as_they_are() -> None:
    text = Kafka().files(LOGIN, {**TEXTS, "password": 'a"b\\c\u00e9\U0001f600'})["client.properties"]
    line = next(each for each in text.splitlines() if each.startswith("sasl.jaas"))
    assert 'password="a\\\\"b\\\\\\\\c\\u00e9\\ud83d\\ude00";' in line


WRONG = {
    "password": ("", "has no password"),
    "brokers": ("a.example.com", "no host:port"),
    "mechanism": ("GSSAPI", "none of SCRAM-SHA-256"),
}


@pytest.mark.parametrize("key", WRONG)
def test_a_secret_that_is_none_is_refused(key: str) -> None:
    value, words = WRONG[key]
    with pytest.raises(TodoCloudError, match=words) as caught:
        Kafka().target(LOGIN, {**TEXTS, key: value})
    assert caught.value.failure.code is Code.INVALID_INPUT


def test_a_secret_without_tls_is_refused_where_it_is_required() -> None:
    login = Login("broker", Kind.KAFKA, "todo", "kafka-credentials", tls=True)
    with pytest.raises(TodoCloudError, match="does not demand TLS"):
        Kafka().target(login, {**TEXTS, "disable_tls": "true"})
    assert Kafka().target(login, TEXTS).user == "app"


ANSWERS = {
    "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256":
        (Code.LOGIN_DENIED, "the password is wrong, or there is no such user"),
    "SASL authentication error: Authentication failed during authentication due to invalid credentials":
        (Code.LOGIN_DENIED, "the password is wrong, or there is no such user"),
    "SslAuthenticationException: SSL handshake failed\nPKIX path building failed":
        (Code.CERTIFICATE_UNTRUSTED, "redpanda_secrets_ca"),
    "SSL handshake failed: certificate verify failed: broker certificate could not be verified":
        (Code.CERTIFICATE_UNTRUSTED, "redpanda_secrets_ca"),
    "Client SASL mechanism 'SCRAM-SHA-512' not enabled in the server, enabled mechanisms are [SCRAM-SHA-256]":
        (Code.MECHANISM_MISSING, "(SCRAM-SHA-256)"),
    "Unsupported SASL mechanism: broker's supported mechanisms: SCRAM-SHA-256":
        (Code.MECHANISM_MISSING, "(SCRAM-SHA-256)"),
    "javax.net.ssl.SSLException: Unsupported or unrecognized SSL message": (Code.TLS_MISMATCH, "speaks no TLS"),
    "No resolvable bootstrap urls given in bootstrap.servers": (Code.HOST_UNKNOWN, "does not resolve"),
    "Connection to node -1 (a/10.0.0.1:9092) could not be established. Node may not be available.":
        (Code.DEPENDENCY_DOWN, "it refuses connections"),
    "Timed out waiting for a node assignment. Call: listTopics": (Code.DEPENDENCY_DOWN, "it does not answer"),
    "something else": (Code.LOGIN_FAILED, "something else"),
}  # fmt: skip


@pytest.mark.parametrize("said", ANSWERS)
def test_each_failure_is_named(said: str) -> None:
    code, words = ANSWERS[said]
    failure = judged(LOGIN, TARGET, said)
    assert (failure.code, words in failure.message) == (code, True), failure.message


def test_topics_and_groups_that_may_not_be_used_are_named() -> None:
    failure = Kafka().judge(LOGIN, TARGET, "login: ok\nlogin: topic tasks\nlogin: group g").failure
    assert failure is not None
    assert failure.code is Code.ACL_MISSING
    assert failure.message == (
        "broker: Kafka at a.example.com:9092 lets user app in, but not to topic tasks and group g: an ACL is missing."
    )
    assert (failure.details["topics"], failure.details["groups"]) == (["tasks"], ["g"])


def test_a_good_login_says_so() -> None:
    answer = Kafka().judge(LOGIN, TARGET, "login: again\nrefused\nlogin: ok\n")
    assert (answer.failure, answer.about) == (None, "Kafka lets app in, to 2 topics and 1 groups")
