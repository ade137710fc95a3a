"""The task API: one user's tasks, and the endpoint that the recurring-task service calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import psycopg
from fastapi import APIRouter, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from psycopg.rows import DictRow
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

from backend_api import store
from backend_api.accounts import CurrentUser, bearer
from backend_api.database import Connection, Database
from backend_api.security import same_secret


def _printable(text: str) -> str:
    if any(ord(c) < 32 and c not in "\n\t" for c in text) or any(0xD800 <= ord(c) < 0xE000 for c in text):
        raise ValueError("must not contain control characters")
    return text


def _sane_year(value: date) -> date:
    if not 2000 <= value.year < 3000:
        raise ValueError("must lie between the years 2000 and 2999")
    return value


Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_printable)
]
Notes = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_printable)]
Due = Annotated[date, AfterValidator(_sane_year)]
RemindAt = Annotated[AwareDatetime, AfterValidator(_sane_year)]
Recurrence = Literal["none", "daily", "weekly", "monthly"]


class NewTask(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Title
    notes: Notes = ""
    due: Due | None = None
    recurrence: Recurrence = "none"
    remind_at: RemindAt | None = None


class Changes(BaseModel):
    """Fields that are left out stay as they are; null empties due and remind_at."""

    model_config = ConfigDict(extra="forbid")

    title: Title = ""
    notes: Notes = ""
    due: Due | None = None
    recurrence: Recurrence = "none"
    remind_at: RemindAt | None = None


class NextInstance(BaseModel):
    model_config = ConfigDict(extra="forbid")

    due: Due


def router(db: Database, wake: Callable[[], None], service_token: str, loses: bool = False) -> APIRouter:
    """`wake` is called after a change: there is an event to publish. `loses`: APP_FAULT=loses-tasks, new ones are gone
    again, though all is answered well.
    """
    routes = APIRouter()

    @asynccontextmanager
    async def change() -> AsyncIterator[Connection]:
        try:
            async with db.transaction() as connection:
                yield connection
        except store.Invalid as error:
            raise HTTPException(422, str(error)) from None
        except psycopg.errors.ForeignKeyViolation:
            raise HTTPException(401, "this user does not exist any more") from None
        wake()

    @routes.get("/api/tasks")
    async def list_tasks(
        user: CurrentUser,
        status: Literal["all", "open", "done"] = "all",
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> Response:
        async with db.connection() as connection:
            rows, more = await store.list_(connection, user.id, status, limit, offset)
        return JSONResponse({"tasks": [store.as_json(row) for row in rows], "more": more})

    @routes.post("/api/tasks")
    async def create(
        user: CurrentUser, task: NewTask, idempotency_key: Annotated[str, Header(max_length=100)] = ""
    ) -> Response:
        async with change() as connection:
            row = await store.create(connection, user.id, task.model_dump(), idempotency_key)
            if loses:
                await store.delete(connection, user.id, row["id"])
        return JSONResponse(store.as_json(row), status_code=201)

    @routes.get("/api/tasks/{task_id}")
    async def get(user: CurrentUser, task_id: UUID) -> Response:
        async with db.connection() as connection:
            return _found(await store.get(connection, user.id, task_id))

    @routes.patch("/api/tasks/{task_id}")
    async def update(user: CurrentUser, task_id: UUID, changes: Changes) -> Response:
        async with change() as connection:
            row = await store.update(connection, user.id, task_id, changes.model_dump(exclude_unset=True))
        return _found(row)

    @routes.post("/api/tasks/{task_id}/complete")
    async def complete(user: CurrentUser, task_id: UUID) -> Response:
        async with change() as connection:
            row = await store.set_completed(connection, user.id, task_id, True)
        return _found(row)

    @routes.post("/api/tasks/{task_id}/reopen")
    async def reopen(user: CurrentUser, task_id: UUID) -> Response:
        async with change() as connection:
            row = await store.set_completed(connection, user.id, task_id, False)
        return _found(row)

    @routes.delete("/api/tasks/{task_id}")
    async def delete(user: CurrentUser, task_id: UUID) -> Response:
        async with change() as connection:
            found = await store.delete(connection, user.id, task_id)
        if not found:
            raise HTTPException(404, "no such task")
        return Response(status_code=204)

    @routes.post("/internal/tasks/{task_id}/next")
    async def create_next(request: Request, task_id: UUID, given: NextInstance) -> Response:
        if not same_secret(bearer(request), service_token):
            raise HTTPException(401, "the service token is wrong")
        try:
            async with db.transaction() as connection:
                row, new = await store.create_next(connection, task_id, given.due)
        except store.Invalid as error:
            raise HTTPException(409, str(error)) from None
        wake()
        body: dict[str, Any] = {"created": new, "task": row and store.as_json(row)}
        return JSONResponse(body, status_code=201 if new else 200)

    return routes


def _found(row: DictRow | None) -> JSONResponse:
    if row is None:
        raise HTTPException(404, "no such task")
    return JSONResponse(store.as_json(row))
