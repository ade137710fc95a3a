"""Passwords (scrypt), user tokens (JWT, HS256) and the token that other services call with."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt

from todo_common.settings import ConfigError

#: 16 MiB and about 40 ms each. Two at a time: that bounds the memory, whatever the number of logins.
_COST, _BLOCK = 2**14, 8
_threads = ThreadPoolExecutor(2, thread_name_prefix="scrypt")

TOKEN_LIFETIME = timedelta(hours=12)
_ISSUER = "todo"
#: RFC 7518 §3.2: a key for HS256 has at least 256 bits.
_KEY_BYTES = 32


async def hash_password(password: str) -> str:
    """`scrypt$n$r$salt$hash`, to be stored."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _hash, password)


async def password_matches(password: str, stored: str) -> bool:
    return await asyncio.get_running_loop().run_in_executor(_threads, _matches, password, stored)


def _hash(password: str) -> str:
    salt = secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK, p=1)
    return f"scrypt${_COST}${_BLOCK}${salt.hex()}${digest.hex()}"


def _matches(password: str, stored: str) -> bool:
    _, cost, block, salt, digest = stored.split("$")
    again = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), n=int(cost), r=int(block), p=1)
    return hmac.compare_digest(again, bytes.fromhex(digest))


#: Compared with when the user is unknown, so that the time taken does not tell.
NOBODY = f"scrypt${_COST}${_BLOCK}${'00' * 16}${'00' * 64}"


@dataclass(frozen=True)
class User:
    """Who is asking, by their token."""

    id: UUID
    name: str
    expires_at: datetime

    def as_json(self) -> dict[str, str]:
        return {"id": str(self.id), "username": self.name}


class Tokens:
    """Makes and checks tokens. A token can't be called back; it lives for TOKEN_LIFETIME."""

    def __init__(self, key: str) -> None:
        if len(key.encode()) < _KEY_BYTES:
            raise ConfigError(f"SECRET_KEY is too short: it needs at least {_KEY_BYTES} bytes")
        self._key = key

    def issue(self, user_id: UUID, name: str, now: datetime | None = None) -> tuple[str, datetime]:
        """A token and when it expires."""
        now = now or datetime.now(UTC)
        expires = now + TOKEN_LIFETIME
        claims = {"iss": _ISSUER, "sub": str(user_id), "name": name, "iat": now, "exp": expires}
        return jwt.encode(claims, self._key, algorithm="HS256"), expires

    def user(self, token: str) -> User | None:
        """Whose token it is; None when it is forged, broken or expired."""
        try:
            claims = jwt.decode(
                token, self._key, algorithms=["HS256"], issuer=_ISSUER, options={"require": ["exp", "sub", "iss"]}
            )
            return User(UUID(claims["sub"]), claims["name"], datetime.fromtimestamp(claims["exp"], UTC))
        except (jwt.InvalidTokenError, ValueError, KeyError):
            return None


def same_secret(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
