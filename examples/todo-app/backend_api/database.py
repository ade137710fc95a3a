"""PostgreSQL: the pool of connections and the schema."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from todo_common.service import NotReady
from todo_common.settings import ConfigError

log = logging.getLogger("database")
Connection = psycopg.AsyncConnection[DictRow]

_POOL_MAX = 10
_LOCK = 0x70D0  # any number, the same in every replica
_MIGRATIONS = (
    # 1: old and new versions run side by side during a rollout, so later ones may only add
    """
    CREATE TABLE users (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        name text NOT NULL UNIQUE,
        password text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE tasks (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
        title text NOT NULL,
        notes text NOT NULL DEFAULT '',
        due date,
        recurrence text NOT NULL DEFAULT 'none' CHECK (recurrence IN ('none', 'daily', 'weekly', 'monthly')),
        repeat_day smallint,             -- the day of the month that a monthly task keeps to
        remind_at timestamptz,
        reminded_at timestamptz,         -- its reminder was claimed
        completed_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        parent_task_id uuid,             -- the instance before; no reference: it may be deleted
        next_task_id uuid,               -- set once, when the next instance is made; stays when that is deleted
        UNIQUE (parent_task_id, due)
    );
    CREATE INDEX tasks_open ON tasks (user_id, due, created_at) WHERE completed_at IS NULL;
    CREATE INDEX tasks_done ON tasks (user_id, completed_at) WHERE completed_at IS NOT NULL;
    CREATE INDEX tasks_to_remind ON tasks (remind_at) WHERE reminded_at IS NULL AND completed_at IS NULL;
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        topic text NOT NULL,
        key text NOT NULL,
        event jsonb NOT NULL,
        traceparent text NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT now()
    );
    """,
)


class Database:
    """Connections in autocommit mode; the schema is brought up to date before the first one is handed out."""

    def __init__(self, url: str, application: str) -> None:
        try:
            conninfo_to_dict(url)
        except psycopg.Error:
            raise ConfigError("DATABASE_URL is not a PostgreSQL connection string (postgresql://…)") from None
        self._migrated = False
        self._migrating = asyncio.Lock()
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "prepare_threshold": None,  # a pooler such as pgbouncer may stand in between
                "application_name": application,
                "connect_timeout": 3,
            },
            min_size=2,
            max_size=_POOL_MAX,
            reconnect_timeout=5,
            check=AsyncConnectionPool.check_connection,
            open=False,
        )

    async def __aenter__(self) -> Database:
        await self._pool.open(wait=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close(timeout=2)

    @asynccontextmanager
    async def connection(self, seconds: float = 10) -> AsyncIterator[Connection]:
        """For single statements. Raises psycopg.OperationalError when there is no database for that long."""
        async with self._pool.connection(seconds) as connection:
            if not self._migrated:
                async with self._migrating:
                    if not self._migrated:
                        await migrate(connection)
                        self._migrated = True
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """All or nothing."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def check(self) -> None:
        """For readiness: the database answers and has the schema."""
        try:
            async with self.connection(seconds=1) as connection:
                await connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise NotReady(f"no usable PostgreSQL ({type(error).__name__})") from error


async def migrate(connection: Connection) -> None:
    """Apply what is missing, once, though several replicas may start at the same moment."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        await connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY)")
        version = await one(connection, "SELECT coalesce(max(version), 0) AS version FROM schema_version")
        for number, statements in enumerate(_MIGRATIONS, start=1):
            if number > version["version"]:
                await connection.execute(statements)
                await connection.execute("INSERT INTO schema_version VALUES (%s)", (number,))
                log.info("schema brought to version %d", number)


async def maybe(connection: Connection, query: str, values: Any = None) -> DictRow | None:
    """The first row, if any."""
    return await (await connection.execute(query, values)).fetchone()


async def one(connection: Connection, query: str, values: Any = None) -> DictRow:
    """The one row that the query always gives."""
    row = await maybe(connection, query, values)
    assert row is not None
    return row
