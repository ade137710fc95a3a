"""Publishes what stands in the outbox, at least once. Several replicas may do so side by side."""

from __future__ import annotations

import logging

from prometheus_client import Gauge

from backend_api.database import Database, one
from todo_common import dapr, trace
from todo_common.dapr import PublishError
from todo_common.service import Service

log = logging.getLogger("outbox")
PENDING = Gauge("outbox_pending", "Events waiting to be published (counted up to 10000)")
_BATCH = 20


class Outbox:
    """`step` publishes one batch: its rows are locked meanwhile, and deleted when the sidecar has them.

    A process that dies in between leaves them to the next, which publishes them again with the same ids.
    """

    def __init__(self, db: Database, service: Service) -> None:
        self._db = db
        self._service = service

    async def step(self) -> bool:
        """Returns whether there may be more; raises PublishError when the sidecar or the broker is in trouble."""
        published: list[int] = []
        trouble: PublishError | None = None
        async with self._db.transaction() as connection:
            cursor = await connection.execute(
                "SELECT id, topic, key, event, traceparent FROM outbox WHERE next_attempt_at <= now()"
                " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
                (_BATCH,),
            )
            rows = await cursor.fetchall()
            for row in rows:
                trace.begin(row["traceparent"])
                try:
                    await dapr.publish(self._service, row["topic"], row["event"], row["key"])
                    published.append(row["id"])
                except PublishError as error:
                    if not error.rejected:
                        trouble = error
                        break
                    log.error("event %s: %s; it stays in the outbox", row["event"]["id"], error)
                    await connection.execute(
                        "UPDATE outbox SET attempts = attempts + 1, next_attempt_at ="
                        " now() + least(power(2, attempts), 60) * interval '1 second' WHERE id = %s",
                        (row["id"],),
                    )
            if published:
                await connection.execute("DELETE FROM outbox WHERE id = ANY(%s)", (published,))
            query = "SELECT count(*) AS n FROM (SELECT FROM outbox LIMIT 10000) AS waiting"
            PENDING.set((await one(connection, query))["n"])
        if trouble:
            raise trouble
        return len(rows) == _BATCH
