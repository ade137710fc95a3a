"""PostgreSQL beside the cluster, as a managed database is: Debian's package, started and stopped with the node."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql

from tests.cluster.errors import ClusterError
from tests.cluster.state import Cluster

DATA = Path("/var/lib/postgresql")
RUN = Path("/run/postgresql")
USER = "postgres"

# The data folder appears whole or not at all, so that a killed first start is simply repeated.
# A lock file left by a killed node means nothing: process numbers begin anew with each node.
_START = """
set -e
programs=$1 address=$2 data=$3 run=$4
if [ ! -e "$data/main" ]; then
    rm -rf "$data/new"
    "$programs/initdb" --pgdata="$data/new" --username=postgres --pwfile="$run/password" --auth=scram-sha-256 \\
        --encoding=UTF8 --locale=C.UTF-8 --no-sync
    mv "$data/new" "$data/main"
fi
rm -f "$data/main/postmaster.pid"
exec "$programs/postgres" -D "$data/main" -c listen_addresses="$address" -c unix_socket_directories="$run" \\
    -c hba_file="$run/pg_hba.conf" -c shared_buffers=32MB
"""


def command(address: str) -> tuple[str, ...]:
    """The server's command line; the first start makes its data folder."""
    as_user = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups")
    return (*as_user, "sh", "-c", _START, USER, str(_programs()), address, str(DATA), str(RUN))


def prepare(cluster: Cluster) -> None:
    """In the node: the folders of the server, its access rules and the superuser's first password."""
    RUN.mkdir(parents=True, exist_ok=True)
    (RUN / "pg_hba.conf").write_text("local all all peer\nhost all all 0.0.0.0/0 scram-sha-256\n")
    password = RUN / "password"
    password.touch(mode=0o600)
    password.write_text(cluster.admin_password)
    for path in (RUN, DATA, password):
        shutil.chown(path, USER, USER)
    DATA.chmod(0o700)


def wait(cluster: Cluster, deadline: float, alive: Callable[[], None]) -> None:
    """Wait until the server answers, then make sure that database ``todo`` and its owner are there.

    Args:
        deadline: on the monotonic clock, seconds.
        alive: called while waiting; raises when waiting has become pointless.
    """
    while True:
        try:
            with psycopg.connect(cluster.database_url_admin, connect_timeout=3, autocommit=True) as connection:
                _make_database(connection, cluster.todo_password)
            return
        except psycopg.OperationalError as error:
            alive()
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"PostgreSQL of cluster {cluster.name} does not answer ({str(error).strip()}); "
                    f"its log is {cluster.folder}/log/postgres.log."
                ) from error
            time.sleep(0.1)


def _make_database(connection: psycopg.Connection[tuple[object, ...]], password: str) -> None:
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'todo'").fetchone():
        connection.execute(sql.SQL("CREATE ROLE todo LOGIN PASSWORD {}").format(sql.Literal(password)))
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'todo'").fetchone():
        connection.execute("CREATE DATABASE todo OWNER todo")


def _programs() -> Path:
    """The folder of the newest server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if not found:
        raise ClusterError("PostgreSQL is missing: install the Debian package postgresql.")
    return found[-1].parent
