# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.known_secrets import KnownSecrets, may_be_secret, secrets_of

SECRET = "p\"4s/s+w ör&d'7"


def known(*values: str) -> KnownSecrets:
    found = KnownSecrets()
    found.add(values)
    return found


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(json.dumps(SECRET)),
        quote(SECRET),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        SECRET.encode().hex(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(b"user:" + SECRET.encode() + b":x").decode(),
        base64.b64encode(b"u:" + SECRET.encode()).decode(),
        repr(SECRET),
        SECRET.replace("&", "&amp;"),
    ],
)
def test_every_spelling_is_masked(shown: str) -> None:
    hidden = known(SECRET).hidden_in(f"before {shown} after")
    assert hidden.startswith("before ")
    assert hidden.endswith(" after")
    assert "***" in hidden
    assert len(hidden) < len("before  after") + len(shown)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\n    ", "\\\n", "\\n", "\n| "])
def test_a_value_broken_over_lines_is_masked_and_lines_stay(line_break: str) -> None:
    for at in range(1, 15):
        value = "Zx81-Spectrum-48K"
        text = f"a\nkey {value[:at]}{line_break}{value[at:]} end\nb"
        hidden = known(value).hidden_in(text)
        assert hidden == f"a\nkey ***{line_break}*** end\nb"


def test_lines_of_a_file_are_secret_one_by_one() -> None:
    pem = "-----BEGIN X-----\nMIIEpAIBAAKCAQEA7\nQ8fJ2v0pXw9\n-----END X-----\n"
    assert known(pem).hidden_in("at 3: Q8fJ2v0pXw9!") == "at 3: ***!"


@pytest.mark.parametrize(
    "value",
    ["", "todo", "true", "5432", "postgres", "production", "unreachable", "kubernetes", "BACKEND", "10.96.0.10",
     "/etc/todo/tls.crt", "1.2.3", "SCRAM-SHA-256", "a1b2c3d", "2026-11-28"],
)  # fmt: skip
def test_short_values_and_common_words_are_not_masked(value: str) -> None:
    assert not may_be_secret(value)
    assert known(value).hidden_in(f"the API is unreachable {value} x") == f"the API is unreachable {value} x"


def test_what_is_secret_in_a_secret() -> None:
    data = {
        "username": "todo-admin-7", "password": "correct-horse-battery", "host": "db.todo.svc:5432",
        "topic": "todo-events", "url": "postgres://todo:Pa%2Fss7word@db/todo", "mechanism": "SCRAM-SHA-512",
        "port": 5432, "API_KEY": "k3yk3yk3y",
    }  # fmt: skip
    found = {value for value in secrets_of(data) if may_be_secret(value)}
    assert found == {"correct-horse-battery", "Pa/ss7word", "postgres://todo:Pa%2Fss7word@db/todo", "k3yk3yk3y"}


def test_what_is_secret_in_a_kubeconfig() -> None:
    cluster = {"server": "https://127.0.0.1:6443", "certificate-authority-data": "LS0tLS1CRUdJTg=="}
    context = {"cluster": "ch", "user": "kubernetes-admin", "namespace": "unreachable"}
    env = [{"name": "AWS_PROFILE_NAME", "value": "prod-admin"}, {"name": "AWS_SECRET", "value": "s3cr3ts3cr3t"}]
    user = {"token": "t0ken.t0ken", "client-key-data": "a2V5a2V5a2V5", "exec": {"command": "aws", "env": env}}
    config = {
        "apiVersion": "v1",
        "clusters": [{"name": "ch", "cluster": cluster}],
        "contexts": [{"name": "kind-local", "context": context}],
        "users": [{"name": "kubernetes-admin", "user": user}],
    }
    assert {value for value in secrets_of(config) if may_be_secret(value)} == {
        "t0ken.t0ken",
        "a2V5a2V5a2V5",
        "s3cr3ts3cr3t",
    }
    assert list(secrets_of("/home/user/.kube/config")) == []


def test_nothing_known_costs_nothing() -> None:
    none = KnownSecrets()
    assert not none
    assert none.hidden_in("x" * 100) == "x" * 100


def test_text_that_is_no_unicode_is_masked_as_well() -> None:
    known = KnownSecrets()
    for value in ("C4nary\ud800-Zx81", "C4nary\udc80-Zx82"):
        known.add([value])
        assert known.hidden_in(f"it says {value}.") == "it says ***."


def test_values_that_overlap_are_hidden_as_a_whole() -> None:
    both = known("abcdEFGH12", "GH12xyzW9k")
    assert both.hidden_in("it says abcdEFGH12xyzW9k.") == "it says ***."
    assert both.hidden_in("abcdEFGH12 GH12xyzW9k") == "*** ***"


def test_thousands_of_values_and_texts() -> None:
    """As of a namespace with a hundred certificates, and a result."""
    many = known(*(f"Zx{number:05}-canary-{number * 7919:09}" for number in range(5000)))
    texts = [f"line {number} says Zx{number:05}-canary-{number * 7919:09}!" for number in range(2000)]
    assert [many.hidden_in(text) for text in texts] == [f"line {number} says ***!" for number in range(2000)]
