"""Register, log in, and who am I."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import psycopg
from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend_api import security
from backend_api.database import Database, maybe, one
from backend_api.security import Tokens, User


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid")

    username: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, to_lower=True, min_length=3, max_length=64, pattern=r"^[A-Za-z0-9._@+-]+$"
        ),
    ]
    password: Annotated[str, Field(min_length=8, max_length=200)]


def bearer(request: Request) -> str:
    """The token of an Authorization header, or ''."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def current_user(request: Request) -> User:
    """The user whose token came with the request; 401 without one."""
    tokens: Tokens = request.app.state.tokens
    user = tokens.user(bearer(request))
    if user is None:
        raise HTTPException(401, "log in first", headers={"WWW-Authenticate": "Bearer"})
    return user


CurrentUser = Annotated[User, Depends(current_user)]


def router(db: Database, tokens: Tokens) -> APIRouter:
    routes = APIRouter(prefix="/api")

    def session(user_id: UUID, name: str) -> dict[str, object]:
        token, expires = tokens.issue(user_id, name)
        return {
            "token": token,
            "expires_at": expires.isoformat(timespec="seconds"),
            "user": {"id": str(user_id), "username": name},
        }

    @routes.post("/auth/register", status_code=201)
    async def register(given: Credentials) -> dict[str, object]:
        password = await security.hash_password(given.password)
        async with db.connection() as connection:
            try:
                query = "INSERT INTO users (name, password) VALUES (%s, %s) RETURNING id"
                row = await one(connection, query, (given.username, password))
            except psycopg.errors.UniqueViolation:
                raise HTTPException(409, "this user name is taken") from None
        return session(row["id"], given.username)

    @routes.post("/auth/login")
    async def login(given: Credentials) -> dict[str, object]:
        async with db.connection() as connection:
            row = await maybe(connection, "SELECT id, password FROM users WHERE name = %s", (given.username,))
        good = await security.password_matches(given.password, row["password"] if row else security.NOBODY)
        if not (row and good):
            raise HTTPException(401, "wrong user name or password")
        return session(row["id"], given.username)

    @routes.get("/me")
    async def me(user: CurrentUser) -> dict[str, object]:
        return {"user": user.as_json(), "expires_at": user.expires_at.isoformat(timespec="seconds")}

    @routes.delete("/me", status_code=204)
    async def leave(user: CurrentUser) -> None:
        """The user, with all tasks."""
        async with db.connection() as connection:
            await connection.execute("DELETE FROM users WHERE id = %s", (user.id,))

    return routes
