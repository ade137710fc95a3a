"""Puts backend-api together. Environment: DATABASE_URL, SECRET_KEY, SERVICE_TOKEN."""

from __future__ import annotations

import logging

import psycopg
from fastapi import Request
from fastapi.responses import JSONResponse

from backend_api import accounts, store, tasks
from backend_api.database import Database
from backend_api.outbox import Outbox
from backend_api.security import Tokens
from todo_common.dapr import PublishError
from todo_common.lifecycle import Worker
from todo_common.service import Service
from todo_common.settings import Settings

log = logging.getLogger("backend")
_REMINDER_BATCH = 100


def create(settings: Settings) -> Service:
    service = Service(settings)
    db = Database(settings.required("DATABASE_URL", "where the tasks are"), settings.service)
    tokens = Tokens(settings.required("SECRET_KEY", "the key that signs users' tokens"))
    service_token = settings.required("SERVICE_TOKEN", "the secret that other services call with")
    expected = (PublishError, psycopg.OperationalError)
    publisher = Worker("outbox", Outbox(db, service).step, seconds=1, expected=expected)

    async def remind() -> bool:
        async with db.transaction() as connection:
            claimed = await store.claim_reminders(connection, _REMINDER_BATCH)
        if claimed:
            publisher.wake()
        return len(claimed) == _REMINDER_BATCH

    service.checks["database"] = db.check
    service.resources.append(db)
    service.workers.append(Worker("reminders", remind, seconds=1, expected=expected))
    if settings.dapr_enabled:
        service.workers.append(publisher)
    else:
        log.warning("DAPR_ENABLED=false: events stay in the outbox")
    service.app.state.tokens = tokens
    service.app.add_exception_handler(psycopg.OperationalError, _database_down)
    service.app.include_router(accounts.router(db, tokens))
    service.app.include_router(tasks.router(db, publisher.wake, service_token, loses=settings.fault == "loses-tasks"))
    return service


async def _database_down(_: Request, error: Exception) -> JSONResponse:
    log.error("database: %s: %s", type(error).__name__, error)
    return JSONResponse(
        {"detail": "the database can't be reached at the moment; try again"},
        status_code=503,
        headers={"Retry-After": "1"},
    )
