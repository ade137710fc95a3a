"""Puts recurring-task-service together. Environment: BACKEND_URL, SERVICE_TOKEN.

It keeps nothing itself: a message delivered twice asks the backend twice, and the backend makes the instance once.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, date, datetime
from uuid import UUID

import httpx

from recurring_task_service.recurrence import next_due
from todo_common.dapr import TASK_EVENTS, BadEvent, Event, TryLater, subscribe
from todo_common.service import Service
from todo_common.settings import Settings

log = logging.getLogger("recurring")
#: Before asking for redelivery: the sidecar redelivers almost at once.
_PAUSE_SECONDS = 0.5


def create(settings: Settings) -> Service:
    service = Service(settings)
    backend = settings.url("BACKEND_URL", "http://backend-api")
    token = settings.required("SERVICE_TOKEN", "the secret it calls the backend with")

    async def on_event(event: Event) -> None:
        if event.type != "task.completed":
            return
        wanted = _next_instance(event)
        if wanted is None:
            return
        task_id, due = wanted
        try:
            response = await service.http.post(
                f"{backend}/internal/tasks/{task_id}/next",
                json={"due": due.isoformat()},
                headers={"authorization": f"Bearer {token}"},
            )
        except httpx.HTTPError as error:
            await asyncio.sleep(_PAUSE_SECONDS)
            raise TryLater(f"the backend does not answer ({type(error).__name__})") from error
        await _check_response(response, task_id, due)

    subscribe(service, {TASK_EVENTS: on_event}, dead_letters=True)
    return service


def _next_instance(event: Event) -> tuple[UUID, date] | None:
    """Which task needs an instance due when; None when it does not recur. Raises BadEvent."""
    try:
        task = event.data["task"]
        if task["recurrence"] == "none":
            return None
        completed = datetime.fromisoformat(task["completed_at"]).astimezone(UTC).date()
        due = next_due(date.fromisoformat(task["due"]), task["recurrence"], task["repeat_day"], completed)
        return UUID(task["id"]), due
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadEvent(f"event {event.id}: {type(error).__name__}: {error}") from error


async def _check_response(response: httpx.Response, task_id: UUID, due: date) -> None:
    fields = {"fields": {"task_id": str(task_id), "due": due.isoformat()}}
    if response.status_code == 201:
        log.info("next instance created", extra=fields)
    elif response.status_code == 200:
        log.info("next instance existed already", extra=fields)
    elif response.status_code == 409:
        log.info("no next instance needed: %s", response.text[:200], extra=fields)
    elif response.status_code in (400, 404, 422):
        raise BadEvent(f"the backend refuses it with {response.status_code}: {response.text[:200]}")
    else:  # 401 and 403 too: a token that is just being changed must not lose an event
        await asyncio.sleep(_PAUSE_SECONDS)
        raise TryLater(f"the backend answers {response.status_code}")
