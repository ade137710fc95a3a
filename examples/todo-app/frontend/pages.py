"""The page and its files: read once at start, served from memory with headers that keep a browser safe."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_SAFE_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
}


@dataclass(frozen=True)
class _File:
    body: bytes
    media_type: str
    etag: str


class Pages:
    """The files beside this module, with the version written into the page."""

    def __init__(self, version: str) -> None:
        self._files: dict[str, _File] = {}
        for path in (Path(__file__).parent / "static").iterdir():
            body = path.read_bytes()
            if path.suffix == ".html":
                body = body.replace(b"{{version}}", version.encode())
            self._files[path.name] = _File(body, _TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')

    def answer(self, name: str, request: Request) -> Response | None:
        """The file, 304 when the browser has it, or None. Browsers ask every time: versions change under them."""
        file = self._files.get(name)
        if file is None:
            return None
        headers = {"etag": file.etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        return Response(file.body, media_type=file.media_type, headers=headers)


class SafeHeaders:
    """Adds the headers above to every response, HSTS where the browser came by HTTPS, and the version."""

    def __init__(self, app: ASGIApp, version: str) -> None:
        self._app = app
        headers = {**_SAFE_HEADERS, "x-app-version": version}
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = list(self._headers)
        if (b"x-forwarded-proto", b"https") in scope["headers"]:
            added.append((b"strict-transport-security", b"max-age=31536000"))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        await self._app(scope, receive, with_headers)
