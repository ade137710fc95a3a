"""Puts sse-gateway together. Environment: BACKEND_URL; PUBSUB_NAME=pubsub-broadcast, so that every replica gets all.

Who a browser is, the gateway asks the backend (GET /api/me with the browser's token): the key that signs tokens
stays in one service.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import httpx
from fastapi import HTTPException, Request
from fastapi.responses import StreamingResponse

from sse_gateway.hub import Hub
from todo_common.dapr import REMINDERS, TASK_EVENTS, BadEvent, Event, subscribe
from todo_common.service import Service
from todo_common.settings import Settings

log = logging.getLogger("sse")
_HEADERS = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}


def create(settings: Settings) -> Service:
    service = Service(settings)
    backend = settings.url("BACKEND_URL", "http://backend-api")
    hub = Hub(service.lifecycle)

    async def on_event(event: Event) -> None:
        user = event.data.get("user_id")
        if not isinstance(user, str):
            raise BadEvent(f"event {event.id} ({event.type}) does not say whose it is")
        hub.send(user, event)

    async def events(request: Request, token: str = "") -> StreamingResponse:
        if service.lifecycle.draining:
            raise HTTPException(503, "shutting down", headers={"Retry-After": "1"})
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        user, seconds = await _who(service, backend, value if scheme.lower() == "bearer" else token)
        if hub.is_full(user):
            raise HTTPException(429, "too many open streams", headers={"Retry-After": "30"})
        frames = hub.stream(user, {"version": settings.version, "pod": settings.pod}, seconds)
        return StreamingResponse(frames, media_type="text/event-stream", headers=_HEADERS)

    service.app.add_api_route("/events", events, methods=["GET"], response_model=None)
    subscribe(service, {TASK_EVENTS: on_event, REMINDERS: on_event})
    return service


async def _who(service: Service, backend: str, token: str) -> tuple[str, float]:
    """The user's id and for how many seconds the token is good."""
    if not token:
        raise HTTPException(401, "log in first")
    for attempt in (1, 2):  # once more when a backend pod goes away at this moment
        try:
            response = await service.http.get(f"{backend}/api/me", headers={"authorization": f"Bearer {token}"})
            break
        except httpx.HTTPError as error:
            if attempt == 2:
                log.warning("the backend does not answer: %s", type(error).__name__)
                raise HTTPException(503, "the backend does not answer", headers={"Retry-After": "1"}) from None
    if response.status_code == 401:
        raise HTTPException(401, "log in first")
    if not response.is_success:
        raise HTTPException(503, "the backend does not answer", headers={"Retry-After": "1"})
    me = response.json()
    left = datetime.fromisoformat(me["expires_at"]) - datetime.now(UTC)
    return me["user"]["id"], left.total_seconds()
