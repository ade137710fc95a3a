# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a log is hidden. Two maintained scanners judge it beside our own expectations."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.known_secrets import KNOWN
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked
from ansible_collections.todo.cloud.plugins.module_utils.neutral import printable

from tests.support.secret_lines import lines

LINES = lines()


@pytest.fixture(autouse=True)
def _nothing_is_known() -> Iterator[None]:
    KNOWN.clear()
    yield
    KNOWN.clear()


def test_our_own_sentences_are_not_taken_for_secrets() -> None:
    """Each message goes through the masking: "the password: it is ..." would lose the word after the colon."""
    top = Path(__file__).parents[4] / "plugins" / "module_utils"
    found = [
        (path.name, text, masked(text))
        for path in sorted(top.rglob("*.py"))
        for text in _sentences(ast.parse(path.read_text()))
        if masked(text) != text
    ]
    assert found == []


def _sentences(tree: ast.AST) -> Iterator[str]:
    """Texts that are neither documentation nor patterns, with a word for each value that they are given."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "example" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | parts:
            text = node.value
        if text.count(" ") > 2 and not re.search(r"[\\\[|=\n]", text):
            yield text


def test_no_line_shows_its_secret() -> None:
    assert len(LINES) == 500
    assert [(line.kind, masked(line.text)) for line in LINES if line.secret in masked(line.text)] == []


def test_masking_twice_changes_nothing_more() -> None:
    assert [line.text for line in LINES if masked(masked(line.text)) != masked(line.text)] == []


def test_what_is_around_a_secret_stays() -> None:
    words = (
        "host=db",
        "Host:db",
        "Server=",
        "connection refused",
        "tries=3",
        "--wait",
        "Encrypt=true",
        "sslmode=require",
    )
    lost = [
        (word, line.text) for line in LINES for word in words if word in line.text and word not in masked(line.text)
    ]
    assert lost == []


def _betterleaks(text: str, _folder: Path) -> list[tuple[str, str]]:
    """(rule, secret) of each finding."""
    pybetterleaks = pytest.importorskip("pybetterleaks", reason="no wheel for this machine")
    return [(each.rule_id, each.secret) for each in pybetterleaks.scan_text(text, redact=False).findings]


def _detect_secrets(text: str, folder: Path) -> list[tuple[str, str]]:
    collection = pytest.importorskip("detect_secrets.core.secrets_collection")
    settings_of = pytest.importorskip("detect_secrets.settings")
    file = folder / "app.log"
    file.write_text(text)
    found = collection.SecretsCollection()
    with settings_of.default_settings() as settings:
        settings.disable_plugins("IPPublicDetector")
        found.scan_file(str(file))
    return [(each.type, str(each.secret_value)) for _name, each in found]


@pytest.mark.parametrize("judge", [_betterleaks, _detect_secrets])
def test_what_a_scanner_finds_is_masked(judge: Callable[[str, Path], list[tuple[str, str]]], tmp_path: Path) -> None:
    texts = [line.text.replace("\n", "\\n") for line in LINES]
    hidden = "\n".join(map(masked, texts))
    found = judge("\n".join(texts), tmp_path)
    assert len({secret for _rule, secret in found}) > 150, "it finds much less than it used to"
    assert [(rule, secret) for rule, secret in found if secret in hidden] == []
    assert judge(hidden, tmp_path) == []


def test_names_and_messages_stay_readable() -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    for text in (
        "FATAL: password authentication failed for user todo",
        "couldn't find key password in Secret todo/database",
        'MountVolume.SetUp failed for volume "creds-token" : secret "absent" not found',
        "references non-existent secret key: password",
        "Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed.",
        'WWW-Authenticate: Bearer realm="https://auth.example.com/token",service="registry"',
        "token expired or rejected",
        "basic authentication is off",
        "KeyError: 'DATABASE_URL'",
        "listening on [::]:8080",
        "password is required",
        "invalid password",
        "env var API_KEY is not set",
        "failed to sync secret cache: timed out waiting for the condition",
        'pods "x" is forbidden: User cannot get resource "secrets" in API group ""',
        "at com.example.todo.TokenService.refresh(TokenService.java:42)",
        "dial tcp: lookup kafka.todo.svc.cluster.local on 10.96.0.10:53: no such host",
        "https://packages.example.org/@scope/name",
        f"cannot pull ghcr.io/todo-app/api:v1@{digest}: not found",
        "commit 0c26c52a1b2c3d4e5f60718293a4b5c6d7e8f901",
        "password=null",
        "/var/lib/kubelet/pods/0f3e1f6d-1b2c-4d5e-8f90-1234567890ab/volumes/kubernetes.io~projected/kube-api-access-x2x4z",
    ):
        assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "postgres://u:p@SECRET1@h/db",
        "amqp://user:pa/SECRET1@h",
        '{"password": "a\\"SECRET1"}',
        '{\\"password\\":\\"SECRET1\\"}',
        "password='SECRET1 WITH BLANK'",
        "password=a SECRET1",
        "password=x,SECRET1",
        "password=x&SECRET1",
        "password%3DSECRET1",
        "password SECRET1",
        "password is SECRET1",
        "https://SECRET1@github.com/x",
        "root:SECRET1@tcp(db:3306)/todo",
        "curl -u admin:SECRET1 http://db",
        "authorization: AWS4-HMAC-SHA256 Credential=SECRET1/20261128, Signature=SECRET1",
        "cookie: a=SECRET1; b=SECRET1",
        "db:5432:todo:todo:SECRET1",
        "passwords: ['SECRET1', 'SECRET1']",
        "  name: DB_PASSWORD\n  value: SECRET1",
        "<soap:Password type='text'>SECRET1</soap:Password>",
        "-----BEGIN PRIVATE " + "KEY-----SECRET1",
        "SECRET1SECRET1SECRET1==\n-----END RSA PRIVATE " + "KEY-----",
        "admin:$apr1$SECRET1$SECRET1SECRET1",
        "\x1b[2Jpostgres://u:SECRET1@h/db",
        "\x1b[31mBearer SECRET1abc\x1b[0m",
        "\x1b[1;32mpass\x1b[0mword=SECRET1",
        "2021postgres://u:SECRET1@h/db",
    ],
)
def test_unusual_spellings(text: str) -> None:
    assert "SECRET1" not in masked(text)


# Repeated, each of these would take minutes where a pattern goes back, or starts anew, without a bound.
_UNITS = (
    "a", " ", "=", "://", "a.", "a:", "@", "password", "password=", "password ", "token: ", '"', "\\", '\\"', "'",
    "eyJ", "eyJaaaaaaaa-", "ghp_", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "x://u:p@", "http://a",
    "aB3", "--a ", "<password>", "name: password value: ", "Authorization: ", "Authorization: a ", "Bearer ", "\n", "_",
    "login a password ", "user '", "as '", "toomanyrequests: ", "s.", "sk-", "Q~", "$2a$", "ab:1:a:b:", "secret:::",
    "a=b,", "key=((", "\x1b[", "::a ", "##", "section_start:", 'passwords=["',
)  # fmt: skip


@pytest.mark.parametrize("unit", _UNITS, ids=ascii)
def test_time_is_linear(unit: str) -> None:
    """Processor time of 320 kB against that of 1/8 of it: 8 times as much where it is linear, else 64 times."""
    KNOWN.add(["never-there-1", "neither-is-this-2"])
    whole = (unit * (320_000 // len(unit) + 1))[:320_000]
    eighth = min(_seconds(whole[:40_000]) for _ in range(2))
    assert _seconds(whole) < 0.2 + 24 * eighth


def test_a_megabyte_of_everything_at_once() -> None:
    text = "".join(_UNITS)
    text *= 1_000_000 // len(text) + 1
    began = time.process_time()
    masked(text)
    assert time.process_time() - began < 60


def _seconds(text: str) -> float:
    began = time.process_time()
    printable(masked(text))
    return time.process_time() - began


@pytest.mark.parametrize(
    "text",
    [
        "open /var/run/secrets/token: permission denied",
        "mkdir /etc/passwd: not a directory",
        'failed to fetch token: serviceaccounts "web" not found',
        'Secret "db-password": not found',
        "cat: /run/secrets/api-key: No such file or directory",
    ],
)
def test_why_a_file_cannot_be_read_is_no_secret(text: str) -> None:
    assert masked(text) == text
    assert "hunter2" not in masked(f"{text}; password: hunter2")
