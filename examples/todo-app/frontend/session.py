"""The browser's session: the user's token in a cookie that scripts can't read.

Against forged requests from other sites: SameSite=Lax, and requests that change something must come from this origin
(https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html). A program
that sends no Origin header is not a browser, and may.
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from fastapi.responses import Response

COOKIE = "todo_session"
_SAFE = frozenset({"GET", "HEAD"})


def is_https(request: Request) -> bool:
    """Whether the browser came by HTTPS: the ingress ends it and says so."""
    return bool(request.headers.get("x-forwarded-proto", request.url.scheme) == "https")


def authorization(request: Request) -> str:
    """The Authorization header to pass on: the request's own, or the cookie's token."""
    given = request.headers.get("authorization", "")
    token = request.cookies.get(COOKIE, "")
    return given or (f"Bearer {token}" if token else "")


def open_session(request: Request, response: Response, token: str, expires_at: str) -> None:
    left = datetime.fromisoformat(expires_at) - datetime.now(UTC)
    response.set_cookie(
        COOKIE, token, max_age=int(left.total_seconds()), httponly=True, samesite="lax", secure=is_https(request)
    )


def close_session(request: Request, response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=is_https(request))


def refuse_other_sites(request: Request) -> None:
    """403 for a changing request that a page of another site sent."""
    if request.method in _SAFE:
        return
    origin = request.headers.get("origin")
    here = request.headers.get("host", "")
    other = urlsplit(origin).netloc != here if origin else False
    if other or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "this request comes from another site")
