"""Connection strings as libpq reads them, and psql's answers of a real server, each named by what is wrong."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.failure import Code, TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.logins.login import Answer, Kind, Login
from ansible_collections.todo.cloud.plugins.module_utils.logins.postgres import Postgres, parameters
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cluster.ports import free_port
from tests.unit.apps.postgres import Postgres as Server
from tests.unit.apps.postgres import binaries, server

LOGIN = Login("database", Kind.POSTGRESQL, "todo", "database", hint="Correct it.")
HBA = """
local all all trust
host all todo 127.0.0.1/32 trust
hostssl all tlsonly 127.0.0.1/32 scram-sha-256
host all app,full,asleep 127.0.0.1/32 scram-sha-256
"""

PARSED = {
    "postgresql://u:p%40ss@db.example.com/todo?sslmode=require": {
        "host": "db.example.com", "port": "5432", "user": "u", "password": "p@ss", "dbname": "todo",
        "sslmode": "require",
    },
    "postgresql+asyncpg://u:p@h1:1,h2:2/d?ssl=require&pool_size=5": {
        "host": "h1,h2", "port": "1,2", "user": "u", "password": "p", "dbname": "d", "sslmode": "require",
    },
    "host=db user=u password='it''s' dbname=d": None,
    r"host=db user=u password='it\'s a' dbname=d": {"host": "db", "user": "u", "password": "it's a", "dbname": "d"},
    "postgresql://u:p@[::1]:5433/d": {"host": "::1", "port": "5433", "user": "u", "password": "p", "dbname": "d"},
    "mysql://u:p@h/d": None,
    "postgresql:///d": None,
    "": None,
}  # fmt: skip


@pytest.mark.parametrize("text", PARSED)
def test_a_connection_string_is_read_as_libpq_reads_it(text: str) -> None:
    wanted = PARSED[text]
    if wanted is None:
        with pytest.raises(TodoCloudError, match="no connection string") as caught:
            parameters(LOGIN, {"url": text})
        assert caught.value.failure.code is Code.INVALID_INPUT
        return
    found = parameters(LOGIN, {"url": text})
    assert found.pop("connect_timeout") == "15"
    assert found == wanted


@pytest.mark.parametrize("mode", ["", "?sslmode=disable", "?sslmode=prefer"])
def test_a_string_without_tls_is_refused_where_it_is_required(mode: str) -> None:
    login = Login("database", Kind.POSTGRESQL, "todo", "database", tls=True)
    with pytest.raises(TodoCloudError, match="does not demand TLS") as caught:
        Postgres().target(login, {"url": f"postgresql://u:secret@h/d{mode}"})
    assert caught.value.failure.code is Code.TLS_MISMATCH
    assert "secret" not in str(caught.value)
    Postgres().target(login, {"url": "postgresql://u:p@h/d?sslmode=verify-full"})


def authority(folder: Path, name: str) -> tuple[str, str]:
    """A certificate that signs itself, for localhost: PEM and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2)).add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False).sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return authority(tmp_path_factory.mktemp("ca"), "the authority")


@pytest.fixture(scope="module")
def postgres(ca: tuple[str, str]) -> Iterator[Server]:
    files = {"server.crt": ca[0], "server.key": ca[1], "pg_hba.conf": HBA.strip() + "\n"}
    with server(files={**files, "postgresql.auto.conf": "ssl = on\n"}) as found:
        for name in ("app", "tlsonly", "full", "asleep"):
            found.sql("postgres", f"CREATE ROLE {name} LOGIN PASSWORD 'right-one'")
        found.sql("postgres", "ALTER ROLE full CONNECTION LIMIT 0")
        found.sql("postgres", "ALTER ROLE asleep NOLOGIN")
        yield found


def begun(tmp_path: Path, url: str, ca: str = "", wait: int = 0) -> subprocess.Popen[str]:
    """The Job's script, run here."""
    texts = {"url": url, **({"ca.crt": ca} if ca else {})}
    for name, text in Postgres().files(LOGIN, texts).items():
        (tmp_path / name).write_text(text.replace("/login/", f"{tmp_path}/"))
    script = Postgres().script(LOGIN, wait).replace("/login/", f"{tmp_path}/")
    assert "right-one" not in script
    env = {"PATH": f"{binaries()}:/usr/bin:/bin"}
    return subprocess.Popen(["/bin/sh", "-c", script], env=env, stdout=subprocess.PIPE, text=True)


def tried(tmp_path: Path, url: str, ca: str = "") -> Answer:
    target = Postgres().target(LOGIN, {"url": url})
    with begun(tmp_path, url, ca) as script:
        output, _none = script.communicate(timeout=300)
    return Postgres().judge(LOGIN, target, output)


def relay(listener: socket.socket, port: int) -> None:
    """One connection after another, each to the server."""
    with suppress(OSError):
        while True:
            client = listener.accept()[0]
            there = socket.create_connection(("127.0.0.1", port))
            for one, other in ((client, there), (there, client)):
                threading.Thread(target=pump, args=(one, other), daemon=True).start()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def test_a_database_that_starts_at_the_first_connection_is_waited_for(tmp_path: Path, postgres: Server) -> None:
    door = free_port()
    url = f"postgresql://app:right-one@127.0.0.1:{door}/postgres"
    with begun(tmp_path, url, wait=600) as script, socket.socket() as listener:
        assert script.stdout
        assert script.stdout.readline() == "login: again\n", "nobody listens yet"
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", door))
        listener.listen()
        threading.Thread(target=relay, args=(listener, postgres.port), daemon=True).start()
        output, _none = script.communicate(timeout=300)
    answer = Postgres().judge(LOGIN, Postgres().target(LOGIN, {"url": url}), output)
    assert answer.failure is None
    assert answer.about.startswith("PostgreSQL 1")


def test_a_good_login_says_what_answered(tmp_path: Path, postgres: Server, ca: tuple[str, str]) -> None:
    base = f"postgresql://app:right-one@localhost:{postgres.port}/postgres"
    plain = tried(tmp_path, f"{base}?sslmode=disable")
    assert (plain.failure, plain.about[-13:]) == (None, ", without TLS")
    strict = tried(tmp_path, f"{base}?sslmode=verify-full", ca[0])
    assert strict.failure is None
    assert strict.about.startswith("PostgreSQL 1")
    assert "TLSv1." in strict.about


CASES = {
    "app:wrong@{at}/postgres": (Code.LOGIN_DENIED, "the password is wrong, or there is no such user"),
    "nobody:x@{at}/postgres": (Code.LOGIN_DENIED, "takes no login of this user"),
    "app:right-one@{at}/nothing": (Code.DATABASE_MISSING, "there is no database nothing"),
    "asleep:right-one@{at}/postgres": (Code.LOGIN_DENIED, "there is no user asleep that may log in"),
    "full:right-one@{at}/postgres": (Code.TOO_MANY_CONNECTIONS, "too many connections"),
    "tlsonly:right-one@{at}/postgres?sslmode=disable": (Code.TLS_MISMATCH, "takes no login without TLS"),
    "app:right-one@nowhere.invalid/postgres": (Code.HOST_UNKNOWN, "the name does not resolve"),
    "app:right-one@127.0.0.1:{closed}/postgres": (Code.DEPENDENCY_DOWN, "is down: it refuses connections"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_failure_is_named(case: str, tmp_path: Path, postgres: Server) -> None:
    code, words = CASES[case]
    url = f"postgresql://{case.format(at=f'127.0.0.1:{postgres.port}', closed=free_port())}"
    failure = tried(tmp_path, url).failure
    assert failure is not None
    assert (failure.code, words in failure.message) == (code, True), failure.message
    assert "right-one" not in failure.message
    assert failure.message.startswith("database: PostgreSQL at ")


def test_another_authority_is_named(tmp_path: Path, postgres: Server) -> None:
    other = authority(tmp_path, "another")[0]
    url = f"postgresql://app:right-one@localhost:{postgres.port}/postgres?sslmode=verify-full"
    failure = tried(tmp_path, url, other).failure
    assert failure is not None
    assert failure.code is Code.CERTIFICATE_UNTRUSTED, failure.message


def test_a_server_without_tls_is_named(tmp_path: Path, postgres: Server) -> None:
    postgres.sql("postgres", "ALTER SYSTEM SET ssl = off")
    postgres.sql("postgres", "SELECT pg_reload_conf()")
    try:
        failure, url = None, f"postgresql://app:right-one@localhost:{postgres.port}/postgres"
        for _attempt in range(50):  # the postmaster reads its settings a moment later
            failure = tried(tmp_path, f"{url}?sslmode=require").failure
            if failure is not None:
                break
        assert failure is not None
        assert failure.code is Code.TLS_MISMATCH, failure.message
        assert "speaks no TLS" in failure.message
    finally:
        postgres.sql("postgres", "ALTER SYSTEM SET ssl = on")
        postgres.sql("postgres", "SELECT pg_reload_conf()")
