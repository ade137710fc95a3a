"""Puts the frontend together. Environment: BACKEND_URL, SSE_URL.

It is the only public service: the page at /, the backend's /api/* and the event stream at /events, each by a call
from here to the service behind.
"""

from __future__ import annotations

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse, Response

from frontend import session
from frontend.pages import Pages, SafeHeaders
from frontend.proxy import Api, Events
from frontend.upstream import Unavailable
from todo_common.service import Service
from todo_common.settings import Settings

_METHODS = ["GET", "POST", "PATCH", "DELETE"]


def create(settings: Settings) -> Service:
    service = Service(settings)
    backend = settings.url("BACKEND_URL", "http://backend-api")
    pages = Pages(settings.version)
    api = Api(service, backend)
    events = Events(service.lifecycle, settings.url("SSE_URL", "http://sse-gateway"))

    async def check_backend() -> None:
        await service.check_url(f"{backend}/health", "the backend")

    async def file(request: Request, name: str = "index.html") -> Response:
        answer = pages.answer(name, request)
        if answer is None:
            raise HTTPException(404, "no such file")
        return answer

    async def logout(request: Request) -> Response:
        session.refuse_other_sites(request)
        response = Response(status_code=204)
        session.close_session(request, response)
        return response

    service.checks["backend"] = check_backend
    service.resources.append(events.client)
    service.app.add_middleware(SafeHeaders, version=settings.version)
    service.app.add_exception_handler(Unavailable, _unavailable)
    service.app.add_api_route("/", file, methods=["GET", "HEAD"])
    service.app.add_api_route("/static/{name}", file, methods=["GET", "HEAD"])
    service.app.add_api_route("/events", events.stream, methods=["GET"])
    service.app.add_api_route("/api/auth/logout", logout, methods=["POST"])
    service.app.add_api_route("/api/{path:path}", api.forward, methods=_METHODS)
    return service


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=503, headers={"Retry-After": "1"})
