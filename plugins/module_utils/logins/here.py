# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A login tried from the machine that runs Ansible, by Python libraries that it may have."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..failure import Code
from ..kafka.client import Connection, Log
from . import kafka, postgres
from .login import Answer, Kind, Login, Target, waits

_PAUSE_SECONDS = 1.0
# A broker that starts or ends may end connections as one with TLS does.
_MAY_PASS = {
    Kind.POSTGRESQL: (Code.DEPENDENCY_DOWN, Code.TOO_MANY_CONNECTIONS),
    Kind.KAFKA: (Code.DEPENDENCY_DOWN, Code.TLS_MISMATCH),
}
_ANSWER_SECONDS = 15.0
_FINAL = ("authentication error", "handshake failed", "verify failed")  # no other try would pass


def tried_here(
    login: Login, target: Target, texts: Mapping[str, str], wait: int, progress: Callable[[str], None]
) -> Answer:
    """Tries until there is an answer that would not pass, or the time is over. Raises missing_library."""
    one = _postgres if login.kind is Kind.POSTGRESQL else _kafka
    until, told = time.monotonic() + wait, False
    while True:
        answer = one(login, target, texts)
        down = answer.failure is not None and answer.failure.code in _MAY_PASS[login.kind]
        if not down or time.monotonic() >= until:
            return answer
        if not told:
            progress(waits(login, target, wait, ""))
            told = True
        time.sleep(_PAUSE_SECONDS)


def _postgres(login: Login, target: Target, texts: Mapping[str, str]) -> Answer:
    try:
        import psycopg
    except ImportError as exc:
        raise _missing(login, "psycopg", "database_login: job") from exc
    with tempfile.TemporaryDirectory() as folder:
        given = postgres.parameters(login, texts)
        if texts.get("ca.crt"):
            file = Path(folder) / "ca.crt"
            file.write_text(texts["ca.crt"])
            given["sslrootcert"] = str(file)
        elif given.get("sslmode", "").startswith("verify"):
            given["sslrootcert"] = "system"
        try:
            with psycopg.connect(**given) as connection:  # type: ignore[arg-type]
                (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
                tls = "TLS" if connection.pgconn.ssl_in_use else "without TLS"
        except psycopg.Error as exc:
            return Answer(failure=postgres.judged(login, target, str(exc)))
    return Answer(f"PostgreSQL {str(version).partition(' ')[0]}, {tls}")


def _kafka(login: Login, target: Target, texts: Mapping[str, str]) -> Answer:
    try:
        from confluent_kafka import KafkaException, TopicCollection
        from confluent_kafka.admin import AclOperation, AdminClient
    except ImportError as exc:
        raise _missing(login, "confluent-kafka", "redpanda_secrets_login: job") from exc
    said, tls = Log(), kafka.wants_tls(texts)
    connection = Connection(
        texts["brokers"], texts["username"], texts["password"], texts["mechanism"], tls, texts.get("ca.crt") or ""
    )
    settings = {**connection.settings(), "socket.connection.setup.timeout.ms": 10000}
    client = AdminClient(settings, logger=said.logger)
    until = time.monotonic() + _ANSWER_SECONDS
    while True:  # the library hides the reason of a failed login from calls: only its callback has it
        try:
            client.list_topics(timeout=1.0)
            break
        except KafkaException as exc:
            client.poll(0)
            final = [each for each in said.lines if any(word in each for word in _FINAL)]
            if final or time.monotonic() >= until:
                return Answer(failure=kafka.judged(login, target, "\n".join([*(final or said.lines), str(exc)])))
    refused: dict[str, list[str]] = {"topic": [], "group": []}
    if login.topics:
        for name, future in client.describe_topics(
            TopicCollection(list(login.topics)), include_authorized_operations=True
        ).items():
            _ask(refused["topic"], name, future, {AclOperation.READ, AclOperation.WRITE}, any_of=True)
    if login.groups:
        for name, future in client.describe_consumer_groups(
            list(login.groups), include_authorized_operations=True
        ).items():
            _ask(refused["group"], name, future, {AclOperation.READ})
    if refused["topic"] or refused["group"]:
        return Answer(failure=kafka.acl_missing(login, target, refused["topic"], refused["group"]))
    return Answer(f"Kafka lets {target.user} in, {'TLS' if tls else 'without TLS'}")


def _ask(refused: list[str], name: str, future: Any, needed: set[Any], *, any_of: bool = False) -> None:
    """Adds a topic or group that may not be used. One that is not there yet is nobody's fault here."""
    try:
        may = set(future.result(timeout=_ANSWER_SECONDS).authorized_operations or ())
        if not (may & needed if any_of else needed <= may):
            refused.append(name)
    except Exception as exc:  # KafkaException, or the time-out of a future
        if "AUTHORIZATION" in str(exc) or "authoriz" in str(exc).lower():
            refused.append(name)


def _missing(login: Login, library: str, instead: str) -> Exception:
    what = f"to try the login from this machine takes the Python library {library}"
    return login.fails(Code.MISSING_LIBRARY, what, f"Install it (pip install {library}), or set {instead}.")
