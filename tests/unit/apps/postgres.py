"""A real PostgreSQL of the tests' own: Debian's binaries, a temporary folder, an unprivileged user, a free port."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.ports import free_port
from tests.unit.apps.processes import dying_with_parent, wait_until

_NOBODY = 65534


def binaries() -> Path:
    """The folder with initdb and postgres; the newest of Debian's, else what is on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise RuntimeError("PostgreSQL's server is missing; install the package postgresql")
    return found[-1].parent if found else Path(on_path or "").parent


class Postgres:
    """A server that runs; databases in it are made and dropped by name."""

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, database: str) -> str:
        return f"postgresql://todo@127.0.0.1:{self.port}/{database}"

    def sql(self, database: str, statement: str) -> list[list[str]]:
        """Run a statement with psql; its rows."""
        answer = subprocess.run(self._psql(database, "-c", statement), capture_output=True, text=True, timeout=300)
        assert answer.returncode == 0, answer.stderr
        return [line.split("|") for line in answer.stdout.splitlines()]

    @contextmanager
    def holding(self, database: str, statement: str) -> Iterator[None]:
        """While inside, a transaction that has run `statement` stays open."""
        with subprocess.Popen(self._psql(database), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
            assert psql.stdin
            assert psql.stdout
            psql.stdin.write(f"BEGIN;\n\\o /dev/null\n{statement};\n\\echo held\n")
            psql.stdin.flush()
            assert psql.stdout.readline().strip() == "held"
            yield
            psql.stdin.write("ROLLBACK;\n")
            psql.stdin.close()

    @contextmanager
    def unavailable(self, database: str) -> Iterator[None]:
        """While inside, the database takes no connection and has none."""
        self.sql("postgres", f'ALTER DATABASE "{database}" WITH ALLOW_CONNECTIONS false')
        self.sql("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
        try:
            yield
        finally:
            self.sql("postgres", f'ALTER DATABASE "{database}" WITH ALLOW_CONNECTIONS true')

    def _psql(self, database: str, *arguments: str) -> list[str]:
        return ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *arguments, self.url(database)]


@contextmanager
def server(files: Mapping[str, str] | None = None) -> Iterator[Postgres]:
    """Start one, stop it by its own pid, remove its folder. ``files`` of its data folder."""
    folder = Path(tempfile.mkdtemp(prefix="todo-apps-pg-"))
    port = free_port()
    # PostgreSQL refuses to run as root
    user: dict[str, Any] = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    if user:
        os.chown(folder, _NOBODY, _NOBODY)
    data = folder / "data"
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "fsync": "off",
        "max_connections": 100,
    }
    try:
        initdb = [f"{binaries()}/initdb", "-D", str(data), "-U", "todo", "-A", "trust", "--no-sync", "-E", "UTF8"]
        made = subprocess.run(initdb, capture_output=True, text=True, cwd="/", **user)
        assert made.returncode == 0, made.stderr
        for name, text in (files or {}).items():
            file = data / name
            file.write_text(text)
            file.chmod(0o600)
            if user:
                os.chown(file, _NOBODY, _NOBODY)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        argv = dying_with_parent([f"{binaries()}/postgres", "-D", str(data), *map(str, options)], "INT")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log, cwd="/", **user)
        ask = [f"{binaries()}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        try:
            wait_until(lambda: subprocess.run(ask).returncode == 0, "PostgreSQL answers")
            yield Postgres(port)
        finally:
            process.send_signal(signal.SIGINT)  # its fast shutdown
            process.wait(300)
    finally:
        shutil.rmtree(folder)
